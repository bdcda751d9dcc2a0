"""Images moved between splits by hand, and draws: what moves with them, what stays, and how it is taken back."""

import uuid

import pytest
import sqlalchemy as sa

from app.db.models import ChangeSet, Image, MarkEvent
from app.domain.enums import LabelSource, Split
from app.services import history, labels, split_draws, split_moves, splits
from app.services.gallery import ImageFilter
from app.services.grouping import Grouping
from app.services.split_draws import Amount
from app.services.split_moves import Wish
from tests.train.pages import JSON, rows_of
from tests.train.rows import add_rows, project_of, who
from tests.train.test_splits import ids_of, together

COPIES = Grouping("copies")
EVERYTHING = ImageFilter(state=None)


def moved(session, project, chosen, to, **wish):
    if not isinstance(chosen, ImageFilter):
        chosen = ImageFilter(state=None, ids=tuple(chosen))
    return split_moves.move(session, project.id, chosen, Wish(to, **wish), **who())


def undo(session, project, change_set):
    return labels.undo(session, project.id, change_set.id, actor="other", request_id=uuid.uuid4().hex)


def places(session):
    return {
        row.id: (row.split, row.split_source)
        for row in session.execute(sa.select(Image.id, Image.split, Image.split_source))
    }


def test_move__all_that_match_is_one_change_and_is_undone_as_a_whole(any_database):
    with any_database.write() as session:
        project = project_of(session, {"a": 30, "b": 20}, test=3, validation=2)
        before = places(session)
        done = moved(session, project, ImageFilter(class_id=project.classes[0].id), Split.VALIDATION)
        assert (done.change_set.image_count, done.plan.pinned, done.plan.leaving) == (30, 3, 0)
        assert splits.table(session, project.id).validation_sources == {"hand": 30, "folder": 4}
        assert undo(session, project, done.change_set).conflicts == []
        assert places(session) == before
        redone = labels.redo(session, project.id, done.change_set.id, actor="o", request_id="again")
        assert redone.change_set.image_count == 30
        assert splits.table(session, project.id).validation_sources == {"hand": 30, "folder": 4}


def test_move__the_pinned_test_set_is_left_only_when_asked_for(database):
    with database.write() as session:
        project = project_of(session, {"a": 10, "b": 10}, test=4)
        tested = ids_of(session, Split.TEST)
        kept = moved(session, project, tested, None)
        assert (kept.change_set.image_count, kept.plan.pinned) == (0, 8)
        assert ids_of(session, Split.TEST) == tested
        let = moved(session, project, tested, None, release=True)
        assert (let.change_set.image_count, let.plan.leaving) == (8, 8)
        assert ids_of(session, Split.TEST) == []
        undo(session, project, let.change_set)
        assert splits.table(session, project.id).test_sources == {"folder": 8}


def test_move__groups_move_or_stay_as_a_whole(any_database):
    with any_database.write() as session:
        project = project_of(session, {"a": 12, "b": 12}, test=2)
        tested, free = ids_of(session, Split.TEST), ids_of(session, None)
        together(session, project, free[0], free[1], free[2])
        together(session, project, free[5], tested[0])
        plan = split_moves.plan(
            session, project.id, ImageFilter(state=None, ids=(free[0], free[5])), Wish(Split.VALIDATION, COPIES)
        )
        assert (plan.moving.tolist(), plan.chosen, plan.mates, plan.pinned) == (free[:3], 2, 2, 2)
        done = moved(session, project, [free[0], free[5]], Split.VALIDATION, together=COPIES)
        assert ids_of(session, Split.VALIDATION) == free[:3]
        assert undo(session, project, done.change_set).change_set.image_count == 3
        alone = moved(session, project, [free[0], free[5]], Split.VALIDATION)
        assert (ids_of(session, Split.VALIDATION), alone.plan.mates) == ([free[0], free[5]], 0)
        joined = moved(session, project, [tested[0]], Split.TEST, together=COPIES)  # its copy comes to it
        assert (joined.plan.moving.tolist(), joined.plan.mates) == ([free[5]], 1)
        let = moved(session, project, [free[5]], None, together=COPIES, release=True)
        assert (sorted(let.plan.moving.tolist()), let.plan.leaving) == (sorted([free[5], tested[0]]), 2)


def test_move__patients_by_file_name(database):
    with database.write() as session:
        project = project_of(session, {"a": 12, "b": 12})
        for row in session.scalars(sa.select(Image)):
            row.name = f"patient{row.id % 6}_{row.id}.png"
        session.flush()
        first = ids_of(session, None)[0]
        moved(session, project, [first], Split.TEST, together=Grouping("name"))
        assert ids_of(session, Split.TEST) == [row for row in ids_of(session, Split.TEST) if row % 6 == first % 6]
        assert len(ids_of(session, Split.TEST)) == 4


def test_undo__names_images_that_were_moved_again_since(client, database):
    with database.write() as session:
        project = project_of(session, {"a": 5, "b": 5})
        ids = ids_of(session, None)
        first = moved(session, project, ids[:4], Split.TEST).change_set
        moved(session, project, ids[:1], None, release=True)
        slug, change_set = project.slug, first.id
    page = client.post(f"/p/{slug}/history/{change_set}", data={"request_id": "x"}).text
    assert "1 image was changed again since and stays as it is." in page
    with database.read() as session:
        assert ids_of(session, Split.TEST) == []
        assert session.scalar(sa.select(sa.func.count()).select_from(MarkEvent)) == 4 + 1 + 3


def test_draw__is_one_change_of_the_history_and_is_undone(client, database):
    project = rows_of(database, {"a": 40, "b": 20})
    address = f"/p/{project.slug}/splits"
    client.post(address, data={"action": "draw", "by": "share", "share": "0.2", "seed": "3"})
    with database.read() as session:
        first = ids_of(session, Split.TEST)
    page = client.post(address, data={"action": "draw", "by": "share", "share": "0.2", "seed": "4"}).text
    history_page = client.get(f"/p/{project.slug}/history").text
    assert "Test (drawn at random): " in history_page
    assert "page of the splits" in history_page
    with database.read() as session:
        changes = session.scalars(sa.select(ChangeSet).order_by(ChangeSet.id)).all()
    assert [change.field for change in changes] == ["split", "split"]
    assert changes[1].outcome["kinds"] == 2
    page = client.post(address, data={"action": "undo", "change": str(changes[1].id)}).text
    assert f"{changes[1].image_count} images were changed" in page
    with database.read() as session:
        assert ids_of(session, Split.TEST) == first
    again = client.post(address, data={"action": "undo", "change": str(changes[1].id)})
    assert again.status_code == 409
    assert "Test (drawn at random)" in client.get(f"/p/{project.slug}/images/{first[0]}").text


@pytest.mark.parametrize("seed", range(3))
def test_draws__are_a_partition_and_no_group_crosses(database, seed):
    with database.write() as session:
        project = project_of(session, {"a": 60, "b": 45, "c": 30}, test=2, validation=2)
        rows = session.scalars(sa.select(Image).order_by(Image.id)).all()
        for row in rows[::2]:
            row.name = f"patient{row.id % 17}_{row.id:03}.png"
        session.flush()
        same = {"together": Grouping("name"), "seed": seed, **who()}
        tested = split_draws.draw(session, project.id, Split.TEST, Amount(per_class=6), **same)
        checked = split_draws.draw(session, project.id, Split.VALIDATION, Amount(per_class=5), **{**same, **who()})
        learned = split_draws.draw_training(session, project.id, Amount(per_class=15), **{**same, **who()})
        rows = session.scalars(sa.select(Image).order_by(Image.id)).all()
        sets: dict[str, set[int]] = {"test": set(), "validation": set(), "training": set(), "left": set()}
        for row in rows:
            sets["left" if row.state == "excluded" else row.split or "training"].add(row.id)
        assert sum(map(len, sets.values())) == len(rows)
        groups: dict[str, set[str]] = {}
        for name, ids in sets.items():
            for row in rows:
                if row.id in ids and row.name.startswith("patient"):
                    groups.setdefault(row.name.split("_")[0], set()).add(name)
        crossing = {group for group, used in groups.items() if len(used) > 1}
        folders = {row.name.split("_")[0] for row in rows if row.split_source == "folder"}
        assert crossing <= folders  # a folder may have torn a patient apart before
        assert (tested.size, checked.size) == (
            splits.table(session, project.id).test_sources["drawn"],
            splits.table(session, project.id).validation_sources["drawn"],
        )
        assert learned.size == len(sets["training"])


def test_draw_validation__counts_each_class_and_can_be_put_back(client, database):
    project = rows_of(database, {"a": 20, "b": 12}, test=2)
    address = f"/p/{project.slug}/splits"
    page = client.post(
        address, data={"action": "draw", "split": "validation", "by": "count", "per_class": "5", "seed": "1"}
    ).text
    assert "10 images were changed" in page
    with database.read() as session:
        assert [row.validation for row in splits.table(session, project.id).classes] == [5, 5]
        assert splits.table(session, project.id).test == 4
    assert "10 images were changed" in client.post(address, data={"action": "clear", "split": "validation"}).text


def test_draw_training__names_classes_with_fewer_and_takes_the_others_in_again(client, database):
    project = rows_of(database, {"好中球": 20, "単球": 7}, test=2)
    address = f"/p/{project.slug}/splits"
    sent = {"action": "draw", "split": "train", "by": "count", "per_class": "10", "seed": "1"}
    page = client.post(address, data=sent).text
    assert "Fewer than 10 images, all of which take part: 単球." in page
    assert "10 images were not drawn and are excluded" in page
    with database.read() as session:
        assert [row.free for row in splits.table(session, project.id).classes] == [10, 7]
        assert splits.table(session, project.id).test == 4
        assert history.of_project(session, project.id)[0].field == "excluded"
    assert "not drawn for the training" in client.get(f"/p/{project.slug}/history").text
    assert client.post(address, data={**sent, "per_class": "12"}).status_code == 200
    with database.read() as session:
        assert [row.free for row in splits.table(session, project.id).classes] == [12, 7]
    assert "8 images were changed" in client.post(address, data={"action": "clear", "split": "train"}).text


def test_moves__by_json_with_a_plan_first(client, database):
    project = rows_of(database, {"a": 30, "b": 20}, test=3)
    with database.write() as session:
        tested, free = ids_of(session, Split.TEST), ids_of(session, None)
        together(session, project, free[0], free[1])
    address = f"/p/{project.slug}/splits"
    sent = {"to": "validation", "filter": {}, "shown": 56, "together": "copies"}
    plan = client.post(f"{address}/plan", json=sent, headers=JSON).json()
    assert (plan["moving"], plan["pinned"], plan["mates"]) == (50, 6, 0)
    assert plan["sentences"][0] == "50 images will move."
    assert "6 images stay" in plan["sentences"][1]
    one = {"to": "test", "image_ids": [free[0]], "request_id": "r1"}
    done = client.post(f"{address}/move", json=one, headers=JSON).json()
    assert (done["count"], done["mates"]) == (2, 1)
    assert done["sentences"][0] == "2 images were moved."
    assert client.post(f"{address}/move", json=one, headers=JSON).json()["change_set"] == done["change_set"]
    out = {"to": None, "image_ids": tested, "release": True, "request_id": "r2"}
    assert "6 images leave the test set." in client.post(f"{address}/move", json=out, headers=JSON).json()["sentences"]
    undone = client.post(f"/p/{project.slug}/labels/undo", json={"request_id": "u", "of_request": "r2"}, headers=JSON)
    assert undone.json()["count"] == 6


BAD: list[tuple[dict[str, object], int]] = [
    ({"to": "holdout", "image_ids": [1]}, 422),
    ({"to": "test"}, 422),
    ({"to": "test", "image_ids": []}, 422),
    ({"to": "test", "image_ids": [4711]}, 404),
    ({"to": "test", "image_ids": [1], "together": "name", "pattern": "#"}, 422),
    ({"to": "test", "filter": {}, "shown": 1}, 409),
]


def test_moves__what_makes_no_sense_is_refused(client, database, subtests):
    project = rows_of(database, {"a": 5, "b": 5})
    for number, (sent, status) in enumerate(BAD):
        with subtests.test(sent=str(sent)):
            answer = client.post(
                f"/p/{project.slug}/splits/move", json={**sent, "request_id": f"b{number}"}, headers=JSON
            )
            assert answer.status_code == status


def test_image_page__moves_one_image_and_asks_before_it_leaves_the_test_set(client, database):
    project = rows_of(database, {"a": 5, "b": 5}, test=1)
    with database.write() as session:
        tested, free = ids_of(session, Split.TEST)[0], ids_of(session, None)
        together(session, project, free[0], free[1])
    page = f"/p/{project.slug}/images/{free[0]}"
    assert "Its copy moves, too" in client.get(page).text
    answer = client.post(f"{page}/split", data={"to": "test", "request_id": "1", "mates": "1"})
    assert "chosen by hand" in answer.text
    with database.read() as session:
        assert set(ids_of(session, Split.TEST)) >= {free[0], free[1]}
    page = f"/p/{project.slug}/images/{tested}"
    refused = client.post(f"{page}/split", data={"to": "none", "request_id": "2"})
    assert refused.status_code == 409
    assert "is in the pinned test set" in refused.text
    assert "No split yet" in client.post(f"{page}/split", data={"to": "none", "request_id": "3", "release": "1"}).text


def test_history__of_a_large_move_reads_few_events(database):
    with database.write() as session:
        project = project_of(session, {"a": 3000, "b": 10})
        add_rows(session, project, None, 10)
        done = moved(session, project, EVERYTHING, Split.TRAIN)
        line = history.of_project(session, project.id)[0]
        assert (line.image_count, dict(line.counts), line.several_classes) == (3020, {"train:hand": 3020}, False)
        assert line.source == LabelSource.SPLITS
        assert line.example is not None
        assert line.example.after == "train:hand"
        assert done.change_set.outcome is not None
        assert done.change_set.outcome["first"] == line.example.image_id


def test_mates__are_counted_in_the_groups_of_the_image_alone(any_database):
    with any_database.write() as session:
        project = project_of(session, {"a": 6})
        free = ids_of(session, None)
        together(session, project, *free[:3])
        together(session, project, *free[3:5])
        assert [split_moves.mates(session, project.id, image_id) for image_id in free] == [2, 2, 2, 1, 1, 0]

"""The pinned test set: drawn, drawn again, cleared, and a test folder that a draw leaves alone."""

import pytest
import sqlalchemy as sa

from app.db.health_models import HealthFinding, HealthMember
from app.db.models import Image
from app.db.run_models import RunItem
from app.domain.enums import Split
from app.domain.errors import Invalid, NotFound
from app.domain.recipe import Recipe
from app.services import runs, splits
from app.services.grouping import Grouping
from tests.train.rows import add_rows, clear_test, draw_test, project_of, set_split


def ids_of(session, split) -> list[int]:
    return sorted(session.scalars(sa.select(Image.id).where(Image.split == split)))


def test_table__counts_what_a_training_would_use(any_database):
    with any_database.write() as session:
        project = project_of(session, {"好中球": 5, "単球": 3, "unused": 0}, test=0, validation=0)
        add_rows(session, project, project.classes[0], 2, split=Split.TEST)
        add_rows(session, project, project.classes[1], 4, split=Split.VALIDATION)
        add_rows(session, project, project.classes[1], 6, split=Split.TRAIN)
        add_rows(session, project, None, 7)
        add_rows(session, project, project.classes[1], 8, state="excluded")
        table = splits.table(session, project.id)
    counts = [(row.name, row.free, row.validation, row.test) for row in table.classes]
    assert counts == [("好中球", 5, 0, 2), ("単球", 9, 4, 0), ("unused", 0, 0, 0)]
    assert (table.unlabelled, table.excluded, table.test_sources) == (7, 8, {"folder": 2})
    assert [row.name for row in table.used] == ["好中球", "単球"]


def test_draw_test__stratified_and_the_same_again_with_the_same_seed(any_database):
    with any_database.write() as session:
        project = project_of(session, {"a": 40, "b": 20})
        assert draw_test(session, project.id, share=0.2, seed=7) == 12
        first = ids_of(session, Split.TEST)
        assert [row.test for row in splits.table(session, project.id).classes] == [8, 4]
        draw_test(session, project.id, share=0.2, seed=8)
        assert ids_of(session, Split.TEST) != first
        draw_test(session, project.id, share=0.2, seed=7)
        assert ids_of(session, Split.TEST) == first
        assert set(session.scalars(sa.select(Image.split_source).where(Image.split == Split.TEST))) == {"drawn"}


def test_draw_test__leaves_test_and_validation_folders_alone(database):
    with database.write() as session:
        project = project_of(session, {"a": 20, "b": 20}, test=3, validation=2, free="train")
        folder = set(ids_of(session, Split.TEST))
        assert draw_test(session, project.id, per_class=4, seed=1) == 8
        assert folder < set(ids_of(session, Split.TEST))
        assert len(ids_of(session, Split.VALIDATION)) == 4
        assert clear_test(session, project.id) == 8
        assert set(ids_of(session, Split.TEST)) == folder


def test_draw_test__releases_the_test_folder_only_when_told(database):
    with database.write() as session:
        project = project_of(session, {"a": 20, "b": 20}, test=5)
        assert draw_test(session, project.id, per_class=4, seed=1, release_folder=True) == 8
        assert splits.table(session, project.id).test_sources == {"drawn": 8}


def test_draw_test__names_all_classes_that_are_too_small(database):
    with database.write() as session:
        project = project_of(session, {"a": 20, "単球": 4, "好塩基球": 2})
        with pytest.raises(Invalid, match="classes_too_small_to_draw") as refusal:
            draw_test(session, project.id, per_class=4)
        assert refusal.value.params == {"names": "単球 (4), 好塩基球 (2)", "size": 4}


def test_draw_test__without_labelled_images_is_refused(database):
    with database.write() as session, pytest.raises(Invalid, match="no_labelled_images"):
        draw_test(session, project_of(session, {"a": 0}).id, share=0.2)


def test_draw_test__unlabelled_and_excluded_images_are_never_drawn(database):
    with database.write() as session:
        project = project_of(session, {"a": 10, "b": 10})
        add_rows(session, project, None, 50)
        add_rows(session, project, project.classes[0], 50, state="excluded")
        assert draw_test(session, project.id, share=0.5) == 10


def test_set_split__moves_images_by_hand_and_back(database):
    with database.write() as session:
        project = project_of(session, {"a": 10, "b": 10})
        ids = list(session.scalars(sa.select(Image.id).limit(3)))
        assert set_split(session, project.id, ids, Split.TEST) == 3
        assert splits.table(session, project.id).test_sources == {"hand": 3}
        assert set_split(session, project.id, ids, Split.TEST) == 0
        assert set_split(session, project.id, ids, None) == 3
        assert ids_of(session, Split.TEST) == []


def test_set_split__refuses_an_image_of_another_project_and_changes_nothing(database):
    with database.write() as session:
        project = project_of(session, {"a": 2, "b": 2})
        other = project_of(session, {"c": 1})
        ids = list(session.scalars(sa.select(Image.id)))
        with pytest.raises(NotFound, match="image_missing"):
            set_split(session, project.id, ids, Split.TEST)
        assert splits.table(session, other.id).test == 0
        assert ids_of(session, Split.TEST) == []


def test_draw_test__copies_and_patients_are_never_torn_apart(database):
    with database.write() as session:
        project = project_of(session, {"a": 60, "b": 60})
        rows = session.scalars(sa.select(Image).order_by(Image.id)).all()
        for row in rows[:100]:
            row.name = f"patient{row.id % 20}_{row.id:03}.png"
        copies = HealthFinding(project_id=project.id, kind="copies", signature="x", score=1.0)
        session.add(copies)
        session.flush()
        session.add_all(HealthMember(finding_id=copies.id, image_id=rows[index].id) for index in (110, 115))
        session.flush()
        for seed in range(6):
            count = draw_test(session, project.id, share=0.25, seed=seed, together=Grouping("name"))
            assert 24 <= count <= 36
            drawn = set(session.scalars(sa.select(Image.id).where(Image.split == Split.TEST)))
            patients = [{row.id in drawn for row in rows[:100] if row.id % 20 == number} for number in range(20)]
            assert all(len(sides) == 1 for sides in patients)
            assert (rows[110].id in drawn) == (rows[115].id in drawn)


def together(session, project, *image_ids):
    """Let the newest check have found that these are copies of one picture."""
    found = HealthFinding(project_id=project.id, kind="copies", signature=str(image_ids), score=1.0)
    session.add(found)
    session.flush()
    session.add_all(HealthMember(finding_id=found.id, image_id=image_id) for image_id in image_ids)
    session.flush()


def test_draw_test__copies_of_pinned_test_images_join_them(database):
    """Left among the free images, they would be learned from, and flatter the test."""
    with database.write() as session:
        project = project_of(session, {"a": 40, "b": 40}, test=3)
        pinned, free = ids_of(session, Split.TEST), ids_of(session, None)
        together(session, project, pinned[0], free[7], free[50])
        draw_test(session, project.id, per_class=5, together=Grouping("none"))
        assert {free[7], free[50]} & set(ids_of(session, None))  # by plain chance, as was asked for
        for seed in range(4):
            count = draw_test(session, project.id, per_class=5, seed=seed, together=Grouping("copies"))
            tested = ids_of(session, Split.TEST)
            assert (count, len(tested)) == (12, 18)
            assert {free[7], free[50], *pinned} <= set(tested)
        draw_test(session, project.id, per_class=5, release_folder=True, together=Grouping("copies"))
        assert len({pinned[0], free[7], free[50]} & set(ids_of(session, Split.TEST))) in (0, 3)


def test_run__leaves_out_what_belongs_together_with_a_test_image(client, database):
    with database.write() as session:
        project = project_of(session, {"a": 40, "b": 40}, test=3)
        pinned, free = ids_of(session, Split.TEST), ids_of(session, None)
        together(session, project, pinned[0], free[7], free[50])
        learned = []
        for by in ("none", "copies"):
            run = runs.create(session, project, Recipe(folds=4, group_by=by), actor="t")
            learned.append(set(session.scalars(sa.select(RunItem.image_id).where(RunItem.run_id == run.id))))
        slug = project.slug
    assert learned[0] - learned[1] == {free[7], free[50]}
    assert learned[0] >= learned[1]
    assert "2 images outside of the test set are copies of test images" in client.get(f"/p/{slug}/splits").text
    assert "2 images are copies of test images. They are left out" in client.get(f"/p/{slug}/train").text


def test_run__is_refused_where_a_class_belongs_together_with_the_test_set(database):
    with database.write() as session:
        project = project_of(session, {"a": 12, "b": 12}, test=2)
        session.execute(sa.update(Image).values(path="monday/a/x.png"))
        with pytest.raises(Invalid) as caught:
            runs.create(session, project, Recipe(group_by="folder"), actor="t")
        assert (caught.value.code, caught.value.params["name"]) == ("groups_pinned", "a")


def test_draw_test__bursts_are_never_torn_apart(client, database):
    with database.write() as session:
        project = project_of(session, {"a": 60, "b": 60})
        rows = session.scalars(sa.select(Image).order_by(Image.id)).all()
        for row in rows[:100]:
            row.conversion = {"taken": f"2024-05-01T12:{row.id // 5 % 60:02}:{row.id % 5:02}", "camera": "D7000"}
        slug, bursts = project.slug, {row.id: row.id // 5 for row in rows[:100]}
    form = {"by": "share", "share": "0.25", "together": "burst", "seconds": "1", "action": "draw"}
    for seed in range(3):
        assert client.post(f"/p/{slug}/splits", data={**form, "seed": str(seed)}).status_code == 200
        with database.read() as session:
            drawn = set(ids_of(session, Split.TEST))
        assert 25 <= len(drawn) <= 35
        sides: dict[int, set[bool]] = {}
        for image_id, burst in bursts.items():
            sides.setdefault(burst, set()).add(image_id in drawn)
        assert all(len(side) == 1 for side in sides.values())
    refused = client.post(f"/p/{slug}/splits", data={**form, "seed": "0", "seconds": "soon"})
    assert refused.status_code == 422
    assert 'aria-invalid="true"' in refused.text


def test_run__keeps_groups_in_one_fold_and_leaves_the_test_set(database):
    with database.write() as session:
        project = project_of(session, {"a": 40, "b": 40}, test=3)
        for row in session.scalars(sa.select(Image).where(Image.split.is_(None))):
            row.name = f"burst{row.id // 4}_{row.id % 4}.png"
        run = runs.create(session, project, Recipe(folds=5, group_by="name"), actor="t")
        query = sa.select(Image.name, RunItem.fold, RunItem.split).join(Image, Image.id == RunItem.image_id)
        items = session.execute(query.where(RunItem.run_id == run.id)).all()
    folds: dict[str, set[int | None]] = {}
    for name, fold, split in items:
        if split != Split.TEST:
            folds.setdefault(name.split("_")[0], set()).add(fold)
    assert len(folds) >= 20
    assert all(len(used) == 1 for used in folds.values())
    assert sum(split == Split.TEST for _name, _fold, split in items) == 6

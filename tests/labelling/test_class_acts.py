"""Rename, merge, split, retire, reorder: one change set each, nothing lost, all of it taken back."""

import re

import pytest
import sqlalchemy as sa

from app.db.models import Image, LabelClass, Project
from app.domain.errors import Conflict, Invalid, NotFound
from app.services import class_acts, classes, history
from app.services.class_names import KnownNames
from app.services.gallery import ImageFilter
from tests import factories
from tests.labelling.bench import Bench


def act(bench, name, *args, actor="mika", **more):
    with bench.database.write() as session:
        project = session.get_one(Project, bench.project_id)
        who = {"actor": actor, "request_id": more.pop("request_id", None) or bench.request_id()}
        return getattr(class_acts, name)(session, project, *args, **more, **who)


def now(bench):
    with bench.database.read() as session:
        found = session.scalars(sa.select(LabelClass).order_by(LabelClass.position))
        return [(item.name, item.second_name, item.key, item.retired) for item in found]


PLAIN = [("好中球", "", "1", False), ("好酸球", "", "2", False), ("単球", "", "3", False)]


def test_edit__is_undone_and_redone(bench):
    values = {"name": "Neutrophil", "second_name": "好中球 ", "key": "Q", "color": "#123456"}
    change = act(bench, "edit", bench.classes[0], values)
    assert now(bench)[0] == ("Neutrophil", "好中球", "Q", False)
    bench.undo(change.id)
    assert now(bench) == PLAIN
    bench.redo(change.id)
    assert now(bench)[0] == ("Neutrophil", "好中球", "Q", False)


def test_description__keeps_its_lines_is_undone_and_is_no_matter_of_the_other_fields(bench, client):
    text = " 核が分かれる \u202e\n\n 桿状核球は含まない "
    change = act(bench, "edit", bench.classes[0], {"description": text})
    page = client.get("/p/cells/classes").text
    assert "核が分かれる\n\n桿状核球は含まない" in page
    fields = {"name": "好中球", "key": "1"}
    client.post(f"/p/cells/classes/{bench.classes[0]}", data=fields)
    assert "桿状核球" in client.get("/p/cells/label").text  # the button says what belongs to the class
    assert "another description" in client.get("/p/cells/history").text
    bench.undo(change.id)
    assert "桿状核球" not in client.get("/p/cells/classes").text
    client.post(f"/p/cells/classes/{bench.classes[0]}", data={**fields, "description": "x" * 3000})
    assert "x" * classes.LONGEST_DESCRIPTION in client.get("/p/cells/classes").text
    assert "x" * (classes.LONGEST_DESCRIPTION + 1) not in client.get("/p/cells/classes").text


def test_edit__undo_is_refused_when_it_was_changed_again_or_the_name_is_taken(bench):
    first = act(bench, "edit", bench.classes[0], {"name": "A"})
    act(bench, "edit", bench.classes[0], {"name": "B"}, actor="ken")
    with pytest.raises(Conflict, match="class_changed_since"):
        bench.undo(first.id)
    other = act(bench, "edit", bench.classes[1], {"name": "C"})
    act(bench, "edit", bench.classes[2], {"name": "好酸球"})
    with pytest.raises(Conflict, match="class_name_taken_since"):
        bench.undo(other.id)
    assert [row[0] for row in now(bench)] == ["B", "C", "好酸球"]


def test_merge__moves_every_image_and_undo_gives_all_back(bench):
    a, b, c = bench.images
    bench.assign((a, bench.classes[0]), (b, bench.classes[0]), (c, bench.classes[1]))
    bench.mark("excluded", "blurred", b)
    change = act(bench, "merge", bench.classes[0], bench.classes[1], shown=2)
    assert (change.image_count, bench.now(), now(bench)[0]) == (2, [1, 1, 1], ("好中球", "", "", True))
    with bench.database.read() as session:
        step = history.of_image(session, bench.project_id, a)[0]
        line = history.act(session, bench.project_id, change.id)
    assert (step.before_id, step.after_id, step.source) == (bench.classes[0], bench.classes[1], "classes")
    assert line is not None
    assert [(item.class_id, item.after) for item in line.class_changes] == [
        (bench.classes[0], {"key": "", "retired": True})
    ]
    bench.undo(change.id)
    assert (bench.now(), now(bench)) == ([0, 0, 1], PLAIN)


def test_history__names_the_class_of_each_change(bench, client):
    a, _, _ = bench.images
    bench.assign((a, bench.classes[0]))
    act(bench, "move", bench.classes[0], 2)
    act(bench, "edit", bench.classes[1], {"key": "Q", "color": "#123456"})
    act(bench, "merge", bench.classes[0], bench.classes[1])
    page = client.get("/p/cells/history").text
    told = [" ".join(text.split()) for text in re.findall(r'<span class="class-change">(.*?)</span>', page, re.DOTALL)]
    assert told == ["“好中球”: key 1 → –, merged and retired", "“好酸球”: another colour, key 2 → Q", "another order"]


def test_merge__undo_names_images_labelled_again_since(bench):
    a, b, _ = bench.images
    bench.assign((a, bench.classes[0]), (b, bench.classes[0]))
    change = act(bench, "merge", bench.classes[0], bench.classes[1])
    bench.assign((b, bench.classes[2]), actor="ken")
    taken = bench.undo(change.id)
    assert [(item.image_id, item.actor) for item in taken.conflicts] == [(b, "ken")]
    assert (bench.now(), now(bench)) == ([0, 2, None], PLAIN)


def test_merge__refuses_more_than_was_shown_and_itself(bench):
    bench.assign((bench.images[0], bench.classes[0]), (bench.images[1], bench.classes[0]))
    with pytest.raises(Conflict, match="selection_grew"):
        act(bench, "merge", bench.classes[0], bench.classes[1], shown=1)
    with pytest.raises(Invalid, match="class_merged_into_itself"):
        act(bench, "merge", bench.classes[0], bench.classes[0])
    assert now(bench) == PLAIN


def test_merge__sent_twice_is_done_once(bench):
    bench.assign((bench.images[0], bench.classes[0]))
    first = act(bench, "merge", bench.classes[0], bench.classes[1], request_id="same")
    again = act(bench, "merge", bench.classes[0], bench.classes[1], shown=0, request_id="same")
    assert first.id == again.id


def test_merge__of_an_empty_class_is_in_the_history(bench):
    change = act(bench, "merge", bench.classes[0], bench.classes[1], shown=0)
    with bench.database.read() as session:
        assert [item.change_set_id for item in history.of_project(session, bench.project_id)] == [change.id]
    bench.undo(change.id)
    assert now(bench) == PLAIN


def test_split__makes_a_class_and_undo_retires_it(bench):
    a, b, c = bench.images
    bench.assign((a, bench.classes[0]), (b, bench.classes[1]))
    change = act(bench, "split", ImageFilter(state=None, ids=(a, c)), "桿状核球")
    made = now(bench)[3]
    assert (change.image_count, made) == (2, ("桿状核球", "", "4", False))
    bench.undo(change.id)
    assert (bench.now(), now(bench)[3]) == ([0, 1, None], ("桿状核球", "", "", True))
    bench.redo(change.id)
    assert now(bench)[3] == made
    with pytest.raises(Invalid, match="nothing_selected"):
        act(bench, "split", ImageFilter(state=None, ids=()), "x")


@pytest.mark.slow
def test_split__forty_thousand_in_one_change(database):
    bench = Bench(database, 40_000)
    change = act(bench, "split", ImageFilter(unlabelled=True), "all")
    assert change.image_count == 40_000
    bench.undo(change.id)
    assert set(bench.now()) == {None}


def test_retire_and_move__are_undone(bench):
    retired = act(bench, "retire", bench.classes[1], True)
    moved = act(bench, "move", bench.classes[2], -2)
    assert [row[0] for row in now(bench)] == ["単球", "好中球", "好酸球"]
    with bench.database.read() as session:
        project = session.get_one(Project, bench.project_id)
        session.refresh(project, ["classes"])
        assert [item.name for item in project.offered] == ["単球", "好中球"]
    bench.undo(moved.id)
    bench.undo(retired.id)
    assert now(bench) == PLAIN


def test_move__without_an_effect_is_not_in_the_history(bench):
    act(bench, "move", bench.classes[0], -1)
    with bench.database.read() as session:
        assert history.of_project(session, bench.project_id) == []


def test_ensure__finds_the_second_name_and_offers_a_retired_class_again(bench):
    act(bench, "edit", bench.classes[0], {"second_name": "Neutrophil"})
    act(bench, "retire", bench.classes[0], True)
    with bench.database.write() as session:
        project = session.get_one(Project, bench.project_id)
        found = classes.ensure(session, project, ["ＮＥＵＴＲＯＰＨＩＬ"])
        assert [item.id for item in found.values()] == [bench.classes[0]]
    assert now(bench)[0][3] is False


def test_delete__a_merged_class_stays_for_its_history(database, store):
    with database.write() as session:
        project = factories.make_project(session)
        one, other = project.classes[:2]
        factories.add_images(session, store, project, 2, label_class=one)
        class_acts.merge(session, project, one.id, other.id, actor="mika", request_id="m")
        assert session.scalar(sa.select(sa.func.count()).where(Image.class_id == other.id)) == 2
        with pytest.raises(Conflict, match="class_in_use"):
            classes.delete(session, project, one.id)


def test_delete__is_in_the_history_and_offers_no_undo(bench, client):
    address = "/p/cells"
    client.post(f"{address}/classes", data={"name": "赤芽球"})
    with bench.database.read() as session:
        added = session.scalars(sa.select(LabelClass.id).where(LabelClass.name == "赤芽球")).one()
    client.post(f"{address}/classes/{added}", data={"name": "赤芽球", "key": "Q"})
    client.post(f"{address}/classes/{added}", data={"name": "Erythroblast", "key": "Q"})
    page = client.post(f"{address}/classes/{added}/delete").text
    assert now(bench) == PLAIN
    notice = re.search(r'<form class="notice" role="status".*?</form>', page, re.DOTALL)
    assert notice is not None
    assert "class “Erythroblast” deleted" in notice.group()
    assert "<button" not in notice.group()
    page = client.get(f"{address}/history").text
    told = [" ".join(text.split()) for text in re.findall(r'<span class="class-change">(.*?)</span>', page, re.DOTALL)]
    assert told == [
        "class “Erythroblast” deleted",
        "“赤芽球” renamed “Erythroblast”",
        "“Erythroblast”: key 4 → Q",
        "new class “赤芽球”",
    ]
    assert "/history/" not in page, "nothing of a class that is gone can be taken back"
    act(bench, "edit", bench.classes[0], {"key": "Q"})
    assert client.get(f"{address}/history").text.count('<form method="post" action="/p/cells/history/') == 1


def test_history__calls_a_class_that_is_gone_as_it_was_called_last(bench):
    added = act(bench, "added", "赤芽球", None)
    act(bench, "edit", added.id, {"key": "Q"})
    act(bench, "edit", added.id, {"name": "Erythroblast"})
    with bench.database.write() as session:  # without a line, as earlier versions did
        classes.delete(session, session.get_one(Project, bench.project_id), added.id)
    act(bench, "edit", bench.classes[2], {"key": "W"})  # nothing else tells the name of this one
    act(bench, "delete", bench.classes[2])
    with bench.database.read() as session:
        lines = [line for done in history.of_project(session, bench.project_id) for line in done.class_changes]
    assert [(line.name, line.gone) for line in lines] == [("単球", True)] * 2 + [("Erythroblast", True)] * 3


def test_delete__is_done_once_and_not_taken_back(bench):
    first = act(bench, "delete", bench.classes[2], request_id="same")
    assert act(bench, "delete", bench.classes[2], request_id="same").id == first.id
    assert now(bench) == PLAIN[:2]
    with pytest.raises(Conflict) as refused:
        bench.undo(first.id)
    assert (refused.value.code, refused.value.params["name"]) == ("class_gone", "単球")
    with pytest.raises(NotFound):
        act(bench, "delete", bench.classes[2])


def test_delete__a_class_that_is_used_leaves_no_line(bench, client):
    bench.assign((bench.images[0], bench.classes[0]))
    page = client.post(f"/p/cells/classes/{bench.classes[0]}/delete")
    assert page.status_code == 409
    assert "cannot be deleted" in page.text
    with bench.database.read() as session:
        assert [line.source for line in history.of_project(session, bench.project_id)] == ["label"]


def test_delete__the_former_name_of_another_class_is_still_told(bench):
    act(bench, "edit", bench.classes[0], {"name": "Neutrophil"})
    made = act(bench, "added", "好中球", None)
    act(bench, "delete", made.id)
    with bench.database.read() as session:
        project = session.get_one(Project, bench.project_id)
        assert KnownNames(session, project).other("好中球") == ("Neutrophil", "renamed")


def test_delete__its_id_is_given_to_no_class_of_another_project(bench, client):
    """The history would speak of that class, and offer to take back what happened to the one that is gone."""
    with bench.database.write() as session:
        factories.make_project(session, "other", [])
    gone = act(bench, "added", "赤芽球", None)
    act(bench, "edit", gone.id, {"key": "Q"})
    act(bench, "delete", gone.id)
    client.post("/p/other/classes", data={"name": "別の細胞"})
    with bench.database.read() as session:
        assert session.scalars(sa.select(LabelClass.id).where(LabelClass.name == "別の細胞")).one() > gone.id
    page = client.get("/p/cells/history").text
    assert "“赤芽球”: key 4 → Q" in " ".join(page.split())
    assert "別の細胞" not in page
    assert 'action="/p/cells/history/' not in page

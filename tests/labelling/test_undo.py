"""Undo and redo as a person experiences them."""

import pytest

from app.db.models import LabelEvent
from app.domain.enums import LabelSource
from app.domain.errors import Conflict, NotFound
from app.services import history, labels
from tests.labelling.factories import make_project


def test_undo__takes_back_step_by_step_and_redo_brings_back(bench):
    a = bench.images[0]
    for number in (0, 1, 2):
        bench.assign((a, bench.classes[number]))
    seen = []
    for step in (bench.undo, bench.undo, bench.undo, bench.redo, bench.redo, bench.undo, bench.redo, bench.redo):
        step()
        seen.append(bench.now()[0])
    assert seen == [1, 0, None, 0, 1, 0, 1, 2]
    with pytest.raises(NotFound, match="nothing_to_redo"):
        bench.redo()
    assert bench.versions()[0] == bench.count(LabelEvent) == 11


def test_undo__with_nothing_left_says_so(bench):
    with pytest.raises(NotFound, match="nothing_to_undo"):
        bench.undo()


def test_undo__is_an_event_of_its_own(bench):
    change = bench.assign((bench.images[0], bench.classes[0]))
    taken = bench.undo(actor="mika")
    assert (taken.change_set.source, taken.change_set.undoes_id) == ("undo", change.id)
    with bench.database.read() as session:
        steps = history.of_image(session, bench.project_id, bench.images[0])
    assert [(step.source, step.before_id, step.after_id) for step in steps] == [
        ("undo", bench.classes[0], None),
        ("label", None, bench.classes[0]),
    ]


def test_undo__leaves_the_work_of_others_and_imports_alone(bench):
    a, b, c = bench.images
    bench.assign((a, bench.classes[0]), actor="ken")
    bench.assign((b, bench.classes[0]), source=LabelSource.IMPORT)
    with pytest.raises(NotFound, match="nothing_to_undo"):
        bench.undo()
    bench.assign((c, bench.classes[0]))
    bench.undo()
    assert bench.now() == [0, 0, None]


def test_undo__named_change_of_another_person(bench):
    change = bench.assign((bench.images[0], bench.classes[0]), actor="ken")
    bench.undo(change.id, actor="mika")
    assert bench.now()[0] is None
    with pytest.raises(Conflict, match="change_undone_already"):
        bench.undo(change.id)


def test_undo__keeps_what_was_changed_again_and_reports_it(bench):
    a, b, c = bench.images
    bulk = bench.assign((a, bench.classes[0]), (b, bench.classes[0]), (c, bench.classes[0]))
    bench.assign((b, bench.classes[1]), actor="ken")
    taken = bench.undo(bulk.id)
    assert bench.now() == [None, 1, None]
    assert [(item.image_id, item.class_id, item.actor) for item in taken.conflicts] == [(b, bench.classes[1], "ken")]
    assert taken.change_set.image_count == 2


def test_undo__refused_when_everything_was_changed_again(bench):
    a = bench.images[0]
    change = bench.assign((a, bench.classes[0]))
    bench.assign((a, bench.classes[1]), actor="ken")
    with pytest.raises(labels.LabelConflict, match="label_changed_since"):
        bench.undo(change.id)
    assert bench.now()[0] == 1


def test_undo__respects_a_label_deliberately_set_again(bench):
    a = bench.images[0]
    change = bench.assign((a, bench.classes[0]))
    bench.assign((a, bench.classes[1]), actor="ken")
    bench.assign((a, bench.classes[0]), actor="ken")
    with pytest.raises(labels.LabelConflict):
        bench.undo(change.id)


def test_undo__repeated_request_returns_the_first_result(bench):
    a, b, _ = bench.images
    bulk = bench.assign((a, bench.classes[0]), (b, bench.classes[0]))
    bench.assign((b, bench.classes[1]), actor="ken")
    first = bench.undo(bulk.id, request_id="undo-1")
    again = bench.undo(bulk.id, request_id="undo-1")
    assert again.change_set.id == first.change_set.id
    assert [item.image_id for item in again.conflicts] == [b]
    assert bench.versions() == [2, 2, 0]


def test_undo__refuses_a_change_of_another_project(bench):
    change = bench.assign((bench.images[0], bench.classes[0]))
    with bench.database.write() as session:
        other = make_project(session, slug="other")
        with pytest.raises(NotFound, match="change_missing"):
            labels.undo(session, other.id, change.id, actor="mika", request_id="x")


def test_redo__ends_with_a_new_label(bench):
    a, b, _ = bench.images
    bench.assign((a, bench.classes[0]))
    bench.undo()
    bench.assign((b, bench.classes[1]))
    with pytest.raises(NotFound, match="nothing_to_redo"):
        bench.redo()


def test_redo__by_the_change_that_was_undone(bench):
    change = bench.assign((bench.images[0], bench.classes[0]))
    bench.undo(change.id)
    bench.redo(change.id)
    assert bench.now()[0] == 0

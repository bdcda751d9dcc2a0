"""Excluded, unsure, skipped and notes: each an event, taken back as labels are."""

import pytest
import sqlalchemy as sa

from app.db.models import ChangeSet, Image, MarkEvent
from app.domain.errors import Conflict, Invalid, NotFound
from app.services import gallery, history, labels
from app.services.gallery import ImageFilter
from tests.labelling.bench import Bench

PLAIN = (None, False, False, "")


def test_put__each_mark_and_its_undo(bench):
    a = bench.images[0]
    bench.mark("excluded", "blurred", a)
    bench.mark("unsure", "", a)
    bench.mark("skipped", "", a)
    bench.mark("note", " 二つ\n写っている ", a)
    assert bench.marks()[0] == ("blurred", True, True, "二つ 写っている")
    for seen in (("blurred", True, True, ""), ("blurred", True, False, ""), ("blurred", False, False, ""), PLAIN):
        bench.undo()
        assert bench.marks()[0] == seen
    for _ in range(4):
        bench.redo()
    assert bench.marks()[0] == ("blurred", True, True, "二つ 写っている")


def test_put__right_is_the_class_that_was_seen(bench):
    a, b, c = bench.images
    seen, other = bench.classes[:2]
    bench.assign((a, seen), (b, other))
    found = bench.mark("checked", str(seen), a, b, c)
    assert found.image_count == 1
    with bench.database.read() as session:
        checked = session.scalars(sa.select(Image.checked_id).order_by(Image.id)).all()
    assert checked == [seen, None, None]
    for odd in ("x", "-1", "9" * 10, "１"):
        with pytest.raises(Invalid, match="mark_unknown"):
            bench.mark("checked", odd, a)


def test_put__writes_who_before_and_after(bench):
    bench.mark("excluded", "blurred", bench.images[0], actor="ken")
    bench.mark("excluded", "private", bench.images[0])
    bench.assign((bench.images[0], bench.classes[0]))
    with bench.database.read() as session:
        steps = history.of_image(session, bench.project_id, bench.images[0])
    assert [(step.field, step.before, step.after, step.after_id, step.actor) for step in steps] == [
        ("label", None, None, bench.classes[0], "mika"),
        ("excluded", "blurred", "private", None, "mika"),
        ("excluded", None, "blurred", None, "ken"),
    ]


def test_put__what_is_so_already_is_no_event(bench):
    first = bench.mark("unsure", "", *bench.images, request_id="same")
    again = bench.mark("unsure", "", *bench.images, request_id="same")
    other = bench.mark("unsure", "", *bench.images)
    assert (first.image_count, again.id, other.image_count) == (3, first.id, 0)
    assert bench.count(MarkEvent) == 3


def test_marks_and_labels__do_not_disturb_each_other(bench):
    """A note does not make a label stale, and undo of a mark looks at that mark only."""
    a = bench.images[0]
    unsure = bench.mark("unsure", "", a)
    bench.mark("note", "why?", a, actor="ken")
    bench.assign((a, bench.classes[1], 0))
    bench.undo(unsure.id)
    assert (bench.marks()[0], bench.now()[0]) == ((None, False, False, "why?"), 1)


def test_undo__of_a_mark_changed_again_names_it(bench):
    a, b, _ = bench.images
    bulk = bench.mark("excluded", "blurred", a, b)
    bench.mark("excluded", "private", b, actor="ken")
    taken = bench.undo(bulk.id)
    assert [(item.image_id, item.text, item.actor) for item in taken.conflicts] == [(b, "private", "ken")]
    assert [mark[0] for mark in bench.marks()] == [None, "private", None]
    with pytest.raises(Conflict, match="change_undone_already"):
        bench.undo(bulk.id)


def test_undo__of_marks_refused_when_all_were_changed_again(bench):
    change = bench.mark("note", "one", bench.images[0])
    bench.mark("note", "two", bench.images[0], actor="ken")
    with pytest.raises(labels.LabelConflict) as error:
        bench.undo(change.id)
    assert [item.text for item in error.value.conflicts] == ["two"]


def test_put__checks_its_values(bench):
    with pytest.raises(Invalid, match="mark_too_long"):
        bench.mark("excluded", "x" * 201, bench.images[0])
    with pytest.raises(Invalid, match="mark_unknown"):
        bench.mark("label", "x", bench.images[0])
    with pytest.raises(NotFound, match="image_missing"):
        bench.mark("unsure", "", bench.images[0], 10**9)
    bench.mark("note", "  ", bench.images[0])
    assert bench.marks()[0] == PLAIN


def test_filters__count_what_they_show(bench):
    a, b, c = bench.images
    bench.mark("unsure", "", a, b)
    bench.mark("skipped", "", b, c)
    bench.mark("excluded", "blurred", c)
    bench.assign((b, bench.classes[0]))
    wanted = {"unsure": [a, b], "skipped": [c], "note": [], "open": [], "later": [a, b, c]}
    with bench.database.read() as session:
        for mark, ids in wanted.items():
            page = gallery.ids(session, bench.project_id, ImageFilter(mark=mark, state=None))
            counts = gallery.counts(session, bench.project_id, ImageFilter(state=None))
            assert ([row.id for row in page.rows], counts.marks.get(mark, 0)) == (ids, len(ids)), mark
        page = gallery.ids(session, bench.project_id, ImageFilter(state=None, reason="blurred"))
        assert ([row.id for row in page.rows], counts.reasons) == ([c], {"": 2, "blurred": 1})


@pytest.mark.slow
def test_put__forty_thousand_are_one_change(database):
    bench = Bench(database, 40_000)
    with database.write() as session:
        session.execute(sa.update(Image).values(unsure=True))
    bulk = bench.mark("excluded", "several", *bench.images)
    assert (bulk.image_count, bench.count(MarkEvent), bench.count(ChangeSet)) == (40_000, 40_000, 1)
    bench.undo()
    assert set(bench.marks()) == {(None, True, False, "")}

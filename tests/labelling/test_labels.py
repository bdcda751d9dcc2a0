"""Labels as a person experiences them: given, refused, taken back, brought back."""

import pytest

from app.db.models import ChangeSet, Image, LabelEvent
from app.domain.enums import LabelSource
from app.domain.errors import Invalid, NotFound
from app.services import gallery, history, labels
from app.services.labels import LabelChange
from tests.labelling.factories import class_ids, make_images, make_project


def test_assign__writes_label_version_and_event(bench):
    a, b, _ = bench.images
    change = bench.assign((a, bench.classes[0]), (b, bench.classes[2]))
    assert bench.now() == [0, 2, None]
    assert bench.versions() == [1, 1, 0]
    assert (change.image_count, change.actor, change.source) == (2, "mika", "label")
    with bench.database.read() as session:
        (step,) = history.of_image(session, bench.project_id, a)
    assert (step.version, step.before_id, step.after_id, step.actor) == (1, None, bench.classes[0], "mika")


def test_assign__makes_no_event_for_a_label_that_stays(bench):
    a, b, _ = bench.images
    bench.assign((a, bench.classes[0]))
    change = bench.assign((a, bench.classes[0], 0), (b, bench.classes[0], 0))
    assert change.image_count == 1
    assert bench.versions() == [1, 1, 0]


def test_assign__repeated_request_returns_the_first_result(bench):
    a = bench.images[0]
    first = bench.assign((a, bench.classes[0], 0), request_id="same")
    again = bench.assign((a, bench.classes[0], 0), request_id="same")
    assert again.id == first.id
    assert bench.count(LabelEvent) == 1
    assert bench.count(ChangeSet) == 1


def test_assign__refuses_all_when_one_version_is_stale(bench):
    a, b, c = bench.images
    bench.assign((a, bench.classes[0], 0), actor="ken")
    with pytest.raises(labels.LabelConflict) as caught:
        bench.assign((a, bench.classes[1], 0), (b, bench.classes[1], 0), (c, bench.classes[1], 0))
    (other,) = caught.value.conflicts
    assert (other.image_id, other.class_id, other.version, other.actor) == (a, bench.classes[0], 1, "ken")
    assert other.at is not None
    assert caught.value.status == 409
    assert bench.now() == [0, None, None]
    assert bench.count(ChangeSet) == 1


def test_assign__without_version_changes_whatever_is_there(bench):
    a = bench.images[0]
    bench.assign((a, bench.classes[0]), actor="ken")
    bench.assign((a, bench.classes[1]))
    assert bench.now()[0] == 1


def test_assign__takes_a_label_away(bench):
    a = bench.images[0]
    bench.assign((a, bench.classes[0]))
    bench.assign((a, None))
    assert bench.now()[0] is None
    assert bench.versions()[0] == 2


def test_assign__shows_the_label_on_loaded_images(bench):
    with bench.database.write() as session:
        image = session.get_one(Image, bench.images[0])
        change = LabelChange(image.id, bench.classes[1])
        labels.assign(session, bench.project_id, [change], source=LabelSource.IMPORT, actor="a", request_id="r")
        assert (image.class_id, image.label_version) == (bench.classes[1], 1)
        assert image not in session.dirty


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("class of another project", "class_missing"),
        ("unknown class", "class_missing"),
        ("image twice", "image_given_twice"),
        ("no request id", "request_id_invalid"),
        ("long request id", "request_id_invalid"),
    ],
)
def test_assign__refuses(bench, kind, code):
    a = bench.images[0]
    with bench.database.write() as session:
        foreign = class_ids(session, make_project(session, slug="other"))[0]
    one = bench.classes[0]
    pairs = {
        "class of another project": [(a, foreign)],
        "unknown class": [(a, 10**6)],
        "image twice": [(a, one), (a, bench.classes[1])],
    }.get(kind, [(a, one)])
    request_id = {"no request id": " " * 65, "long request id": "x" * 65}.get(kind)
    with pytest.raises(Invalid) as caught:
        bench.assign(*pairs, request_id=request_id)
    assert caught.value.code == code
    assert bench.now() == [None, None, None]


def test_assign__refuses_an_image_of_another_project(bench):
    with bench.database.write() as session:
        foreign = make_images(session, make_project(session, slug="other"), 1)[0]
    with pytest.raises(NotFound, match="image_missing"):
        bench.assign((foreign, bench.classes[0]))


def test_assign_matching__labels_what_the_filter_finds(bench):
    a, _, c = bench.images
    bench.assign((a, bench.classes[0]))
    bench.mark("excluded", "", c)
    with bench.database.write() as session:
        chosen = gallery.ImageFilter(unlabelled=True)
        change = labels.assign_matching(
            session,
            bench.project_id,
            chosen,
            bench.classes[1],
            source=LabelSource.GALLERY,
            actor="mika",
            request_id="m",
        )
    assert change.image_count == 1
    assert bench.now() == [0, 1, None]
    bench.undo()
    assert bench.now() == [0, None, None]


def test_history__of_the_project_newest_first(bench):
    a, b, c = bench.images
    bench.assign((a, bench.classes[0]))
    bench.assign((a, bench.classes[0]))
    bench.assign((b, bench.classes[1]), (c, bench.classes[2]))
    with bench.database.read() as session:
        acts = history.of_project(session, bench.project_id)
        older = history.of_project(session, bench.project_id, before_id=acts[0].change_set_id)
        strip = history.last_steps(session, bench.project_id, "mika")
    assert [(act.image_count, act.several_classes) for act in acts] == [(2, True), (1, False)]
    assert [act.example and act.example.image_id for act in acts] == [b, a]
    assert len(older) == 1
    assert [step.image_id for step in strip] == [a]

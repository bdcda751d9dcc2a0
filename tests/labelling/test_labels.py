"""Labels as a person experiences them: given, refused, taken back, brought back."""

import pytest
import sqlalchemy as sa

from app.db.models import ChangeSet, Image, LabelEvent
from app.db.session import Database
from app.domain.enums import ImageState, LabelSource
from app.domain.errors import Conflict, Invalid, NotFound
from app.services import gallery, history, labels
from app.services.labels import LabelChange
from tests.labelling.factories import class_ids, make_images, make_project


class Bench:
    """One project and short ways to act on it; every act is a transaction of its own."""

    def __init__(self, database: Database, images: int = 3) -> None:
        self.database = database
        with database.write() as session:
            project = make_project(session)
            self.project_id = project.id
            self.classes = class_ids(session, project)
            self.images = make_images(session, project, images)
        self.requests = 0

    def request_id(self) -> str:
        self.requests += 1
        return f"request-{self.requests}"

    def assign(self, *pairs, actor="mika", request_id=None, source=LabelSource.LABEL_MODE):
        changes = [LabelChange(*pair) for pair in pairs]
        with self.database.write() as session:
            return labels.assign(
                session,
                self.project_id,
                changes,
                source=source,
                actor=actor,
                request_id=request_id or self.request_id(),
            )

    def undo(self, change_set_id=None, actor="mika", request_id=None):
        with self.database.write() as session:
            return labels.undo(
                session, self.project_id, change_set_id, actor=actor, request_id=request_id or self.request_id()
            )

    def redo(self, change_set_id=None, actor="mika"):
        with self.database.write() as session:
            return labels.redo(session, self.project_id, change_set_id, actor=actor, request_id=self.request_id())

    def now(self):
        """The labels of all images as numbers of classes (0 first), None without."""
        with self.database.read() as session:
            found = session.scalars(sa.select(Image.class_id).order_by(Image.id)).all()
        return [None if class_id is None else self.classes.index(class_id) for class_id in found]

    def versions(self):
        with self.database.read() as session:
            return list(session.scalars(sa.select(Image.label_version).order_by(Image.id)))

    def count(self, table):
        with self.database.read() as session:
            return session.scalar(sa.select(sa.func.count()).select_from(table))


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)


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


def test_assign_matching__labels_what_the_filter_finds(bench):
    a, _, c = bench.images
    bench.assign((a, bench.classes[0]))
    with bench.database.write() as session:
        gallery.set_state(session, bench.project_id, gallery.ImageFilter(ids=(c,)), ImageState.EXCLUDED)
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
    assert [act.example.image_id for act in acts] == [b, a]
    assert len(older) == 1
    assert [step.image_id for step in strip] == [a]

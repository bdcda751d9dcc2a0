"""The label service against a model of plain dictionaries, under random changes, undos and redos."""

import shutil
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.db.models import ChangeSet, Image, LabelEvent
from app.db.session import Database
from app.domain.enums import LabelSource
from app.domain.errors import NotFound
from app.services import labels
from app.services.labels import LabelChange
from tests.labelling.factories import class_ids, make_images, make_project

IMAGES, CLASSES = 4, 3
LABEL = st.none() | st.integers(0, CLASSES - 1)
CHANGES = st.dictionaries(st.integers(0, IMAGES - 1), LABEL, min_size=1)
ACTS = st.lists(
    st.tuples(st.just("assign"), CHANGES)
    | st.tuples(st.just("undo"), st.none())
    | st.tuples(st.just("redo"), st.none()),
    max_size=14,
)


class Editor:
    """What a person expects: two stacks of states, as in any editor."""

    def __init__(self) -> None:
        self.labels: dict[int, int | None] = dict.fromkeys(range(IMAGES))
        self.done: list[dict[int, int | None]] = []
        self.undone: list[dict[int, int | None]] = []

    def act(self, kind: str, changes: dict[int, int | None] | None) -> bool:
        """Apply; False when there is nothing to take back."""
        if kind == "assign":
            assert changes is not None
            after = self.labels | changes
            if after != self.labels:
                self.done.append(self.labels)
            self.undone.clear()
            self.labels = after
            return True
        source, target = (self.done, self.undone) if kind == "undo" else (self.undone, self.done)
        if not source:
            return False
        target.append(self.labels)
        self.labels = source.pop()
        return True


@pytest.mark.slow
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(acts=ACTS)
def test_labels__behave_like_an_editor(empty_sqlite: Path, acts) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "miwake.sqlite3"
        shutil.copy(empty_sqlite, path)
        database = Database(f"sqlite:///{path}")
        try:
            with database.write() as session:
                run_and_compare(session, acts)
        finally:
            database.dispose()


def run_and_compare(session, acts) -> None:
    project = make_project(session)
    classes, images, editor = class_ids(session, project), make_images(session, project, IMAGES), Editor()
    for number, (kind, changes) in enumerate(acts):
        expected = editor.act(kind, changes)
        common = {"actor": "mika", "request_id": f"r{number}"}
        if kind == "assign":
            wanted = [LabelChange(images[i], None if c is None else classes[c]) for i, c in changes.items()]
            labels.assign(session, project.id, wanted, source=LabelSource.LABEL_MODE, **common)
        elif expected:
            assert not getattr(labels, kind)(session, project.id, **common).conflicts
        else:
            with pytest.raises(NotFound, match=f"nothing_to_{kind}"):
                getattr(labels, kind)(session, project.id, **common)
        assert current(session, images, classes) == editor.labels
    check_log(session, images)


def current(session, images, classes):
    rows = session.execute(sa.select(Image.id, Image.class_id)).all()
    return {images.index(i): None if c is None else classes.index(c) for i, c in rows}


def check_log(session, images) -> None:
    """Versions have no gaps, each event starts where the one before ended, and the log replays to the labels."""
    session.expire_all()
    for image_id in images:
        image = session.get_one(Image, image_id)
        events = session.scalars(
            sa.select(LabelEvent).where(LabelEvent.image_id == image_id).order_by(LabelEvent.id)
        ).all()
        assert [event.version for event in events] == list(range(1, image.label_version + 1))
        label = None
        for event in events:
            assert event.before_id == label
            assert event.after_id != label
            label = event.after_id
        assert label == image.class_id
    sizes = dict(
        session.execute(sa.select(LabelEvent.change_set_id, sa.func.count()).group_by(LabelEvent.change_set_id)).all()
    )
    for change_set in session.scalars(sa.select(ChangeSet)):
        assert change_set.image_count == sizes.get(change_set.id, 0)


@pytest.mark.parametrize("before", [None, 0])
def test_undo_of_assign__is_the_identity(database: Database, before) -> None:
    with database.write() as session:
        project = make_project(session)
        classes, images = class_ids(session, project), make_images(session, project, IMAGES)
        session.execute(sa.update(Image).values(class_id=None if before is None else classes[before]))
        state = current(session, images, classes)
        act = {"actor": "mika", "request_id": "1"}
        wanted = [LabelChange(image, classes[1]) for image in images]
        change = labels.assign(session, project.id, wanted, source=LabelSource.GALLERY, **act)
        assert current(session, images, classes) != state
        labels.undo(session, project.id, change.id, actor="mika", request_id="2")
        assert current(session, images, classes) == state

"""A project and short ways to label in it; every act is a transaction of its own."""

import sqlalchemy as sa

from app.db.models import Image
from app.db.session import Database
from app.domain.enums import Field, LabelSource
from app.services import labels, marks
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

    def mark(self, field, value, *images, actor="mika", request_id=None):
        with self.database.write() as session:
            return marks.put_each(
                session,
                self.project_id,
                images,
                marks.Mark(Field(field), value),
                source=LabelSource.LABEL_MODE,
                actor=actor,
                request_id=request_id or self.request_id(),
            )

    def marks(self):
        """For each image: the reason it is excluded for, unsure, skipped, note."""
        columns = (Image.state, Image.reason, Image.unsure, Image.skipped, Image.note)
        with self.database.read() as session:
            rows = session.execute(sa.select(*columns).order_by(Image.id)).all()
        return [(row.reason if row.state == "excluded" else None, row.unsure, row.skipped, row.note) for row in rows]

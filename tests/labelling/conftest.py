"""A project with classes and images that share one real picture."""

import io
from dataclasses import dataclass

import pytest
from PIL import Image as Picture

from app.db.session import Database
from app.storage import LocalStore
from tests.labelling.bench import Bench
from tests.labelling.factories import class_ids, make_images, make_project


@dataclass(frozen=True)
class Rows:
    """What a page test needs to know of its project."""

    project_id: int
    slug: str
    classes: list[int]
    images: list[int]

    @property
    def path(self) -> str:
        return f"/p/{self.slug}"


def picture() -> bytes:
    file = io.BytesIO()
    Picture.linear_gradient("L").resize((64, 64)).convert("RGB").save(file, "PNG")
    return file.getvalue()


def add_rows(database: Database, store: LocalStore, count: int, classes=("好中球", "好酸球", "単球"), **values) -> Rows:
    with database.write() as session:
        project = make_project(session, "blood", classes)
        images = make_images(session, project, count, blob=store.put(picture()), **values)
        return Rows(project.id, project.slug, class_ids(session, project), images)


@pytest.fixture
def rows(database: Database, store: LocalStore) -> Rows:
    """Thirty-two unlabelled images in three classes with Japanese names."""
    return add_rows(database, store, 32)


@pytest.fixture
def bench(database: Database) -> Bench:
    """A project with three images and three classes, to be labelled through the service."""
    return Bench(database)

"""A project with classes and images that share one real picture, and a browser for pages on a bad line."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from PIL import Image as Picture
from playwright.sync_api import BrowserContext, Page

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
def rough_page(context: BrowserContext) -> Iterator[Page]:
    """A page on which requests may fail; anything else that the browser reports is an error of ours."""
    page = context.new_page()
    seen: list[str] = []
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective))"
    )
    page.on("console", lambda message: seen.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: seen.append(f"error: {error}"))
    page.on("dialog", lambda dialog: dialog.accept())  # "leave the page?" while labels are not saved
    yield page
    assert [text for text in seen if not re.match("error: Failed to load resource", text)] == []
    page.close()


@pytest.fixture
def bench(database: Database) -> Bench:
    """A project with three images and three classes, to be labelled through the service."""
    return Bench(database)

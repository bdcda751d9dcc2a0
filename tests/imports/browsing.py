"""Shorthands for tests of the upload page in a browser."""

import json
from pathlib import Path

import sqlalchemy as sa

from app.db.models import Image, LabelClass
from tests.imports.pictures import picture


def names(database):
    query = sa.select(Image.path, LabelClass.name).outerjoin(LabelClass, LabelClass.id == Image.class_id)
    with database.read() as session:
        return {path: label for path, label in session.execute(query)}  # noqa: C416 - rows are no pairs for mypy


def go(page):
    """Begin the import whose folders are shown."""
    page.locator("#plan-go").click()


def many(place: Path, count: int) -> Path:
    """A folder with class folders."""
    for number in range(count):
        path = place / "set" / ("cat", "dog")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number))
    return place / "set"


def paths_of(request) -> list[str]:
    """The paths of the files of a bundle; the browser tells its body only where the request is held."""
    body = request.post_data_buffer
    length = int.from_bytes(body[:4], "big")
    return [file["path"] for file in json.loads(body[4 : 4 + length])]

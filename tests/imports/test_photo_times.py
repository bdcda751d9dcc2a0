"""Times of pictures that were imported before times were read."""

import io
import json

import pytest
import sqlalchemy as sa
from PIL import ExifTags
from PIL import Image as Picture

from app.commands.line import main
from app.db.models import Image
from app.services import grouping, photo_times
from tests.imports.services import add, begin, rows


def photo(shade: int, taken: str | None) -> bytes:
    exif = Picture.Exif()
    if taken:
        exif[ExifTags.Base.Model] = "E-M1"
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken
    file = io.BytesIO()
    Picture.new("RGB", (40, 30), (shade, 80, 120)).save(file, "JPEG", exif=exif)
    return file.getvalue()


@pytest.fixture
def old(tools):
    """Images with a time, without one, and with a lost file, none of which was asked for its time."""
    project_id, import_id = begin(tools)
    add(tools, import_id, {"a.jpg": photo(1, "2026:11:03 10:20:30"), "b.jpg": photo(2, None), "c.jpg": photo(3, None)})
    with tools.database.write() as session:
        for image in session.scalars(sa.select(Image)):
            image.conversion = {key: value for key, value in image.conversion.items() if key not in photo_times.KEYS}
        lost = session.scalar(sa.select(Image.sha256).where(Image.path == "c.jpg"))
    tools.store.delete(lost)
    return project_id


def test_fill__reads_times_once(tools, old):
    seen = []
    done = photo_times.fill(tools.database, tools.store, tools.decoder, old, lambda now: seen.append(now.looked))
    assert (done.total, done.looked, done.found, done.unreadable, seen) == (3, 3, 1, 1, [3])
    notes = {path: conversion for path, conversion in rows(tools, sa.select(Image.path, Image.conversion))}  # noqa: C416
    assert (notes["a.jpg"]["taken"], notes["a.jpg"]["camera"]) == ("2026-11-03T10:20:30", "E-M1")
    assert notes["b.jpg"]["taken"] is None
    assert notes["b.jpg"]["mode"] == "RGB"
    again = photo_times.fill(tools.database, tools.store, tools.decoder, None)
    assert (again.total, again.unreadable) == (1, 1)  # the lost file may come back
    with tools.database.read() as session:
        assert [camera for camera, _moment in grouping.taken(session, old).values()] == ["E-M1"]


def test_new_imports__are_not_decoded_again(tools):
    project_id, import_id = begin(tools)
    add(tools, import_id, {"a.jpg": photo(1, "2026:11:03 10:20:30"), "b.jpg": photo(2, None)})
    assert photo_times.fill(tools.database, tools.store, tools.decoder, project_id).total == 0


def test_command__tells_how_far_it_is(tools, old, settings, monkeypatch, capsys):
    monkeypatch.setenv("MIWAKE_DATA_DIR", str(settings.data_dir))
    assert main(["photo-times", "血球", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"total": 3, "looked": 3, "found": 1, "unreadable": 1}
    assert "3 of 3 images, 1 with a time" in printed.err
    assert main(["photo-times", "nothing"]) == 2

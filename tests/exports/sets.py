"""Data sets for exports: made through the services, and read as plain values to compare them."""

import zipfile
from io import BytesIO
from typing import Any

import sqlalchemy as sa

from app.db.models import Image, LabelClass, Project
from app.domain.enums import EntryVerdict
from app.domain.filenames import Place, shown_path
from app.domain.imaging import decode
from app.domain.lists import Given
from app.services import exports, gallery, images, import_records, import_sources, imports, projects
from app.services.exports import Format
from app.services.gallery import ImageFilter
from app.services.import_records import Judged
from tests.factories import png

LIMIT = 2**20


def given(**values) -> Given:
    return Given(frozenset({"class", "split"}), **values)


def make(tools, rows: dict[str, Given], name="血球") -> int:
    """A project with one picture for each path and what is said of it."""
    with tools.database.write() as session:
        project = projects.create(session, name=name)
        batch = imports.create(session, project, source="browser", name="x", actor="tester")
        project_id, import_id = project.id, batch.id
    judged = []
    for number, (path, says) in enumerate(rows.items()):
        data = png(number, 8)
        prepared = images.prepare(tools.store, data, decode(data))
        where = Place(path, "", says.split, says.class_name)
        judged.append(Judged(shown_path(path), EntryVerdict.NEW, place=where, prepared=prepared, given=says))
    with tools.database.write() as session:
        import_records.record(session, import_id, judged, request_id="made")
        imports.finish(session, import_id)
    return project_id


def exported(tools, project_id: int, form=Format.FOLDERS, **options) -> bytes:
    with tools.database.read() as session:
        project = session.get_one(Project, project_id)
        export = exports.prepare(session, project, ImageFilter(state=None), **options)
    return b"".join(exports.written(export, form, tools.store))


def imported(tools, data: bytes, folder, name="copy") -> tuple[int, int]:
    """A new project with the zip in it: its id and that of the import."""
    path = folder / "set.zip"
    path.write_bytes(data)
    with tools.database.write() as session:
        project_id = projects.create(session, name=name).id
    return project_id, import_sources.import_zip(tools, project_id, path, actor="tester", max_file_bytes=LIMIT)


def state(tools, project_id: int) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Everything of a project that an export promises to bring back."""
    with tools.database.read() as session:
        columns = (
            *(Image.sha256, Image.path, Image.name, LabelClass.name, Image.split, Image.state, Image.reason),
            *(Image.unsure, Image.skipped, Image.note, Image.origin, Image.licence, Image.publish),
            gallery.checked(),
        )
        query = sa.select(*columns).outerjoin(LabelClass, LabelClass.id == Image.class_id)
        rows = session.execute(query.where(Image.project_id == project_id).order_by(Image.sha256))
        names = ("name", "second_name", "description", "color", "key", "retired")
        fields = [getattr(LabelClass, name) for name in names]
        kinds = sa.select(*fields).where(LabelClass.project_id == project_id).order_by(LabelClass.position)
        return [tuple(row) for row in rows], [tuple(row) for row in session.execute(kinds)]


def names_in(data: bytes) -> list[str]:
    return zipfile.ZipFile(BytesIO(data)).namelist()

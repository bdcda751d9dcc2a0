"""Shorthands for tests of imports through the services."""

import sqlalchemy as sa

from app.db.models import Image, LabelClass, Project
from app.services import imports, projects
from app.services.imports import Incoming

LIMIT = 2**20


def begin(tools, name="血球", options=None) -> tuple[int, int]:
    with tools.database.write() as session:
        project = projects.create(session, name=name)
        batch = imports.create(session, project, source="browser", name="x", actor="tester", options=options)
        return project.id, batch.id


def another(tools, project_id) -> int:
    with tools.database.write() as session:
        project = session.get_one(Project, project_id)
        return imports.create(session, project, source="browser", name="x", actor="tester").id


def add(tools, import_id, files, **options):
    incoming = [Incoming(path, data) for path, data in files.items()]
    return imports.add_files(tools, import_id, incoming, max_file_bytes=LIMIT, **options)


def rows(tools, query):
    with tools.database.read() as session:
        return list(session.execute(query))


def labels_of(tools) -> dict[str, str | None]:
    query = sa.select(Image.path, LabelClass.name).outerjoin(LabelClass, LabelClass.id == Image.class_id)
    return dict(rows(tools, query))


def write(folder, files):
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)

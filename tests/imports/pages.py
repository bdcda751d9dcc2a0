"""Shorthands for tests of the import pages."""

import json
from pathlib import Path

import sqlalchemy as sa

from app.db.run_models import Job
from app.services import uploads
from app.services.imports import Tools

FILE = "application/octet-stream"


def begin(client, slug, **values):
    answer = client.post(f"/p/{slug}/imports", json={"name": "new", "total": 1} | values)
    assert answer.status_code == 201
    return answer.json()


def send(client, url, files, paths=None):
    parts = [("files", (name, data, FILE)) for name, data in files]
    data = {"paths": json.dumps(paths)} if paths is not None else {}
    return client.post(url, files=parts, data=data, headers={"Accept": "application/json"})


def uploaded(settings) -> list[Path]:
    """Zips that are coming, and those that wait in the store."""
    folders = (settings.data_dir / uploads.FOLDER, settings.data_dir / "store" / uploads.FOLDER)
    return [path for folder in folders for path in folder.glob("*")]


def rows(database, query):
    with database.read() as session:
        return list(session.execute(query))


def work(client, settings) -> bool:
    """What the worker does with the queued import."""
    state = client.app.state.miwake
    with state.database.read() as session:
        job = session.scalars(sa.select(Job).order_by(Job.id.desc())).first()
    tools = Tools(state.database, state.store, state.decoder)
    return uploads.run_job(tools, job.spec["import_id"], job.spec["upload"], max_file_bytes=2**20)

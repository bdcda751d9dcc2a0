"""Makes a project from a sample set, through the same import as every other file."""

from app.domain.errors import NotFound
from app.domain.samples import SAMPLES, files
from app.services import classes, imports, projects
from app.services.import_sources import BATCH_FILES
from app.services.imports import Incoming, Tools

MAX_FILE_BYTES = 2**20


def create(tools: Tools, name: str, actor: str, title: str = "", description: str = "") -> str:
    """Make a new project with the pictures, labels and splits of the sample set ``name``; return its slug.

    Args:
        tools: database, store and decoder.
        name: "cells" or "digits".
        actor: written into the label history.
        title: name of the project; "" for the English title of the set.
        description: of the project; "" for the English one of the set.

    Raises:
        NotFound: there is no such sample set.
        AppError: the files of the set are not on this machine.
    """
    if name not in SAMPLES:
        raise NotFound("sample_unknown", name=name[:40], known=", ".join(SAMPLES))
    sample = SAMPLES[name]
    incoming = [Incoming(path, data) for path, data in files(name)]
    with tools.database.write() as session:
        project = projects.create(session, name=title or sample.title, description=description or sample.description)
        for item in sample.classes:
            classes.add(session, project, item.name, color=item.color)
        batch = imports.create(session, project, source="sample", name=name, actor=actor, total=len(incoming))
    for start in range(0, len(incoming), BATCH_FILES):
        part = incoming[start : start + BATCH_FILES]
        imports.add_files(tools, batch.id, part, max_file_bytes=MAX_FILE_BYTES)
    with tools.database.write() as session:
        imports.finish(session, batch.id)
    return project.slug

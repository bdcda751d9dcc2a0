"""``python -m app demo``: serve, with a sample project whose 5-fold training begins at once."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.commands import serve
from app.commands.common import Parts, opened, put
from app.config import Settings
from app.db.models import ImportBatch, Project
from app.db.run_models import Run
from app.decoder import Decoder
from app.domain.presets import PRESETS
from app.services import imports, projects, runs, sample_sets
from app.web.deps import login_name

SAMPLE = "cells"
PRESET = "wbc"


def run(settings: Settings) -> int:
    """Serve until Ctrl-C; a second call finds the project and the run of the first."""

    def when_ready(address: str) -> None:
        with opened(settings) as parts:
            slug, number = prepare(parts)
        put(f"Sample project:      {address}/p/{slug}")
        put(f"Its 5-fold training: {address}/p/{slug}/runs/{number}")

    return serve.run(settings, when_ready=when_ready)


def prepare(parts: Parts) -> tuple[str, int]:
    """The slug of the sample project and the number of its first run; both are made when they are missing."""
    actor = parts.settings.user or login_name()
    with parts.database.read() as session:
        project = _sample(session)
    if project is None:
        decoder = Decoder(parts.settings.decode_workers)
        try:
            sample_sets.create(imports.Tools(parts.database, parts.store, decoder), SAMPLE, actor)
        finally:
            decoder.close()
    with parts.write() as session:
        project = _sample(session)
        assert project is not None
        first = session.scalar(sa.select(Run).where(Run.project_id == project.id).order_by(Run.number).limit(1))
        run = first or runs.create(session, project, PRESETS[PRESET].recipe, name=PRESETS[PRESET].title, actor=actor)
        return project.slug, run.number


def _sample(session: Session) -> Project | None:
    from_sample = sa.and_(ImportBatch.source == "sample", ImportBatch.name == SAMPLE, ImportBatch.finished)
    query = (
        sa.select(Project).join(ImportBatch, ImportBatch.project_id == Project.id).where(from_sample, projects.ALIVE)
    )
    return session.scalar(query.order_by(Project.id).limit(1))

"""``python -m app report --html``: the report of a run as one file."""

from pathlib import Path

from app.commands.common import Exit, find_project, opened, put
from app.config import Settings
from app.domain.errors import NotFound
from app.main import create_app
from app.services import projects, runs
from app.services.answers import Kept
from app.web import run_report


def save(settings: Settings, name: str, number: int, path: Path, language: str) -> int:
    """Write the report of a run as one HTML file that needs nothing else."""
    templates = create_app(settings).state.templates
    with opened(settings) as parts, parts.database.read() as session:
        project = find_project(session, name)
        if project is None:
            raise NotFound("project_missing", slug=name)
        project = projects.by_slug(session, project.slug)  # with its classes
        run = runs.by_number(session, project.id, number)
        page = run_report.build(session, Kept(parts.store), parts.store, project, run, language, saved=True)
        run_report.refuse_unfinished(page)
        text = run_report.file(parts.store, page, run_report.rendered(templates, page, language))
    path.write_text(text, encoding="utf-8")
    put(str(path))
    return Exit.OK

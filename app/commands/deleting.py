"""``python -m app delete``: remove a project with everything that belongs to it."""

from dataclasses import asdict

from app.commands.common import Exit, find_project, opened, put, put_json
from app.config import Settings
from app.domain.errors import Invalid, NotFound
from app.services import deletion, projects


def run(settings: Settings, name: str, *, sure: bool, as_json: bool) -> int:
    """Say what goes; with ``sure`` hide the project and leave the rest to a worker."""
    with opened(settings) as parts, parts.write() as session:
        found = find_project(session, name)
        if found is None:
            raise NotFound("project_missing", slug=name)
        project = projects.by_slug(session, found.slug)
        extent = asdict(deletion.extent(session, project))
        goes = {"project": project.slug, "name": project.name, **extent}
        job = deletion.request(session, project.id, settings.data_dir).id if sure else None
    if as_json:
        put_json({**goes, "job": job})
    else:
        kinds = [f"{goes[kind]} {kind}" for kind in ("images", "labelled", "classes", "runs", "versions", "imports")]
        put(f"{goes['name']}: {', '.join(kinds)}, {goes['size']} bytes of originals")
    if job is None:
        raise Invalid("deletion_unasked")
    if not as_json:
        put(f"The project is gone from all pages. Job {job} removes its rows and files as soon as a worker runs.")
    return Exit.OK

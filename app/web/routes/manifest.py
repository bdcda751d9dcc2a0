"""What a run was made of: its manifest as JSON, and the run as a program that can be started without the pages."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from app.services import manifest, run_script, runs
from app.web.deps import ProjectDep, ReadSession
from app.web.own_copies import attachment

router = APIRouter(prefix="/p/{slug}/runs/{number}")

PRIVATE = "private, no-cache"


@router.get("/manifest.json", name="run_manifest")
def as_json(project: ProjectDep, session: ReadSession, number: int, download: bool = False) -> JSONResponse:
    """The manifest; with ``download`` as a file."""
    values = manifest.of(session, runs.by_number(session, project.id, number))
    headers = {"Cache-Control": PRIVATE}
    if download:
        headers["Content-Disposition"] = attachment(f"{project.slug}-run-{number}-manifest.json")
    return JSONResponse(values, headers=headers)


@router.get("/script.py", name="run_script")
def as_script(project: ProjectDep, session: ReadSession, number: int) -> Response:
    """The run as a program."""
    text = "".join(run_script.lines(session, runs.by_number(session, project.id, number)))
    headers = {
        "Content-Disposition": attachment(f"{project.slug}-run-{number}.py"),
        "Cache-Control": PRIVATE,
    }
    return Response(text, media_type="text/x-python; charset=utf-8", headers=headers)

"""The report of a run: as a page that prints, and as one file."""

from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app.services import runs
from app.web import i18n, run_report
from app.web.deps import ProjectDep, ReadSession, StateDep
from app.web.own_copies import attachment
from app.web.templating import address, render

router = APIRouter(prefix="/p/{slug}/runs/{number}")


@router.get("/report", name="run_report")
def show(request: Request, project: ProjectDep, session: ReadSession, state: StateDep, number: int) -> Response:
    """Show the report of a run that has ended."""
    run = runs.by_number(session, project.id, number)
    page = run_report.build(session, state.judged, state.store, project, run, i18n.choose(request), saved=False)
    run_report.refuse_unfinished(page)
    answer = render(request, run_report.TEMPLATE, page)
    html = run_report.linked(page, bytes(answer.body).decode(), partial(address, request.app))
    headers = {name: value for name, value in answer.headers.items() if name in ("vary", "set-cookie")}
    return HTMLResponse(html, headers=headers)


@router.get("/report.html", name="run_report_file")
def save(request: Request, project: ProjectDep, session: ReadSession, state: StateDep, number: int) -> Response:
    """The same as one file in the reader's language."""
    run = runs.by_number(session, project.id, number)
    page = run_report.build(session, state.judged, state.store, project, run, i18n.choose(request), saved=True)
    run_report.refuse_unfinished(page)
    answer = render(request, run_report.TEMPLATE, page)
    text = run_report.file(state.store, page, bytes(answer.body).decode())
    headers = {
        "Content-Disposition": attachment(f"{project.slug}-run-{number}.html"),
        "Cache-Control": "no-store",
        "Vary": answer.headers["Vary"],
    }
    return Response(text, media_type="text/html; charset=utf-8", headers=headers)

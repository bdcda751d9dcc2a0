"""The page that compares runs on the pictures they share."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.db.models import Project
from app.db.run_models import Run
from app.domain.enums import JobState
from app.domain.errors import NotFound
from app.services import comparable, run_list, runs
from app.services.compare import MOST_RUNS
from app.web import compare_page, compare_report, i18n, self_contained
from app.web.compare_query import CompareQuery
from app.web.deps import ProjectDep, ReadSession, StateDep
from app.web.own_copies import attachment
from app.web.templating import redirect, render

router = APIRouter()


@dataclass(frozen=True)
class ChoosePage:
    """Which runs? ``chosen``: numbers that were asked for; ``apart``: they have no kind of answers in common."""

    project: Project
    lines: Sequence[run_list.RunLine]
    chosen: Sequence[int]
    apart: bool
    most: int


@router.get("/p/{slug}/compare", name="compare")
def show(request: Request, project: ProjectDep, session: ReadSession, state: StateDep, part: str = "") -> Response:
    """Compare the runs of the address; a single one with the run before it; without runs, let them be chosen."""
    query = CompareQuery.parse(request.query_params)
    found = [runs.by_number(session, project.id, number) for number in query.runs[:MOST_RUNS]]
    if len(found) == 1 and (before := comparable.before(session, found[0])) is not None:
        return redirect(request, "compare", slug=project.slug, query={"runs": f"{before},{found[0].number}"})
    known = comparable.roles(session, found) if len(found) > 1 else []
    if not known or len(query.runs) > MOST_RUNS:
        return _choose(request, project, session, found, query)
    language = i18n.choose(request)
    if part == "selected":
        page = compare_page.part(session, state.judged, project, found, query, known, language)
        return render(request, "compare/_fragment.html", page)
    return render(
        request,
        "compare/compare.html",
        compare_page.build(session, state.judged, project, found, query, known, language),
    )


@router.get("/p/{slug}/compare/report.html", name="compare_report")
def report(request: Request, project: ProjectDep, session: ReadSession, state: StateDep) -> Response:
    """The same comparison as one file in the reader's language.

    Raises:
        NotFound: an unknown run, or runs that cannot be compared.
    """
    query = CompareQuery.parse(request.query_params)
    found = [runs.by_number(session, project.id, number) for number in query.runs[:MOST_RUNS]]
    known = comparable.roles(session, found) if len(found) > 1 else []
    if not known:
        raise NotFound("compare_runs_missing", most=MOST_RUNS)
    page = compare_page.build(session, state.judged, project, found, query, known, i18n.choose(request))
    made = compare_report.build(session, page)
    answer = render(request, "compare/report.html", made)
    html = bytes(answer.body).decode()
    text = self_contained.inline(html, compare_report.SHEETS, compare_report.pictures(state.store, made))
    name = f"{project.slug}-runs-{'-'.join(str(run.number) for run in found)}.html"
    headers = {
        "Content-Disposition": attachment(name),
        "Cache-Control": "no-store",
        "Vary": answer.headers["Vary"],
    }
    return Response(text, media_type="text/html; charset=utf-8", headers=headers)


def _choose(
    request: Request, project: Project, session: ReadSession, found: Sequence[Run], query: CompareQuery
) -> Response:
    finished = [line for line in run_list.lines(session, project.id) if line.state is JobState.DONE]
    apart = 1 < len(query.runs) <= MOST_RUNS
    page = ChoosePage(project, finished, [run.number for run in found], apart, MOST_RUNS)
    return render(request, "compare/choose.html", page)

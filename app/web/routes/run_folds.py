"""The page of a K-fold run that shows how far its models agree on each test image."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.db.models import Project
from app.db.run_models import Run, RunClass
from app.services import fold_answers, review, runs
from app.services.fold_answers import FoldAnswers, Order, Told
from app.web.deps import ProjectDep, ReadSession, StateDep
from app.web.review_query import number_of
from app.web.templating import render

router = APIRouter()
PAGE = 60


@dataclass(frozen=True)
class FoldsPage:
    """The page; ``found`` is None where there is nothing to compare."""

    project: Project
    run: Run
    here: str
    classes: Sequence[RunClass]
    found: FoldAnswers | None
    counts: Sequence[int]
    order: Order
    wrong: int | None
    shown: Sequence[Told]
    matching: int
    page: int
    pages: int


@router.get("/p/{slug}/runs/{number}/folds", name="run_folds")
def show(request: Request, project: ProjectDep, session: ReadSession, state: StateDep, number: int) -> Response:
    """Show the test images that the models of a run disagree on."""
    run = runs.by_number(session, project.id, number)
    found = fold_answers.find(session, state.judged, run)
    query = request.query_params
    order = Order.WRONG if query.get("order") == Order.WRONG else Order.APART
    wrong = number_of(query.get("wrong"), 0)
    wrong = wrong if found is not None and wrong is not None and wrong <= found.models else None
    places = found.places(order, wrong).tolist() if found is not None else []
    pages = -(-len(places) // PAGE)
    page = min(number_of(query.get("page"), 1) or 1, max(pages, 1))
    part = places[(page - 1) * PAGE : page * PAGE]
    context = FoldsPage(
        project=project,
        run=run,
        here="folds",
        classes=review.classes(session, run),
        found=found,
        counts=found.by_wrong() if found is not None else [],
        order=order,
        wrong=wrong,
        shown=fold_answers.told(session, found, part) if found is not None else [],
        matching=len(places),
        page=page,
        pages=pages,
    )
    return render(request, "runs/folds.html", context)

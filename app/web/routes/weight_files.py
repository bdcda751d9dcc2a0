"""Files of weights in the form of a training: what is missing, the button that has one downloaded, and its end."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from app.db.models import Project
from app.services import weight_jobs
from app.web import forms, i18n, weight_card
from app.web.deps import ProjectDep, ReadSession, StateDep, WriteSession
from app.web.submitted import Submitted, SubmittedDep
from app.web.templating import address, redirect, render

router = APIRouter(prefix="/p/{slug}/weights")


@dataclass(frozen=True)
class WeightsPart:
    """The part of the form."""

    project: Project
    weights: weight_card.WeightCard


@router.get("", name="weight_files")
def show(
    request: Request,
    state: StateDep,
    project: ProjectDep,
    session: ReadSession,
    architecture: str = "",
    needs: str = "",
) -> Response:
    """The part of the form alone, which asks for it once a second while a download is under way."""
    if "hx-request" not in request.headers:
        return redirect(request, "train", slug=project.slug, query={"form": 1, "architecture": architecture})
    language = i18n.choose(request)
    url = state.settings.weights_url
    card = weight_card.build(session, architecture, needs, url, i18n.translations(language), language)
    return render(request, "train/_weights.html", WeightsPart(project, card))


@router.post("/{name}/download", name="weights_download")
def download(request: Request, sent: SubmittedDep, project: ProjectDep, session: WriteSession, name: str) -> Response:
    """Have a worker download a file; a second press is answered with the download that runs.

    Raises:
        NotFound: no file belongs to such a network.
        Invalid: ``needs_unknown``, or ``queue_full``.
    """
    job = weight_jobs.order(session, project, name, forms.needs_of(sent.values))
    if not sent.by_program:
        return _back(request, sent, project)
    url = address(request.app, "jobs")
    return JSONResponse({"job": job.id, "state": job.state, "url": url}, status_code=202, headers={"Location": url})


@router.post("/{name}/stop", name="weights_stop")
def stop(request: Request, sent: SubmittedDep, project: ProjectDep, session: WriteSession, name: str) -> Response:
    """End the download of a file; nothing of it stays.

    Raises:
        NotFound: no file belongs to such a network.
    """
    weight_jobs.stop(session, name)
    return JSONResponse({}) if sent.by_program else _back(request, sent, project)


def _back(request: Request, sent: Submitted, project: Project) -> Response:
    """The form with what was typed into it."""
    typed = {key: value for key, value in sent.values.items() if key != "request"}
    return redirect(request, "train", slug=project.slug, query=typed)

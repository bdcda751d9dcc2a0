"""Who labelled how much, and how long a label of each class takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.db.models import LabelClass, Project
from app.services import gallery, label_pace
from app.services.image_filter import ImageFilter
from app.services.label_pace import Pace
from app.web.deps import ActorDep, ProjectDep, ReadSession
from app.web.templating import render

router = APIRouter(prefix="/p/{slug}")


@dataclass(frozen=True)
class PacePage:
    """The counts and times, and what is left: images in use without a label."""

    project: Project
    pace: Pace
    classes: Sequence[LabelClass]
    left: int
    actor: str
    most: int  # of one day, for the bars


@router.get("/pace", name="label_pace")
def show(request: Request, project: ProjectDep, session: ReadSession, actor: ActorDep) -> Response:
    """Show it."""
    pace = label_pace.look(session, project.id, actor)
    context = PacePage(
        project=project,
        pace=pace,
        classes=[item for item in project.classes if not item.retired or pace.images.get(item.id)],
        left=gallery.total(session, project.id, ImageFilter(unlabelled=True)),
        actor=actor,
        most=max((count for _, count in pace.days), default=0),
    )
    return render(request, "labelling/pace.html", context)

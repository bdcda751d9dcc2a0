"""What is done with the picture of the review page: its marks without JavaScript, and what was learned near it."""

from dataclasses import dataclass
from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl
from uuid import uuid4

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, model_validator

from app.db.models import Project
from app.db.run_models import Run
from app.domain.enums import Field as What
from app.domain.enums import LabelSource
from app.services import learned_alike, marks, projects, runs
from app.services.learned_alike import LOOKED, SHOWN, Alike
from app.services.review import MEAN
from app.web.deps import ActorDep, ProjectDep, ReadSession, StateDep, WriteSession
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}/runs/{number}/review")

Id = Annotated[int, Field(ge=1, le=2**53)]


@dataclass(frozen=True)
class AlikePage:
    """The part ``_alike.html`` of the review page."""

    project: Project
    run: Run
    alike: Alike
    mean: bool
    shown: int = SHOWN
    looked: int = LOOKED


class Pressed(BaseModel):
    """A press of a button: ``given`` is the class that was seen, ``back`` the query string of the page."""

    image: Id
    do: Literal["exclude", "include", "right", "doubt"]
    given: Id | None = None
    reason: Annotated[str, Field(max_length=400)] = ""
    back: str = ""

    @model_validator(mode="after")
    def complete(self) -> Self:
        """Nobody can find a label right without having seen one."""
        if self.do == "right" and self.given is None:
            raise ValueError("the class is missing")
        return self

    @property
    def mark(self) -> marks.Mark:
        """What the button means."""
        if self.do in ("exclude", "include"):
            return marks.Mark(What.EXCLUDED, self.reason if self.do == "exclude" else None)
        return marks.Mark(What.CHECKED, str(self.given) if self.do == "right" else None)


@router.post("/marks", name="review_mark")
def mark(
    request: Request, session: WriteSession, actor: ActorDep, slug: str, number: int, form: Annotated[Pressed, Form()]
) -> Response:
    """Exclude a picture or find its label right, or take that back."""
    who: marks.Who = {"source": LabelSource.REVIEW, "actor": actor, "request_id": uuid4().hex}
    marks.put_each(session, projects.id_of(session, slug), [form.image], form.mark, **who)
    return redirect(request, "review", slug=slug, number=number, query=dict(parse_qsl(form.back)))


@router.get("/{item_id}/alike", name="review_alike")
def alike(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    number: int,
    item_id: Annotated[int, Field(ge=1, le=2**53)],
    fold: Annotated[int, Query(ge=MEAN, le=1000)] = 0,
) -> Response:
    """Show the pictures most like one, of those that the model which answered had learned from.

    It is a part of a page: who opens its address gets the page that it is in.
    """
    run = runs.by_number(session, project.id, number)
    if "hx-request" not in request.headers:
        return redirect(request, "review", slug=project.slug, number=number, query={"show": "all", "at": item_id})
    found = learned_alike.find(session, state.arrays, run, item_id, fold)
    page = AlikePage(project=project, run=run, alike=found, mean=fold == MEAN and len(run.folds) > 1)
    return render(request, "review/_alike.html", page)

"""The page of the labels that a run finds probably wrong, and its answers without JavaScript."""

from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl
from uuid import uuid4

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, model_validator

from app.domain.enums import Field as What
from app.domain.enums import LabelSource
from app.services import labels, marks, projects, runs
from app.web import label_error_page
from app.web.deps import ActorDep, ProjectDep, ReadSession, StateDep, WriteSession
from app.web.templating import redirect, render

router = APIRouter()


class Settled(BaseModel):
    """One label that somebody looked at: it gets another class, or is right.

    ``class_id`` is the class to give, ``given`` the one that was seen as the label.
    """

    image: Annotated[int, Field(ge=1, le=2**53)]
    version: Annotated[int, Field(ge=0, le=2**31 - 1)]
    do: Literal["accept", "right"]
    class_id: Annotated[int, Field(ge=1, le=2**53)] | None = None
    given: Annotated[int, Field(ge=1, le=2**53)] | None = None
    back: Annotated[str, Field(max_length=500)] = ""

    @model_validator(mode="after")
    def complete(self) -> Self:
        """Without its class a press would take the label away, or find right what nobody saw."""
        if (self.class_id if self.do == "accept" else self.given) is None:
            raise ValueError("the class is missing")
        return self


@router.get("/p/{slug}/runs/{number}/labels", name="run_labels")
def show(
    request: Request, project: ProjectDep, session: ReadSession, state: StateDep, number: int, part: str = ""
) -> Response:
    """Show the labels that are probably wrong; ``part=selected`` gives only the picture that is shown large."""
    run = runs.by_number(session, project.id, number)
    page = label_error_page.build(session, state.judged, state.arrays, project, run, request.query_params)
    return render(request, "runs/_suspect.html" if part == "selected" else "runs/labels.html", page)


@router.post("/p/{slug}/runs/{number}/labels", name="run_labels_settle")
def settle(
    request: Request, session: WriteSession, actor: ActorDep, slug: str, number: int, form: Annotated[Settled, Form()]
) -> Response:
    """Give a label the suggested class, or remember that it is right."""
    project_id = projects.id_of(session, slug)
    who: marks.Who = {"source": LabelSource.REVIEW, "actor": actor, "request_id": uuid4().hex}
    if form.do == "accept":
        labels.assign(session, project_id, [labels.LabelChange(form.image, form.class_id, form.version)], **who)
    else:
        marks.put_each(session, project_id, [form.image], marks.Mark(What.CHECKED, str(form.given)), **who)
    return redirect(request, "run_labels", slug=slug, number=number, query=dict(parse_qsl(form.back)))

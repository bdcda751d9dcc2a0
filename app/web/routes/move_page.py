"""Moving images between splits without JavaScript: a page that says what would move, and a button that does it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.db.models import Project
from app.domain.enums import LabelSource, Split
from app.domain.errors import AppError, Invalid
from app.domain.groups import COPIES
from app.services import gallery, labels, split_moves, splits
from app.services.gallery import ImageFilter
from app.services.marks import Who
from app.services.split_moves import Wish
from app.web import grid_page, i18n
from app.web.deps import ActorDep, ProjectDep, ReadSession, WriteSession
from app.web.draw_form import DrawForm
from app.web.messages import sentence
from app.web.split_words import sentences
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}/splits/selection")

Id = Annotated[int, Field(ge=1, le=2**53)]


@dataclass(frozen=True)
class MovePage:
    """``ticked``: the chosen images, "" for all that match; ``sentences``: what would move."""

    project: Project
    query: Mapping[str, str]
    ticked: str
    count: int
    move: grid_page.MoveDialog
    sentences: Sequence[str]
    request_id: str
    error: str


class Sent(BaseModel):
    """The ticked boxes of the gallery, or the form of the page."""

    request_id: Annotated[str, Field(max_length=64)] = ""
    image: list[Id] = []
    images: Annotated[str, Field(pattern=r"^(\d{1,15}(,\d{1,15})*)?$")] = ""
    shown: Annotated[int, Field(ge=0, le=2**53)] | None = None
    to: Annotated[str, Field(max_length=20)] = ""
    together: Annotated[str, Field(max_length=40)] = COPIES
    pattern: Annotated[str, Field(max_length=200)] = DrawForm.pattern
    seconds: Annotated[str, Field(max_length=40)] = DrawForm.seconds
    release: bool = False

    @property
    def ids(self) -> list[int]:
        """The images by number; none: all that match."""
        return list(dict.fromkeys([*self.image, *(int(number) for number in self.images.split(",") if number)]))

    @property
    def form(self) -> DrawForm:
        """What was chosen of what belongs together."""
        return DrawForm(release=self.release, together=self.together, pattern=self.pattern, seconds=self.seconds)

    def chosen(self, session: Session, project_id: int, query: ImageFilter) -> ImageFilter:
        """The images that are meant, checked against the number shown."""
        if self.ids:
            return ImageFilter(state=None, ids=tuple(self.ids))
        found = gallery.resolved(session, project_id, query)
        if self.shown is not None:
            gallery.check_not_grown(session, project_id, found, self.shown)
        return found

    def wish(self) -> Wish:
        """What is wanted.

        Raises:
            Invalid: with ``fields``.
        """
        return Wish(Split(self.to) if self.to in tuple(Split) else None, self.form.read_together(), self.release)


@router.get("", name="move_all")
def show(request: Request, project: ProjectDep, session: ReadSession) -> Response:
    """Ask where all images go that match the query string."""
    return page(request, session, project, Sent())


@router.post("", name="move_page")
def ask(request: Request, project: ProjectDep, session: ReadSession, sent: Annotated[Sent, Form()]) -> Response:
    """Ask where images go, and once that was chosen say what would move."""
    if not sent.to:
        return page(request, session, project, sent)
    try:
        chosen = sent.chosen(session, project.id, ImageFilter.from_query(request.query_params))
        plan = split_moves.plan(session, project.id, chosen, sent.wish())
    except AppError as error:
        return page(request, session, project, sent, error=error)
    runs = splits.tested_runs(session, project.id) if plan.leaving else 0
    said = sentences(plan, runs, i18n.translations(i18n.choose(request)), done=False)
    return page(request, session, project, sent, said=said)


@router.post("/move", name="move_selection")
def move(
    request: Request, project: ProjectDep, session: WriteSession, actor: ActorDep, sent: Annotated[Sent, Form()]
) -> Response:
    """Move the images in one change that can be taken back; then the gallery again."""
    query = ImageFilter.from_query(request.query_params)
    who: Who = {"source": LabelSource.GALLERY, "actor": actor, "request_id": sent.request_id}
    try:
        known = labels.by_request(session, project.id, sent.request_id)
        chosen = ImageFilter() if known else sent.chosen(session, project.id, query)
        moved = split_moves.move(session, project.id, chosen, sent.wish(), **who)
    except AppError as error:
        session.rollback()
        return page(request, session, project, sent, error=error)
    told = {"moved": moved.change_set.image_count, "stayed": (moved.plan and moved.plan.pinned) or None}
    return redirect(request, "gallery", slug=project.slug, query={**query.to_query(), "view": "pages", **told})


def page(
    request: Request,
    session: Session,
    project: Project,
    sent: Sent,
    *,
    said: Sequence[str] = (),
    error: AppError | None = None,
) -> Response:
    """The form as it was sent; with ``said`` what would move, with ``error`` what was refused."""
    query = ImageFilter.from_query(request.query_params)
    gettext = i18n.translations(i18n.choose(request)).gettext
    form = sent.form
    if isinstance(error, Invalid) and error.fields:
        form = form.refused(request, error)
    context = MovePage(
        project=project,
        query=query.to_query(),
        ticked=",".join(map(str, sent.ids)),
        count=len(sent.ids) or gallery.total(session, project.id, query),
        move=grid_page.move_dialog(gettext, sent.to, form),
        sentences=said,
        request_id=sent.request_id if error else uuid.uuid4().hex,
        error=sentence(error, gettext) if error and not form.errors else "",
    )
    return render(request, "gallery/move.html", context, status_code=error.status if error else 200)

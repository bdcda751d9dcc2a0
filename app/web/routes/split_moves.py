"""Moving a selection of the gallery between splits, as JSON: what it would do, and doing it."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlalchemy.orm import Session

from app.db.models import Project
from app.domain.enums import LabelSource, Split
from app.domain.groups import COPIES
from app.services import labels, split_moves, splits
from app.services.gallery import ImageFilter
from app.services.marks import Who
from app.services.split_moves import Plan, Wish
from app.web import i18n
from app.web.deps import ActorDep, ProjectDep, ReadSession, WriteSession
from app.web.draw_form import DrawForm
from app.web.selection import Selection
from app.web.split_words import sentences

router = APIRouter(prefix="/p/{slug}")

Id = Annotated[int, Field(ge=1, le=2**53)]


class MoveBody(Selection):
    """Where images given by id or by filter shall go (null: each run shares them out).

    ``together`` says what moves with them, as when a test set is drawn; ``release`` that test images may leave the
    pinned test set.
    """

    request_id: Annotated[str, Field(min_length=1, max_length=64)] = ""
    to: Split | None
    image_ids: Annotated[list[Id], Field(min_length=1, max_length=1_000_000)] | None = None
    together: Annotated[str, Field(max_length=40)] = COPIES
    pattern: Annotated[str, Field(max_length=200)] = DrawForm.pattern
    seconds: Annotated[str, Field(max_length=40)] = DrawForm.seconds
    release: bool = False

    def images(self, session: Session, project_id: int) -> ImageFilter:
        """What is meant."""
        if self.image_ids is None:
            return self.chosen(session, project_id)
        return ImageFilter(state=None, ids=tuple(dict.fromkeys(self.image_ids)))

    def wish(self) -> Wish:
        """What is wanted.

        Raises:
            Invalid: with ``fields``.
        """
        form = DrawForm(together=self.together, pattern=self.pattern, seconds=self.seconds)
        return Wish(self.to, form.read_together(), self.release)


@router.post("/splits/plan", name="splits_plan")
def plan(request: Request, project: ProjectDep, session: ReadSession, body: MoveBody) -> JSONResponse:
    """What a move would do, in numbers and in sentences; nothing is changed."""
    planned = split_moves.plan(session, project.id, body.images(session, project.id), body.wish())
    return JSONResponse(_told(request, session, project, planned, done=False))


@router.post("/splits/move", name="splits_move")
def move(request: Request, project: ProjectDep, session: WriteSession, actor: ActorDep, body: MoveBody) -> JSONResponse:
    """Move images in one change that can be taken back."""
    who: Who = {"source": LabelSource.GALLERY, "actor": actor, "request_id": body.request_id}
    known = labels.by_request(session, project.id, body.request_id)
    chosen = ImageFilter() if known else body.images(session, project.id)
    moved = split_moves.move(session, project.id, chosen, body.wish(), **who)
    told = _told(request, session, project, moved.plan, done=True) if moved.plan else {}
    return JSONResponse({**told, "change_set": moved.change_set.id, "count": moved.change_set.image_count})


def _told(request: Request, session: Session, project: Project, planned: Plan, *, done: bool) -> dict[str, Any]:
    runs = splits.tested_runs(session, project.id) if planned.leaving else 0
    words: Sequence[str] = sentences(planned, runs, i18n.translations(i18n.choose(request)), done=done)
    return {
        "chosen": planned.chosen,
        "moving": len(planned.moving),
        "mates": planned.mates,
        "pinned": planned.pinned,
        "leaving": planned.leaving,
        "sentences": words,
    }

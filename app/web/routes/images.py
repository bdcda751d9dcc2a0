"""One image with everything known about it, and the history of all labels."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.db.models import Image, ImportBatch, LabelClass, Project
from app.domain.enums import Field as What
from app.domain.enums import LabelSource, Split
from app.domain.errors import AppError, Conflict
from app.domain.groups import COPIES, NONE
from app.services import gallery, history, image_copies, image_predictions, labels, marks, predictions, split_moves
from app.services.gallery import ImageFilter, ImageRow
from app.services.grouping import Grouping
from app.services.split_moves import Wish
from app.web import i18n, pictures
from app.web.deps import ActorDep, ProjectDep, ReadSession, WriteSession
from app.web.messages import sentence
from app.web.templating import redirect, render

router = APIRouter(prefix="/p/{slug}")

HISTORY = 50
NAMED = 20  # images that an undo left as they are
Number = Annotated[int, Query(ge=1, le=2**53)]


@dataclass(frozen=True)
class ImagePage:
    """One image: facts, history, what the runs said, and its neighbours within the filter of the query string."""

    project: Project
    image: Image
    query: Mapping[str, str]
    conversion: Sequence[str]
    import_number: int | None
    steps: Sequence[history.Step]
    predictions: Sequence[image_predictions.Said]
    copy_groups: Sequence[image_copies.Copies]
    trained: int | None  # number of the newest run that can be asked
    previous: int | None
    following: int | None
    position: int
    total: int
    classes: Mapping[int, LabelClass]
    class_keys: Mapping[int, str]
    sources: Mapping[str, str]
    reasons: Mapping[str, str]
    marks: Mapping[str, str]
    splits: Mapping[str, str]
    copies: int
    request_id: str
    error: str = ""


@dataclass(frozen=True)
class HistoryPage:
    """The changes of labels, newest first."""

    project: Project
    acts: Sequence[history.Act]
    older: int | None
    classes: Mapping[int, LabelClass]
    sources: Mapping[str, str]
    reasons: Mapping[str, str]
    marks: Mapping[str, str]
    request_ids: Mapping[int, str]
    kept: int
    left: Sequence[ImageRow]
    actor: str
    error: str = ""


class Press(BaseModel):
    """A press of a button: ``do`` is the id of a class, "none", "undo" or a mark ("exclude", "unsure", "note", …).

    ``version`` is that of the label shown; ``text`` the note, ``reason`` why it is excluded.
    """

    do: str
    text: str = Field("", max_length=4000)
    reason: str = Field("", max_length=400)
    origin: str = Field("", max_length=1000)
    licence: str = Field("", max_length=400)
    publish: str = Field("", max_length=10)
    version: int = Field(ge=0, le=2**31 - 1)
    request_id: str = Field(min_length=1, max_length=64)


class OneMove(BaseModel):
    """The form on the page of an image: ``mates``: its copies move, too."""

    to: Annotated[str, Field(max_length=20)]
    request_id: Annotated[str, Field(min_length=1, max_length=64)]
    mates: bool = False
    release: bool = False


@router.get("/images/{image_id}", name="image")
def image(request: Request, project: ProjectDep, session: ReadSession, image_id: int) -> Response:
    """Show one image."""
    return image_page(request, session, project, image_id)


@router.post("/images/{image_id}", name="image_change")
def change(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    image_id: int,
    press: Annotated[Press, Form()],
) -> Response:
    """A button of the page without JavaScript."""
    who: marks.Who = {"source": LabelSource.GALLERY, "actor": actor, "request_id": press.request_id}
    try:
        if press.do == "undo":
            labels.undo(session, project.id, actor=actor, request_id=press.request_id)
        elif press.do == "reason":
            marks.press(session, project.id, (image_id,), "exclude", reason_code(request, press.reason), **who)
        elif press.do == "rights":
            rights = {What.ORIGIN: press.origin, What.LICENCE: press.licence, What.PUBLISH: press.publish}
            for number, (field, value) in enumerate(rights.items()):
                each: marks.Who = {**who, "request_id": f"{press.request_id[:62]}-{number}"}
                marks.put_each(session, project.id, (image_id,), marks.Mark(field, value or None), **each)
        elif press.do in marks.BUTTONS:
            text = press.text if press.do == "note" else ""
            marks.press(session, project.id, (image_id,), press.do, text, **who)
        else:
            wanted = labels.LabelChange(image_id, pictures.class_of(press.do), press.version)
            labels.assign(session, project.id, [wanted], **who)
    except AppError as error:
        session.rollback()
        return image_page(request, session, project, image_id, error)
    query = ImageFilter.from_query(request.query_params).to_query()
    return redirect(request, "image", slug=project.slug, image_id=image_id, query=query)


@router.post("/images/{image_id}/split", name="image_move")
def move_one(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    image_id: int,
    sent: Annotated[OneMove, Form()],
) -> Response:
    """Move one image, and the copies of it where that is ticked."""
    who: marks.Who = {"source": LabelSource.GALLERY, "actor": actor, "request_id": sent.request_id}
    split = Split(sent.to) if sent.to in tuple(Split) else None
    wish = Wish(split, Grouping(COPIES if sent.mates else NONE), sent.release)
    try:
        moved = split_moves.move(session, project.id, ImageFilter(state=None, ids=(image_id,)), wish, **who)
        if moved.plan and not len(moved.plan.moving) and moved.plan.pinned:
            raise Conflict("split_pinned")
    except AppError as error:
        session.rollback()
        return image_page(request, session, project, image_id, error)
    query = ImageFilter.from_query(request.query_params).to_query()
    return redirect(request, "image", slug=project.slug, image_id=image_id, query=query)


def reason_code(request: Request, text: str) -> str:
    """The usual reason that the reader's words stand for, or the words themselves."""
    gettext = i18n.translations(i18n.choose(request)).gettext
    by_words = {gettext(words): code for code, words in pictures.REASONS.items()}
    return by_words.get(text.strip(), text)


def image_page(
    request: Request, session: Session, project: Project, image_id: int, error: AppError | None = None
) -> Response:
    """The page of one image; with ``error`` it says what was refused."""
    found = gallery.image(session, project.id, image_id)
    chosen = ImageFilter.from_query(request.query_params)
    before = gallery.before(session, project.id, chosen, image_id)
    after = gallery.after(session, project.id, chosen, image_id, 1)
    gettext = i18n.translations(i18n.choose(request)).gettext
    trained = predictions.newest_run(session, project.id)
    batch = session.get(ImportBatch, found.import_id) if found.import_id else None
    context = ImagePage(
        project=project,
        image=found,
        query=chosen.to_query(),
        conversion=pictures.conversion_words(found.conversion, gettext),
        import_number=batch.number if batch else None,
        steps=history.of_image(session, project.id, image_id),
        predictions=image_predictions.of_image(session, project.id, image_id),
        copy_groups=image_copies.of_image(session, project.id, image_id),
        trained=trained.number if trained else None,
        previous=before[0].id if before else None,
        following=after[0].id if after else None,
        position=gallery.position(session, project.id, chosen, image_id) + 1,
        total=gallery.total(session, project.id, chosen),
        classes={item.id: item for item in project.classes},
        class_keys=pictures.key_names(project.classes),
        sources={key: gettext(text) for key, text in pictures.SOURCES.items()},
        reasons={key: gettext(text) for key, text in pictures.REASONS.items()},
        marks={key: gettext(text) for key, text in pictures.MARKS.items()},
        splits={key: gettext(text) for key, text in pictures.SPLITS.items()},
        copies=split_moves.mates(session, project.id, image_id),
        request_id=uuid.uuid4().hex,
        error=sentence(error, gettext) if error else "",
    )
    return render(request, "gallery/image.html", context, status_code=error.status if error else 200)


@router.get("/history", name="history")
def show_history(
    request: Request,
    project: ProjectDep,
    session: ReadSession,
    actor: ActorDep,
    before: Number | None = None,
    left: Annotated[list[Number], Query(max_length=NAMED)] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Show what was labelled, by whom, and offer to take it back. ``left``: images that an undo left as they are."""
    return history_page(request, session, project, actor, before=before, left=left)


@router.post("/history/{change_set_id}", name="history_undo")
def undo(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    actor: ActorDep,
    change_set_id: Annotated[int, Path(ge=1, le=2**53)],
    request_id: Annotated[str, Form(min_length=1, max_length=64)],
) -> Response:
    """Take one change back, or bring back one that was taken back."""
    try:
        taken = labels.undo(session, project.id, change_set_id, actor=actor, request_id=request_id)
    except AppError as error:
        session.rollback()
        left = [other.image_id for other in error.conflicts] if isinstance(error, labels.LabelConflict) else []
        return history_page(request, session, project, actor, left=left[:NAMED], error=error)
    left = [other.image_id for other in taken.conflicts]
    return redirect(request, "history", slug=project.slug, query={"kept": len(left) or None, "left": left[:NAMED]})


def history_page(
    request: Request,
    session: Session,
    project: Project,
    actor: str,
    *,
    before: int | None = None,
    left: Sequence[int] = (),
    error: AppError | None = None,
) -> Response:
    """The page of the history; with ``error`` it says what was refused."""
    acts = history.of_project(session, project.id, before_id=before, limit=HISTORY)
    gettext = i18n.translations(i18n.choose(request)).gettext
    kept = request.query_params.get("kept", "")
    context = HistoryPage(
        project=project,
        acts=acts,
        older=acts[-1].change_set_id if len(acts) == HISTORY else None,
        classes={item.id: item for item in project.classes},
        sources={key: gettext(text) for key, text in pictures.SOURCES.items()},
        reasons={key: gettext(text) for key, text in pictures.REASONS.items()},
        marks={key: gettext(text) for key, text in pictures.MARKS.items()},
        request_ids={item.change_set_id: uuid.uuid4().hex for item in acts},
        kept=int(kept) if kept.isascii() and kept.isdigit() and len(kept) < 10 else 0,
        left=gallery.rows(session, project.id, left),
        actor=actor,
        error=sentence(error, gettext) if error else "",
    )
    return render(request, "gallery/history.html", context, status_code=error.status if error else 200)

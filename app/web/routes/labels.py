"""Labels and marks as JSON: what the label page, the gallery and the review page send through saver.js."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field
from sqlalchemy.orm import Session

from app.db.models import ChangeSet
from app.domain.enums import Field as What
from app.domain.enums import LabelSource
from app.domain.errors import NotFound
from app.services import gallery, history, labels, marks, projects
from app.web import errors, i18n
from app.web.deps import ActorDep, AppState, StateDep
from app.web.messages import sentence
from app.web.selection import Selection, Strict

router = APIRouter(prefix="/p/{slug}")

Id = Annotated[int, Field(ge=1, le=2**53)]
RequestId = Annotated[str, Field(min_length=1, max_length=64)]
NOTHING = ("nothing_to_undo", "nothing_to_redo")
SHOWN_CHANGES = 2000  # a page that has more than this to show again asks for the images anew


class Change(Strict):
    """One image and the version of its label that was seen (None: change whatever is there)."""

    image_id: Id
    version: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


class AssignBody(Selection):
    """One class for images given by id or by filter."""

    request_id: RequestId
    source: Literal[LabelSource.LABEL_MODE, LabelSource.GALLERY, LabelSource.REVIEW, LabelSource.SUGGESTION]
    class_id: Id | None
    changes: list[Change] | None = None


class TakeBackBody(Strict):
    """What to undo or redo: a change set, a request of this page, or the newest of this person."""

    request_id: RequestId
    change_set: Id | None = None
    of_request: RequestId | None = None


class MarkBody(Selection):
    """A mark of images given by id or by filter: ``value`` is the reason, the note or ""; null takes it off."""

    request_id: RequestId
    source: Literal[LabelSource.LABEL_MODE, LabelSource.GALLERY, LabelSource.REVIEW]
    field: Literal[
        What.EXCLUDED,
        What.UNSURE,
        What.SKIPPED,
        What.CHECKED,
        What.NOTE,
        What.ORIGIN,
        What.LICENCE,
        What.PUBLISH,
    ]
    value: Annotated[str, Field(max_length=4000)] | None
    image_ids: list[Id] | None = None


@router.post("/labels", name="labels_assign")
def assign(request: Request, slug: str, state: StateDep, actor: ActorDep, body: AssignBody) -> JSONResponse:
    """Give a class to images, or take their label away with ``class_id`` null."""
    who: marks.Who = {"source": LabelSource(body.source), "actor": actor, "request_id": body.request_id}
    changes = [labels.LabelChange(item.image_id, body.class_id, item.version) for item in body.changes or []]

    def work(session: Session) -> dict[str, Any]:
        project_id = projects.id_of(session, slug)
        if body.changes is None:
            known = labels.by_request(session, project_id, body.request_id)
            chosen = gallery.ImageFilter() if known else body.chosen(session, project_id)
            change_set = labels.assign_matching(session, project_id, chosen, body.class_id, **who)
            return {"change_set": change_set.id, "count": change_set.image_count}
        change_set = labels.assign(session, project_id, changes, **who)
        images = seen(session, project_id, change_set.id, [item.image_id for item in changes])
        return {"change_set": change_set.id, "count": change_set.image_count, "images": images}

    return answered(request, state, work)


@router.post("/labels/undo", name="labels_undo")
def undo(request: Request, slug: str, state: StateDep, actor: ActorDep, body: TakeBackBody) -> Response:
    """Take a change back."""

    def work(session: Session) -> dict[str, Any]:
        project_id = projects.id_of(session, slug)
        target = named(session, project_id, body, "nothing_to_undo")
        return taken_back(session, labels.undo(session, project_id, target, actor=actor, request_id=body.request_id))

    return newest(request, state, body, work)


@router.post("/labels/redo", name="labels_redo")
def redo(request: Request, slug: str, state: StateDep, actor: ActorDep, body: TakeBackBody) -> Response:
    """Bring back what was undone."""

    def work(session: Session) -> dict[str, Any]:
        project_id = projects.id_of(session, slug)
        target = named(session, project_id, body, "nothing_to_redo")
        return taken_back(session, labels.redo(session, project_id, target, actor=actor, request_id=body.request_id))

    return newest(request, state, body, work)


@router.post("/marks", name="marks_put")
def mark(request: Request, slug: str, state: StateDep, actor: ActorDep, body: MarkBody) -> JSONResponse:
    """Set a mark of images or take it off."""
    wanted = marks.Mark(What(body.field), body.value)
    who: marks.Who = {"source": LabelSource(body.source), "actor": actor, "request_id": body.request_id}

    def work(session: Session) -> dict[str, Any]:
        project_id = projects.id_of(session, slug)
        if body.image_ids is None:
            known = labels.by_request(session, project_id, body.request_id)
            chosen = gallery.ImageFilter() if known else body.chosen(session, project_id)
            change_set = marks.put(session, project_id, chosen, wanted, **who)
            return {"change_set": change_set.id, "count": change_set.image_count}
        change_set = marks.put_each(session, project_id, body.image_ids, wanted, **who)
        return {"change_set": change_set.id, "count": change_set.image_count, **marked(session, change_set)}

    return answered(request, state, work)


def answered(request: Request, state: AppState, work: Callable[[Session], dict[str, Any]]) -> JSONResponse:
    """Do the work together with that of others who write now; answer once it is durable."""
    try:
        return JSONResponse(state.database.write_together(work))
    except labels.LabelConflict as error:
        return refused(request, error)


def newest(
    request: Request, state: AppState, body: TakeBackBody, work: Callable[[Session], dict[str, Any]]
) -> Response:
    """The answer to undo and redo.

    Who asks for the newest change cannot know whether there is one: that there is none is said with status 200.
    """
    try:
        return answered(request, state, work)
    except NotFound as error:
        if error.code not in NOTHING or body.change_set is not None or body.of_request is not None:
            raise
        return errors.answer(request, error, HTTPStatus.OK)


def named(session: Session, project_id: int, body: TakeBackBody, code: str) -> int | None:
    """The change set meant; None for the newest.

    Raises:
        NotFound: the request to take back never arrived here.
    """
    if body.of_request is None:
        return body.change_set
    found = labels.by_request(session, project_id, body.of_request)
    if found is None:
        raise NotFound(code)
    return found.id


def seen(session: Session, project_id: int, change_set_id: int, image_ids: list[int]) -> list[dict[str, int | None]]:
    """The labels as the change left them, so that a repeated request does not learn of later changes by others."""
    written = {image_id: (class_id, version) for image_id, class_id, version in history.written(session, change_set_id)}
    rest = [image_id for image_id in image_ids if image_id not in written]
    now = {row.id: (row.class_id, row.version) for row in gallery.rows(session, project_id, rest)} if rest else {}
    return [as_json(image_id, *(written.get(image_id) or now[image_id])) for image_id in image_ids]


def taken_back(session: Session, taken: labels.TakenBack) -> dict[str, Any]:
    """The answer to undo and redo."""
    change_set = taken.change_set
    written = history.written(session, change_set.id, SHOWN_CHANGES)
    return {
        "change_set": change_set.id,
        "count": change_set.image_count,
        "images": [as_json(*row) for row in written],
        "conflicts": [conflict(item) for item in taken.conflicts],
        **marked(session, change_set),
    }


def marked(session: Session, change_set: ChangeSet) -> dict[str, Any]:
    """What a change of marks wrote; labels have no ``marks``."""
    written = marks.written(session, change_set.id, SHOWN_CHANGES)
    return {"field": change_set.field, "marks": [{"image_id": row[0], "value": row[1]} for row in written]}


def refused(request: Request, error: labels.LabelConflict) -> JSONResponse:
    """Status 409 with the values that stand in the way; nothing was written."""
    message = sentence(error, i18n.translations(i18n.choose(request)).gettext)
    body = {"code": error.code, "message": message, "params": dict(error.params)}
    conflicts = [conflict(item) for item in error.conflicts]
    return JSONResponse({"error": body, "conflicts": conflicts}, status_code=error.status)


def conflict(other: labels.OtherLabel) -> dict[str, int | str | None]:
    """One label that stood in the way."""
    at = other.at.isoformat() if other.at else None
    place = as_json(other.image_id, other.class_id, other.version)
    return {**place, "text": other.text, "actor": other.actor, "at": at}


def as_json(image_id: int, class_id: int | None, version: int) -> dict[str, int | None]:
    """One label."""
    return {"image_id": image_id, "class_id": class_id, "version": version}

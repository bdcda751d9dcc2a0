"""Pictures. Shown in a page are only our own copies; an original is only ever a download."""

from typing import Literal

import sqlalchemy as sa
from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from app.db.models import Image, Project
from app.domain.errors import NotFound
from app.web.deps import ProjectDep, ReadSession, StateDep
from app.web.own_copies import ASK, SANDBOX, attachment, picture

router = APIRouter()


@router.get("/p/{slug}/media/{image_id}/{kind}", name="media")
def media(
    image_id: int,
    kind: Literal["thumb", "full"],
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    v: str = "",
) -> Response:
    """Our copy of a picture: "thumb" or "full". With ``v``, its hash, a browser may keep it for ever."""
    image = find(session, project, image_id)
    digest = image.thumbnail_sha256 if kind == "thumb" else image.canonical_sha256
    return picture(state.store.get(digest), immutable=v == digest)


@router.get("/p/{slug}/images/{image_id}/original", name="original")
def original(image_id: int, project: ProjectDep, session: ReadSession, state: StateDep) -> Response:
    """The file exactly as it came, as a download."""
    image = find(session, project, image_id)
    headers = {**SANDBOX, "Content-Disposition": attachment(image.name), "Cache-Control": ASK}
    return Response(state.store.get(image.sha256), media_type="application/octet-stream", headers=headers)


def find(session: Session, project: Project, image_id: int) -> Image:
    """One image of ``project``.

    Raises:
        NotFound: the project has no such image.
    """
    image = session.scalar(sa.select(Image).where(Image.project_id == project.id, Image.id == image_id))
    if image is None:
        raise NotFound("image_missing", image=image_id)
    return image

"""Pictures. Shown in a page are only our own copies; an original is only ever a download."""

import unicodedata
from typing import Literal

import sqlalchemy as sa
from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from app.db.models import Image, Project
from app.domain.errors import NotFound
from app.services import projects
from app.web.deps import ProjectDep, ReadSession, StateDep
from app.web.own_copies import ASK, SANDBOX, attachment, picture

router = APIRouter()
# One question for each picture of a page, which shows hundreds; putting it together anew would cost as much as asking.
_COPIES = {
    kind: sa.select(column)
    .join(Project, Project.id == Image.project_id)
    .where(Image.id == sa.bindparam("image_id"), Project.slug == sa.bindparam("slug"))
    for kind, column in (("thumb", Image.thumbnail_sha256), ("full", Image.canonical_sha256))
}


@router.get("/p/{slug}/media/{image_id}/{kind}", name="media")
def media(
    slug: str,
    image_id: int,
    kind: Literal["thumb", "full"],
    session: ReadSession,
    state: StateDep,
    v: str = "",
) -> Response:
    """Our copy of a picture: "thumb" or "full". With ``v``, its hash, a browser may keep it for ever."""
    wanted = {"image_id": image_id, "slug": unicodedata.normalize("NFC", slug)}
    if (digest := session.scalar(_COPIES[kind], wanted)) is None:
        projects.id_of(session, slug)  # says when there is no such project
        raise NotFound("image_missing", image=image_id)
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

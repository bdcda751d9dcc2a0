"""Pictures. Shown in a page are only our own copies; an original is only ever a download."""

from typing import Literal
from urllib.parse import quote

import sqlalchemy as sa
from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from app.db.models import Image, Project
from app.domain.errors import NotFound
from app.web.deps import ProjectDep, ReadSession, StateDep

router = APIRouter()

MAGIC = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))
SANDBOX = {"Content-Security-Policy": "sandbox; default-src 'none'", "X-Content-Type-Options": "nosniff"}
KEPT = "private, max-age=31536000, immutable"
ASK = "private, no-cache"


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


def picture(data: bytes, *, immutable: bool) -> Response:
    """An answer with one of our own copies; its type is read from its first bytes.

    Raises:
        NotFound: the bytes are neither PNG nor JPEG, so they are none of our copies.
    """
    for magic, media_type in MAGIC:
        if data.startswith(magic):
            headers = {**SANDBOX, "Cache-Control": KEPT if immutable else ASK}
            return Response(data, media_type=media_type, headers=headers)
    raise NotFound("page_missing", path="")


def attachment(name: str) -> str:
    """A Content-Disposition that every browser reads and no name can break out of (RFC 6266, RFC 8187)."""
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name)
    return f"attachment; filename=\"{plain or 'picture'}\"; filename*=UTF-8''{quote(name, safe='')}"

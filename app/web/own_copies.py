"""Answers with one of our own copies of a picture: nothing else is ever shown in a page."""

from urllib.parse import quote

from fastapi import Response

from app.domain.errors import NotFound

MAGIC = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))
SANDBOX = {"Content-Security-Policy": "sandbox; default-src 'none'", "X-Content-Type-Options": "nosniff"}
KEPT = "private, max-age=31536000, immutable"
ASK = "private, no-cache"


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

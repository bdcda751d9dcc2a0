"""What every request must pass and every answer must carry. Pure ASGI, so that event streams are never buffered."""

from collections.abc import Callable
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.config import Settings
from app.domain.errors import AppError
from app.web.errors import UnexpectedErrors, answer

MIB = 2**20
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSP = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
NO_SENSORS = "camera=(), microphone=(), geolocation=()"
CAMERA_HERE = "camera=(self), microphone=(), geolocation=()"  # of the import page, which takes pictures when asked to
PAGE_LIMIT = 8 * MIB  # forms and label changes: 40,000 image ids are about 1.5 MB of JSON
FILES_PER_REQUEST_MB = 100

HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "permissions-policy": NO_SENSORS,
}


def install(app: FastAPI, settings: Settings) -> None:
    """Add the middlewares. The one added last sees a request first."""
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(BodyLimit, limit=body_limits(settings))
    app.add_middleware(OwnOriginOnly)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=settings.host_names, www_redirect=False)
    app.add_middleware(AnswerHeaders)


class AnswerHeaders:
    """Adds the headers to every answer; an answer that brings its own value of one keeps it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and the answer back with its headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)


class OwnOriginOnly:
    """Refuses changes that another web page sends through the reader's browser (cross-site request forgery).

    Every current browser says where an unsafe request comes from in ``Sec-Fetch-Site`` or ``Origin``. A request with
    neither is refused as well; a script adds ``Sec-Fetch-Site: none``, which no page can make a browser send.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on when it comes from our own pages."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS or is_own(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        headers = request.headers
        unmarked = "sec-fetch-site" not in headers and "origin" not in headers
        refusal = AppError("request_unmarked") if unmarked else AppError("request_foreign")
        response: Response = answer(request, refusal, 403)
        await response(scope, receive, send)


def is_own(headers: Headers) -> bool:
    """True when the headers show that the request was sent by our own page or by no page at all."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None and origin is None:
        return False
    if site is not None and site not in ("same-origin", "none"):
        return False
    return origin is None or same_host(origin, headers.get("host", ""))


def same_host(origin: str, host: str) -> bool:
    """True when ``origin`` (scheme, name and port) is the page that answers under the ``Host`` header ``host``."""
    try:
        parts = urlsplit(origin)
    except ValueError:  # "http://[": a bracket that is not closed
        return False
    if parts.scheme not in ("http", "https"):
        return False
    default = ":443" if parts.scheme == "https" else ":80"
    return parts.netloc.lower().removesuffix(default) == host.lower().removesuffix(default)


def body_limits(settings: Settings) -> Callable[[str], int]:
    """How many bytes a request to a path may have: only uploads may be large."""

    def limit(path: str) -> int:
        if path.endswith("/zip"):
            return settings.max_zip_mb * MIB + MIB
        if path.endswith("/try"):
            return settings.max_file_mb * MIB + MIB
        if path.endswith("/files"):
            return max(FILES_PER_REQUEST_MB, settings.max_file_mb) * MIB + MIB
        return PAGE_LIMIT

    return limit


class BodyLimit:
    """Refuses a body that is too large before it is read, or while it is read when it does not say its length."""

    def __init__(self, app: ASGIApp, limit: Callable[[str], int]) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a body that is counted."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit, seen = self.limit(scope["path"]), 0
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > limit:
            refusal = AppError("body_too_large", limit_mb=limit // MIB)
            await answer(Request(scope), refusal, 413)(scope, receive, send)
            return

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise HTTPException(413, detail=str(limit // MIB))  # the handler of 413 reads the limit here
            return message

        await self.app(scope, counted, send)

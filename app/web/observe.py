"""Counts every request and writes one line for it, under an id that the answer carries too. Pure ASGI."""

import logging
import re
import secrets
import time
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import log_fields
from app.web.figures import Meters

REQUEST_ID = "x-request-id"
_ID = re.compile(r"[A-Za-z0-9._-]{6,64}")
UNKNOWN = "(none)"  # an address that no route has
log = logging.getLogger(__name__)


class Observe:
    """The outermost middleware: what it does not see did not happen."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self.app = app
        self.meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note how it was answered."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        wished = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = wished if _ID.fullmatch(wished) else secrets.token_hex(8)
        begun = time.perf_counter()
        status, stream = 500, False

        async def noted(message: Message) -> None:
            nonlocal status, stream
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                stream = headers.get("content-type", "").startswith("text/event-stream")
                if stream:
                    self.meters.streams.inc()
            await send(message)

        with log_fields.about(request=request_id):
            try:
                await self.app(scope, receive, noted)
            finally:
                if stream:
                    self.meters.streams.dec()
                self._note(scope, status, time.perf_counter() - begun, stream=stream)

    def _note(self, scope: Scope, status: int, seconds: float, *, stream: bool) -> None:
        route = route_name(scope)
        if not stream:
            self.meters.seen(scope["method"], route, status, seconds)
        fields: dict[str, Any] = {
            "method": scope["method"],
            "route": route,
            "status": status,
            "seconds": round(seconds, 4),
        }
        log.log(logging.WARNING if status >= 500 else logging.INFO, "request", extra={"fields": fields})


def route_name(scope: Scope) -> str:
    """The address as the program writes it, with names in the place of values: ``/p/{slug}/runs/{number}``."""
    path = getattr(scope.get("route"), "path", None)
    if path is not None:
        return str(path)
    return "/static" if scope["path"].startswith("/static/") else UNKNOWN

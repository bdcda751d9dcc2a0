"""HEAD is answered as GET, without the body. Pure ASGI, the innermost: the others see an ordinary answer."""

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Asks the page for its answer and ends it once the headers are there: an event stream would never end."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass every other request on as it is."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        asked = {**scope, "method": "GET"}
        enough = anyio.CancelScope()

        async def headers_only(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope.update({name: asked[name] for name in ("route", "path_params") if name in asked})
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                enough.cancel()
                await anyio.lowlevel.checkpoint()

        with enough:
            await self.app(asked, receive, headers_only)

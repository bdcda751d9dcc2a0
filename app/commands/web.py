"""``python -m app web``: the web pages alone."""

import socket
from types import FrameType

import uvicorn

from app.commands import folder, logs, parent, ports
from app.commands.common import keep_loaded, opened, say
from app.config import Settings
from app.main import create_app
from app.web import events

GRACE_SECONDS = 3  # for requests that are being answered when the process is told to stop


class _Server(uvicorn.Server):
    """Ends the open event streams at the signal: the server would wait for them before it shuts down."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        events.shutdown(self.config.loaded_app if self.config.loaded else self.config.app)  # type: ignore[arg-type]
        super().handle_exit(sig, frame)


def run(settings: Settings, *, fd: int | None = None, with_parent: bool = False) -> int:
    """Serve until a signal comes. ``fd``: a listening socket that the parent process has opened."""
    logs.set_up(settings.log_level, settings.log_format, settings.masked)
    if with_parent:
        parent.end_with_parent()
    folder.prepare(settings.data_dir)
    listener = ports.listen(settings.host, settings.port) if fd is None else socket.socket(fileno=fd)
    with listener:
        if fd is None:
            with opened(settings):
                pass  # what cannot be opened is one sentence here; within the server it would be a traceback
            say(f"Miwake: {ports.address(listener)}")
        app = create_app(settings)
        keep_loaded()
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,  # app.web.observe writes our own, with the request id and without the query string
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        _Server(config).run(sockets=[listener])
    return 0

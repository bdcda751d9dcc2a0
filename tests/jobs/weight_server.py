"""A web server on this machine that gives one file of weights, in good ways and in bad ones."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 2000


@dataclass
class Served:
    """What is served and what was asked for.

    ``cut``: bytes after which a connection ends, one for each of the first connections; 0: it does not. ``stalls``:
    nothing comes after the first piece, until ``gone`` is set. ``length``: what is said to come. ``part``: a
    ``Content-Range`` that is said without being asked for. ``moved``: where the server leads on to.
    """

    content: bytes = CONTENT
    cuts: list[int] = field(default_factory=list)
    stalls: bool = False
    status: int = 200
    length: int = 0
    part: str = ""
    moved: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)  # paths and the parts of the file that were wanted
    url: str = ""
    gone: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def serving() -> Iterator[Served]:
    """The server, as long as it is needed."""
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, served)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}/keras"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.gone.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, served: Served) -> None:
    wanted = handler.headers.get("Range", "")
    served.asked.append((handler.path, wanted))
    if served.status != 200:
        handler.send_error(served.status, "First\r\nSecond\0" if served.status == 410 else None)
        return
    if served.moved:
        handler.send_response(302)
        handler.send_header("Location", served.moved)
        handler.end_headers()
        return
    start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
    total = served.length or len(served.content)
    handler.send_response(206 if wanted or served.part else 200)
    if served.part:
        handler.send_header("Content-Range", served.part)
    elif wanted:
        handler.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
    handler.send_header("Content-Length", str(total - start))
    handler.send_header("ETag", '"one"')
    handler.end_headers()
    number = len(served.asked) - 1
    end = served.cuts[number] if number < len(served.cuts) and served.cuts[number] else len(served.content)
    with contextlib.suppress(OSError):
        if served.stalls:
            handler.wfile.write(served.content[:1000])
            handler.wfile.flush()
            served.gone.wait(60)
        else:
            handler.wfile.write(served.content[start:end])

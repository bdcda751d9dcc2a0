"""One answer of a web server, read by a thread of its own, so that a stop is noticed whatever the network does.

Looking up a name, connecting and reading may each hang for minutes in the system. The reader of ``pieces`` waits for
none of them longer than it wants to; the thread ends by itself when its call comes back.
"""

import http.client
import queue
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

CONNECT_SECONDS = 8.0
STALL_SECONDS = 20.0
LOOK_SECONDS = 0.1
PIECE = 2**18  # bytes
_AHEAD = 8  # pieces in memory
# The web alone: without FTP, to which the usual opener lets a server lead on.
_WEB = urllib.request.OpenerDirector()
for _handler in (
    urllib.request.ProxyHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPRedirectHandler,
    urllib.request.HTTPErrorProcessor,
    urllib.request.UnknownHandler,
):
    _WEB.add_handler(_handler())


@dataclass(frozen=True)
class Head:
    """How the server answers. ``start``: the first byte that it sends; ``total``: of the whole file, None: unknown."""

    start: int
    total: int | None
    mark: str  # changes with the file: its ETag


class LineBroken(Exception):
    """The connection failed; the text says why. ``status``: the server refused, with this HTTP status."""

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status


class Stopped(Exception):
    """Somebody wants the work to end."""


def pieces(url: str, start: int, mark: str, should_stop: Callable[[], bool]) -> Iterator[Head | bytes]:
    """The head of the answer, then its bytes; from ``start`` on where the server still has the file of ``mark``.

    Raises:
        LineBroken: nothing, or nothing more, comes.
        Stopped: ``should_stop()`` said so.
    """
    headers = {"User-Agent": "Miwake", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - http or https, see app.domain.addresses
    if start and mark:
        request.add_header("Range", f"bytes={start}-")
        request.add_header("If-Range", mark)
    line = _Line(request, start)
    threading.Thread(target=line.read, name="download", daemon=True).start()
    try:
        while (item := line.next(should_stop)) is not None:
            yield item
    finally:
        line.over.set()


class _Line:
    """What the thread has to say, in its order; None is the end."""

    def __init__(self, request: urllib.request.Request, start: int) -> None:
        self._request, self._start = request, start
        self._said: queue.Queue[Head | bytes | Exception | None] = queue.Queue(_AHEAD)
        self._patience = CONNECT_SECONDS
        self.over = threading.Event()

    def next(self, should_stop: Callable[[], bool]) -> Head | bytes | None:
        waited = 0.0
        while waited < self._patience:
            if should_stop():
                raise Stopped
            try:
                item = self._said.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                waited += LOOK_SECONDS
                continue
            if isinstance(item, Exception):
                raise item
            self._patience = STALL_SECONDS
            return item
        raise LineBroken(f"no answer for {self._patience:.0f} seconds")

    def read(self) -> None:
        try:
            with _WEB.open(self._request, timeout=STALL_SECONDS) as answer:
                self._put(_head(answer, self._start))
                while (piece := answer.read1(PIECE)) and self._put(piece):
                    pass
            self._put(None)
        except urllib.error.HTTPError as error:
            self._put(LineBroken(_in_a_line(f"HTTP {error.code} {error.reason}"), error.code))
        except LineBroken as error:
            self._put(error)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._put(LineBroken(_reason(error)))

    def _put(self, item: Head | bytes | Exception | None) -> bool:
        """False when nobody reads any more."""
        while not self.over.is_set():
            try:
                self._said.put(item, timeout=1.0)
            except queue.Full:
                continue
            return True
        return False


def _head(answer: http.client.HTTPResponse, asked: int) -> Head:
    """What the server says before the bytes. A part that begins behind what is here already would leave a hole."""
    headers = answer.headers
    total, start = headers.get("Content-Length", ""), 0
    if answer.status == http.HTTPStatus.PARTIAL_CONTENT:
        span, _, total = headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        first = span.partition("-")[0]
        if not first.isdigit():
            raise LineBroken("HTTP 206 without saying which part", answer.status)
        start = int(first)
        if start > asked:
            raise LineBroken("HTTP 206 and another part than the one that was asked for", answer.status)
    mark = headers.get("ETag", "")
    return Head(start, int(total) if total.isdigit() else None, "" if mark.startswith("W/") else mark)


def _reason(error: Exception) -> str:
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {inner.verify_message}"
    if isinstance(inner, OSError) and inner.strerror:
        return str(inner.strerror)
    return _in_a_line(str(inner)) or type(inner).__name__


def _in_a_line(text: str) -> str:
    """What a server may have written, short and without signs that nobody can read or a database refuses."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:200]

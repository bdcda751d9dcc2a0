"""The jobs page in parts, drawn once for each language however many pages are open, and its event stream.

Each part has the digest of its HTML. A page says which digests it shows (``Last-Event-ID``, at first ``after``), so a
browser that comes back gets exactly the parts that have changed meanwhile.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from anyio import to_thread
from fastapi import FastAPI
from fastapi.sse import ServerSentEvent
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError

from app.services import disk, job_list
from app.services.job_list import JobLine
from app.web import events, i18n
from app.web.deps import AppState
from app.web.job_words import Words
from app.web.messages import say
from app.web.templating import Templates

PARTS = ("alert", "running", "waiting", "ended", "workers", "disk")
DRAWN_SECONDS = 30.0  # without any change the parts are drawn again for their "3 minutes ago"
SHARE = 0.01  # of the time that may go into counting the store
NEWEST, OLDEST = 10.0, 900.0  # seconds between two counts
DIGITS = 12
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """One part of the page."""

    name: str
    html: Markup
    digest: str


@dataclass(frozen=True)
class _Drawing:
    """All parts in one language; ``marks`` were read before them, at ``made`` (``time.monotonic``) or later."""

    made: float
    marks: events.Mark
    parts: list[Part]


class Board:
    """Draws the parts; ``fresh`` lets all streams share one drawing."""

    def __init__(self, state: AppState, templates: Templates) -> None:
        self._state, self._templates = state, templates
        self._drawn: dict[str, _Drawing] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._use: disk.Use | None = None
        self._measuring: asyncio.Task[None] | None = None

    def draw(self, language: str) -> list[Part]:
        """All parts as they are now."""
        with self._state.database.read() as session:
            found = job_list.overview(session)
            space = disk.space(session, self._state.settings.data_dir)
        t = i18n.translations(language)
        values: dict[str, Any] = {
            "running": found.running, "waiting": found.waiting, "ended": found.ended, "workers": found.workers,
            "more": found.more, "space": space, "use": self._use, "words": Words(t), "reason": _reason(t),
        }  # fmt: skip
        return [self._part(language, name, values) for name in PARTS]

    def _part(self, language: str, name: str, values: dict[str, Any]) -> Part:
        text = self._templates.environments[language].get_template(f"jobs/_{name}.html").render(**values).strip()
        return Part(name, Markup(text), hashlib.sha256(text.encode()).hexdigest()[:DIGITS])  # noqa: S704 - our own page

    async def fresh(self, language: str, since: float | None) -> list[Part]:
        """The parts, drawn at ``since`` (``time.monotonic``) or later; None: as they are now."""
        async with self._locks.setdefault(language, asyncio.Lock()):
            drawing = self._drawn.get(language)
            if since is None and drawing is not None:
                # A page that comes back must not get an old drawing: nobody would wake it for what was changed before.
                same = await to_thread.run_sync(self._marks) == drawing.marks
                since = drawing.made if same else time.monotonic()
            if drawing is None or since is None or drawing.made < since:
                made = time.monotonic()
                marks = await to_thread.run_sync(self._marks)
                drawing = _Drawing(made, marks, await to_thread.run_sync(self.draw, language))
                self._drawn[language] = drawing
            self._measure()
            return drawing.parts

    def _marks(self) -> events.Mark:
        with self._state.database.read() as session:
            return job_list.marks(session, [0])[0]

    def _measure(self) -> None:
        """Have the store measured when nobody did lately; counting 300,000 files takes seconds."""
        use = self._use
        old = use is None or time.monotonic() - use.at > min(max(use.seconds / SHARE, NEWEST), OLDEST)
        if old and (self._measuring is None or self._measuring.done()):
            self._measuring = asyncio.get_running_loop().create_task(self._count())

    async def _count(self) -> None:
        try:
            self._use = await to_thread.run_sync(disk.measure, self._state.store, self._state.settings.data_dir)
        except Exception:  # a bucket may not answer: the page goes on without its size
            log.exception("The store could not be measured.")
            self._use = disk.Use(None, None, None, time.monotonic(), OLDEST * SHARE)
        self._drawn.clear()

    async def stream(self, hub: events.Hub, language: str, shown: Sequence[str]) -> AsyncGenerator[ServerSentEvent]:
        """The parts that differ from the digests ``shown``, now and whenever they change."""
        have = dict(zip(PARTS, shown, strict=False))
        with hub.watching(job_list.marks, 0) as bell:
            yield ServerSentEvent(retry=events.RETRY_MS, comment="parts of the jobs page")
            since: float | None = None
            while not hub.stopping:
                bell.clear()
                try:
                    parts = await self.fresh(language, since)
                except SQLAlchemyError as error:
                    log.warning("The jobs could not be read (%s).", type(error).__name__)
                    parts = []
                for part in parts:
                    if have.get(part.name) != part.digest:
                        have[part.name] = part.digest
                        number = ".".join(have.get(name, "") for name in PARTS)
                        yield ServerSentEvent(event="part", id=number, data={"name": part.name, "html": part.html})
                since = await _next(hub, bell)


async def _next(hub: events.Hub, bell: asyncio.Event) -> float:
    """Wait for a change or for the time to draw again; the moment since which a drawing is new enough."""
    try:
        async with asyncio.timeout(DRAWN_SECONDS):
            await bell.wait()
    except TimeoutError:
        return time.monotonic() - DRAWN_SECONDS / 2  # what another stream had drawn just before will do
    return hub.rung


def _reason(t: Any) -> Any:
    def reason(line: JobLine) -> str:
        return say(line.error_code, line.error_params, t.gettext) if line.error_code else ""

    return reason


def board_of(app: FastAPI, state: AppState) -> Board:
    """The board of this application, made when it is first asked for."""
    board: Board | None = getattr(app.state, "board", None)
    if board is None or board._state is not state:
        app.state.board = board = Board(state, app.state.templates)
    return board


def shown_by(text: str) -> list[str]:
    """The digests that a page says it shows; nothing where they cannot be read."""
    found = text.split(".")
    return found if len(found) == len(PARTS) else []

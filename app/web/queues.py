"""The queue that a query string describes, the images around one of it, and the browser that works it off."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.db.models import Project
from app.domain.errors import Invalid
from app.services import gallery, history, queues
from app.services.gallery import ImageFilter, ImageRow
from app.services.image_filter import FILTERS
from app.services.queues import ASKED, OPEN, Order, Wish
from app.services.suggestions import Said

AHEAD, BEHIND, STRIP = 24, 20, 20
COOKIE = "labeller"
SEED = 1


@dataclass(frozen=True)
class Queue(queues.Queue):
    """The images to go through, and the query string that says so."""

    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The order, as the query string has it."""
        return self.order.value

    @property
    def open(self) -> bool:
        """True for images without a label."""
        return self.order in OPEN

    @property
    def asked(self) -> bool:
        """True where a model chooses."""
        return self.order in ASKED

    @property
    def filters(self) -> dict[str, str]:
        """The query string without the order: what the gallery shows of the same images."""
        return {name: value for name, value in self.query.items() if name in FILTERS}

    @property
    def narrowed(self) -> bool:
        """True when only part of the project is in the queue."""
        return any(name in self.query for name in FILTERS)


@dataclass(frozen=True)
class Around:
    """The picture to show with its neighbours."""

    behind: Sequence[ImageRow]
    current: ImageRow | None
    ahead: Sequence[ImageRow]


def labeller(request: Request) -> str:
    """The name of this browser for leases: what its cookie says, or a new one."""
    known = request.cookies.get(COOKIE, "")
    return known if known.isascii() and known.isalnum() and len(known) <= 64 else secrets.token_hex(16)


def remember(request: Request, response: Response, holder: str) -> None:
    """Give a browser its name, until it is closed."""
    if request.cookies.get(COOKIE) != holder:
        response.set_cookie(COOKIE, holder, httponly=True, samesite="lax")


def read_queue(request: Request, project: Project) -> Queue:
    """The queue that a query string describes: all images that match its filters, or some of them in an order.

    Raises:
        Invalid: there is no such queue, or a filter has no such value.
    """
    values = request.query_params
    name, seed = values.get("queue") or Order.UNLABELLED, values.get("seed") or str(SEED)
    if name not in set(Order):
        raise Invalid("filter_invalid", field="queue", value=name[:40])
    if not (seed.isascii() and seed.isdigit() and len(seed) <= 9):
        raise Invalid("filter_invalid", field="seed", value=seed[:40])
    order = Order(name)
    kept = {key: values[key] for key in FILTERS if values.get(key)}
    if order in OPEN:
        kept.pop("class", None)
    chosen = ImageFilter.from_query({**kept, "class": gallery.NONE} if order in OPEN else kept)
    if chosen.beyond:
        with request.app.state.miwake.database.read() as session:
            chosen = gallery.resolved(session, project.id, chosen)
    chosen = chosen.plain  # label mode has an order of its own
    drawn = {"seed": seed} if order is Order.RANDOM else {}
    return Queue(order, chosen, int(seed), {"queue": name, **drawn, **kept})


def rows_around(
    session: Session, project: Project, queue: Queue, at: int | None, recent: list[int], holder: str, said: Said | None
) -> Around:
    """The picture to show, what comes next, and what "back" leads to: for new labels the ones given last.

    Raises:
        NotFound: there is no image ``at`` in this project.
    """
    wish = Wish(holder, AHEAD, at or 0, frozenset([at] if at else []))
    ahead = queues.peek(session, project.id, queue, wish, said)
    if at:
        gallery.image(session, project.id, at)
        current = gallery.rows(session, project.id, [at])[0]
    elif ahead:
        current = ahead.pop(0)
    else:
        return Around([], None, [])
    if queue.order is Order.ALL:
        behind = gallery.before(session, project.id, queue.chosen, current.id, BEHIND)[::-1]
    else:
        shown = {current.id, *(row.id for row in ahead)}
        by_id = {row.id: row for row in gallery.rows(session, project.id, recent)}
        behind = [by_id[image_id] for image_id in recent if image_id in by_id and image_id not in shown]
    return Around(behind, current, ahead)


def before(session: Session, project: Project, queue: Queue, image_id: int, actor: str) -> int:
    """The image that "back" leads to without JavaScript."""
    if queue.order is Order.ALL:
        rows = gallery.before(session, project.id, queue.chosen, image_id)
        return rows[0].id if rows else image_id
    last = [step.image_id for step in history.last_steps(session, project.id, actor, STRIP)]
    older = last[last.index(image_id) + 1 :] if image_id in last else last
    return older[0] if older else image_id


def replaced(session: Session, project_id: int, actor: str, since: int | None) -> dict[str, Any]:
    """What others did to labels of this person since the page asked last."""
    if since is None:
        return {}
    newest = history.newest(session, project_id)
    found = history.replaced_since(session, project_id, actor, since) if newest > since else {}
    return {"since": newest, "replaced": [{"actor": name, "count": count} for name, count in found.items()]}

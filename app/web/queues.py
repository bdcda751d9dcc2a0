"""The queues of label mode: which images are gone through, in which order, and what is around one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fastapi import Request
from sqlalchemy.orm import Session

from app.db.models import Project
from app.domain.errors import Invalid
from app.services import gallery, history
from app.services.gallery import ImageFilter, ImageRow

AHEAD, BEHIND, STRIP = 40, 20, 20
UNLABELLED, ALL = "unlabelled", "all"
FILTERS = ("class", "split", "state", "import", "mark", "reason", "q")


@dataclass(frozen=True)
class Queue:
    """The images to go through, and the query string that says so."""

    name: str
    chosen: ImageFilter
    query: Mapping[str, str]

    @property
    def fresh(self) -> ImageFilter:
        """What is shown first: of unlabelled images those that nobody skipped or was not sure of."""
        if self.name == UNLABELLED and self.chosen.mark is None:
            return replace(self.chosen, mark="open")
        return self.chosen

    @property
    def put_off(self) -> ImageFilter:
        """What is shown when nothing else is left."""
        return replace(self.chosen, mark="later") if self.fresh is not self.chosen else self.chosen

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


def read_queue(request: Request) -> Queue:
    """The queue that a query string describes: all images that match its filters, or those without a label."""
    values = request.query_params
    name = values.get("queue") or UNLABELLED
    if name not in (UNLABELLED, ALL):
        raise Invalid("filter_invalid", field="queue", value=name[:40])
    kept = {key: values[key] for key in FILTERS if values.get(key)}
    if name == UNLABELLED:
        kept.pop("class", None)
    chosen = ImageFilter.from_query({**kept, "class": gallery.NONE} if name == UNLABELLED else kept)
    return Queue(name, chosen, {"queue": name, **kept})


def rows_around(session: Session, project: Project, queue: Queue, at: int | None, recent: list[int]) -> Around:
    """The picture to show, what comes next, and what "back" leads to: for new labels the ones given last.

    Raises:
        NotFound: there is no image ``at`` in this project.
    """
    ahead = gallery.after(session, project.id, queue.fresh, at or 0, AHEAD)
    if not ahead and not at:
        ahead = gallery.after(session, project.id, queue.put_off, 0, AHEAD)
    if at:
        gallery.image(session, project.id, at)
        current = gallery.rows(session, project.id, [at])[0]
    elif ahead:
        current = ahead.pop(0)
    else:
        return Around([], None, [])
    if queue.name == ALL:
        behind = gallery.before(session, project.id, queue.chosen, current.id, BEHIND)[::-1]
    else:
        shown = {current.id, *(row.id for row in ahead)}
        by_id = {row.id: row for row in gallery.rows(session, project.id, recent)}
        behind = [by_id[image_id] for image_id in recent if image_id in by_id and image_id not in shown]
    return Around(behind, current, ahead)


def before(session: Session, project: Project, queue: Queue, image_id: int, actor: str) -> int:
    """The image that "back" leads to without JavaScript."""
    if queue.name == ALL:
        rows = gallery.before(session, project.id, queue.chosen, image_id)
        return rows[0].id if rows else image_id
    last = [step.image_id for step in history.last_steps(session, project.id, actor, STRIP)]
    older = last[last.index(image_id) + 1 :] if image_id in last else last
    return older[0] if older else image_id

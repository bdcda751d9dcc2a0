"""What is known of the images of a project, as arrays in memory: for filters and orders that no index gives.

Triggers of the database count the changes of each block of 4096 images (``ImageStamp``). A request asks for those
numbers, reads again the blocks that changed, and has the state that its own session sees, whoever changed it.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.count_models import BLOCK, ImageStamp
from app.db.lookups import by_lookup
from app.db.models import ChangeSet, Image, LabelEvent
from app.db.session import is_writing
from app.services.image_filter import checked, chunks
from app.services.kept import Kept

PROJECTS = 4  # kept in memory, those that were asked for last; one of a million images has 80 MB
SPLITS = ("", "train", "validation", "test")
STATES = ("active", "excluded")
Array = NDArray[Any]
Stamp = tuple[tuple[int, int, int], ...]  # block, moves, members


@dataclass(frozen=True)
class Table:
    """The images of a project in the order of their ids.

    Attributes:
        values: name of a column -> its array; 0 stands for none, and texts are places in ``words``.
        words: the texts; the first one is "".
        stamp: what the database counted when this was read.
    """

    values: dict[str, Array]
    words: Sequence[str]
    stamp: Stamp

    def __getitem__(self, name: str) -> Array:
        return self.values[name]

    def code(self, text: str) -> int:
        """The place of a text in ``words``; -1 when no image has it."""
        return self.words.index(text) if text in self.words else -1

    @property
    def members(self) -> tuple[tuple[int, int], ...]:
        """Changes when images are added or removed, and not when they are labelled."""
        return tuple((block, members) for block, _, members in self.stamp)


class _Change(NamedTuple):
    """The act that gave a label. ``actor`` and ``source`` are places in the words, ``at`` is seconds since 1970."""

    actor: int = 0
    source: int = 0
    at: float = 0.0


@dataclass
class _Known:
    """What is kept of a project. ``changes``: the change sets that gave the present labels; they never change."""

    blocks: dict[int, tuple[int, dict[str, Array]]] = field(default_factory=dict)
    words: list[str] = field(default_factory=lambda: [""])
    codes: dict[str, int] = field(default_factory=lambda: {"": 0})
    changes: dict[int, _Change] = field(default_factory=lambda: {0: _Change()})
    table: Table | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def copy(self) -> "_Known":
        """The same, to be added to."""
        return _Known(dict(self.blocks), list(self.words), dict(self.codes), dict(self.changes))

    def code(self, text: str) -> int:
        """The number of a text, a new one when it was never seen."""
        if text not in self.codes:
            self.codes[text] = len(self.words)
            self.words.append(text)
        return self.codes[text]


_kept: Kept[_Known] = Kept(PROJECTS)


def table(session: Session, project_id: int) -> Table:
    """The images as this session sees them."""
    known = _kept.get(session, project_id, _Known)
    with known.lock:
        stamp = stamp_of(session, project_id)
        if known.table is not None and known.table.stamp == stamp:
            return known.table
        into = known.copy() if is_writing(session) else known  # of what may be rolled back nothing is kept
        for block, moves, _ in stamp:
            if block not in into.blocks or into.blocks[block][0] != moves:
                into.blocks[block] = (moves, _read(session, project_id, block, into))
        into.blocks = {block: into.blocks[block] for block, _, _ in stamp}
        into.table = Table(_joined([values for _, values in into.blocks.values()]), into.words, stamp)
        return into.table


def stamp_of(session: Session, project_id: int) -> Stamp:
    """What changes with every change of an image of the project."""
    query = sa.select(ImageStamp.block, ImageStamp.moves, ImageStamp.members)
    query = query.where(ImageStamp.project_id == project_id).order_by(ImageStamp.block)
    return tuple((block, moves, members) for block, moves, members in session.execute(query))


_TYPES = {
    **dict.fromkeys(("id", "pixels"), "i8"),
    **dict.fromkeys(("class", "import", "reason", "actor", "source"), "i4"),
    **dict.fromkeys(("split", "state"), "i1"),
    **dict.fromkeys(("unsure", "skipped", "note", "checked"), "?"),
    "at": "f8",
}
_READ = (  # in this order
    *("id", "class", "split", "state", "import", "unsure", "skipped", "note", "checked", "reason", "pixels"),
    *("actor", "source", "at"),
)
_BLOCK = (
    sa.select(
        Image.id,
        sa.func.coalesce(Image.class_id, 0),
        sa.func.coalesce(Image.split, ""),
        Image.state,
        sa.func.coalesce(Image.import_id, 0),
        Image.unsure,
        Image.skipped,
        Image.note != "",
        checked(),
        Image.reason,
        Image.width * Image.height,
        sa.func.coalesce(LabelEvent.change_set_id, 0),
    )
    .outerjoin(LabelEvent, sa.and_(LabelEvent.image_id == Image.id, LabelEvent.version == Image.label_version))
    .where(
        Image.id.between(sa.bindparam("first"), sa.bindparam("last")),
        Image.project_id + 0 == sa.bindparam("project_id"),  # else SQLite walks through an index of all images
    )
    .order_by(Image.id)
)


def _read(session: Session, project_id: int, block: int, known: _Known) -> dict[str, Array]:
    """One block. Labels that nobody gave any more have no person either."""
    where = {"project_id": project_id, "first": block * BLOCK, "last": (block + 1) * BLOCK - 1}
    with by_lookup(session):
        rows = session.execute(_BLOCK, where).all()
    read: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * 12
    *values, given = read
    split = {name: place for place, name in enumerate(SPLITS)}
    values[2] = [split[name] for name in values[2]]
    values[3] = [STATES.index(name) for name in values[3]]
    values[9] = [known.code(text) for text in values[9]]
    changes = [change if label else 0 for change, label in zip(given, values[1], strict=True)]
    _learn(session, set(changes), known)
    for place in range(len(_Change._fields)):
        values.append([known.changes[change][place] for change in changes])
    return {name: np.array(value, _TYPES[name]) for name, value in zip(_READ, values, strict=True)}


def _learn(session: Session, change_set_ids: set[int], known: _Known) -> None:
    for ids in chunks(sorted(change_set_ids - known.changes.keys())):
        query = sa.select(ChangeSet.id, ChangeSet.actor, ChangeSet.source, ChangeSet.created_at)
        for change, actor, source, at in session.execute(query.where(ChangeSet.id.in_(ids))):
            known.changes[change] = _Change(known.code(actor), known.code(source), at.timestamp())


def _joined(blocks: Sequence[dict[str, Array]]) -> dict[str, Array]:
    if not blocks:
        return {name: np.empty(0, kind) for name, kind in _TYPES.items()}
    return {name: np.concatenate([block[name] for block in blocks]) for name in _TYPES}

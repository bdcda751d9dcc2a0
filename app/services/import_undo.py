"""An import is taken back as a whole: what it brought goes, what others have built on it stays.

A picture that a run or a data version refers to is never removed: their rows are frozen. It is excluded instead, with
the import as the reason, and that can be taken back like any other exclusion. The files of removed pictures go with the
next cleaning of the store; importing them again later makes new pictures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.health_models import HealthMember, ImageFact
from app.db.lookups import one_of
from app.db.models import (
    ChangeSet,
    ClassEvent,
    Image,
    ImageLease,
    ImportBatch,
    ImportEntry,
    LabelEvent,
    MarkEvent,
)
from app.db.opinion_models import Opinion, OpinionImage
from app.db.run_models import RunItem
from app.db.version_models import DataItem
from app.domain.enums import Field, ImageState, LabelSource
from app.domain.errors import Conflict
from app.services import classes, gallery, health_check, import_records, imports, marks, own_ids, projects

UNDONE = "undone"  # key in the options of an import
_CHUNK = 500


@dataclass(frozen=True)
class Reach:
    """Images that an import brought. ``fresh``: nobody touched them since. ``touched``: labelled, marked or put into a
    split by a person. ``used``: a run or a data version refers to them, touched or not.
    """

    fresh: int = 0
    touched: int = 0
    used: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.fresh + self.touched + self.used


@dataclass(frozen=True)
class TakenBack:
    """What became of the images of an import."""

    removed: int
    excluded: int
    kept: int


def reach(session: Session, import_id: int) -> Reach:
    """What taking an import back would reach."""
    kind = _kind(import_id)
    query = sa.select(kind, sa.func.count()).where(Image.import_id == import_id).group_by(kind)
    return Reach(**{str(name): count for name, count in session.execute(query)})


def take_back(
    session: Session, import_id: int, *, everything: bool, reason: str, actor: str, request_id: str
) -> TakenBack:
    """Remove what nobody touched; with ``everything`` also what was touched, and exclude what runs refer to.

    Args:
        session: a transaction that writes.
        import_id: the import, which must be over.
        everything: as above; without it such images stay as they are.
        reason: why the excluded ones are, in the words of the person.
        actor: who does it.
        request_id: made by the page: a repeated request changes nothing.

    Raises:
        Conflict: the import is not over yet.
    """
    batch = session.get_one(ImportBatch, import_id, with_for_update=True)
    if not batch.finished:
        raise Conflict("import_not_over", number=batch.number)
    projects.lock(session, batch.project_id)
    if (before := _repeated(session, batch, request_id)) is not None:
        return before
    kinds: dict[str, list[int]] = {"fresh": [], "touched": [], "used": []}
    query = sa.select(Image.id, _kind(import_id)).where(Image.import_id == import_id).order_by(Image.id)
    for image_id, kind in session.execute(query):
        kinds[kind].append(image_id)
    gone = kinds["fresh"] + (kinds["touched"] if everything else [])
    _remove(session, gone)
    _forget_classes(session, batch)
    own_ids.never_again(session, batch.project_id, Image.id, gone)
    excluded = _exclude(session, batch, kinds["used"], reason, actor, request_id) if everything else 0
    kept = sum(map(len, kinds.values())) - len(gone) - excluded
    done = TakenBack(len(gone), excluded, kept)
    _note(session, batch, done, actor, request_id)
    return done


def _repeated(session: Session, batch: ImportBatch, request_id: str) -> TakenBack | None:
    known = sa.select(ChangeSet.id).where(
        ChangeSet.project_id == batch.project_id, ChangeSet.request_id == request_id[:64]
    )
    kept = batch.options.get(UNDONE)
    if session.scalar(known) is None or kept is None:
        return None
    return TakenBack(kept["removed"], kept["excluded"], kept["kept"])


def _kind(import_id: int) -> sa.ColumnElement[str]:
    """Of an image of an import: "used", "touched" or "fresh"."""
    by_hand = ChangeSet.source != LabelSource.IMPORT
    labelled = sa.select(LabelEvent.id).join(ChangeSet, ChangeSet.id == LabelEvent.change_set_id)
    marked = sa.select(MarkEvent.id).join(ChangeSet, ChangeSet.id == MarkEvent.change_set_id)
    used = sa.or_(
        sa.select(RunItem.id).where(RunItem.image_id == Image.id).exists(),
        sa.select(DataItem.id).where(DataItem.image_id == Image.id).exists(),
    )
    touched = sa.or_(
        labelled.where(LabelEvent.image_id == Image.id, by_hand).exists(),
        marked.where(MarkEvent.image_id == Image.id, by_hand, sa.not_(_by_chance(import_id))).exists(),
        sa.select(Opinion.image_id).where(Opinion.image_id == Image.id).exists(),
        Image.split_source == "hand",
    )
    return sa.case((used, "used"), (touched, "touched"), else_="fresh")


def _by_chance(import_id: int) -> sa.ColumnElement[bool]:
    """What a draw did to an image is no work of a person, nor is its undo, the redo of that and so on.

    Of moves between splits by hand the image itself says so.
    """
    mine = sa.select(ImportBatch.project_id).where(ImportBatch.id == import_id).scalar_subquery()
    draws = sa.select(ChangeSet.id, ChangeSet.undone_by_id)
    draws_of = draws.where(ChangeSet.project_id == mine, ChangeSet.source == LabelSource.SPLITS)
    chain = draws_of.cte("drawn", recursive=True)
    chain = chain.union_all(draws.join(chain, ChangeSet.id == chain.c.undone_by_id))
    return sa.or_(ChangeSet.field == Field.SPLIT, ChangeSet.id.in_(sa.select(chain.c.id)))


def _remove(session: Session, image_ids: Sequence[int]) -> None:
    change_sets: set[int] = set()
    for ids in _chunks(image_ids):
        for event in (LabelEvent, MarkEvent):
            gone = sa.delete(event).where(event.image_id.in_(ids)).returning(event.change_set_id)
            change_sets |= set(session.scalars(gone))
        for table in (ImageFact, HealthMember, ImageLease, Opinion, OpinionImage):
            session.execute(sa.delete(table).where(table.image_id.in_(ids)))
        session.execute(sa.update(ImportEntry).where(ImportEntry.image_id.in_(ids)).values(image_id=None))
        session.execute(sa.delete(Image).where(Image.id.in_(ids)))
    own_ids.label_events_gone(session)
    left = {"image_count": _events_left(), "outcome": sa.null()}
    for ids in _chunks(sorted(change_sets)):
        session.execute(sa.update(ChangeSet).where(ChangeSet.id.in_(ids)).values(**left))


def _forget_classes(session: Session, batch: ImportBatch) -> None:
    """Delete the classes that this import made, if nobody changed them and nothing refers to them.

    A new order changes none of them.
    """
    made = batch.options.get(import_records.MADE, [])
    changes = sa.select(ClassEvent.class_id, ClassEvent.after).where(one_of(ClassEvent.class_id.expression, made))
    changed = {class_id for class_id, after in session.execute(changes) if set(after) != {"position"}}
    classes.delete_unused(session, batch.project_id, [class_id for class_id in made if class_id not in changed])


def _events_left() -> sa.ColumnElement[int]:
    """How many images a change set still speaks of."""
    labels = sa.select(sa.func.count()).where(LabelEvent.change_set_id == ChangeSet.id)
    marked = sa.select(sa.func.count()).where(MarkEvent.change_set_id == ChangeSet.id)
    return labels.scalar_subquery() + marked.scalar_subquery()


def _exclude(
    session: Session, batch: ImportBatch, image_ids: Sequence[int], reason: str, actor: str, request_id: str
) -> int:
    if not image_ids:
        return 0
    changed = marks.put(
        session,
        batch.project_id,
        gallery.ImageFilter(state=ImageState.ACTIVE, ids=tuple(image_ids)),
        marks.Mark(Field.EXCLUDED, reason),
        source=LabelSource.IMPORT,
        actor=actor,
        request_id=f"{request_id[:56]}-rest",
    )
    return changed.image_count


def _note(session: Session, batch: ImportBatch, done: TakenBack, actor: str, request_id: str) -> None:
    """The line of the history, the import's own memory, and a new check of what is left."""
    line = ChangeSet(
        project_id=batch.project_id,
        request_id=request_id[:64],
        source=LabelSource.IMPORT,
        field=Field.IMPORT,
        actor=actor[:100],
        image_count=done.removed,
    )
    session.add(line)
    told = asdict(done) | {"actor": actor[:100], "at": utc_now().isoformat()}
    earlier = batch.options.get(UNDONE, {})
    told |= {name: told[name] + earlier.get(name, 0) for name in ("removed", "excluded")}
    imports.remember(session, batch.id, **{UNDONE: told})
    health_check.request(session, batch.project_id)


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))

"""What the report of an import offers for a file that contradicts the image that is there: follow the folder after all.

A duplicate whose folder names another class, or another split, changes nothing when it comes. Here a person decides for
the folder: the image gets its class, or goes into its split, as a change that the history can take back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ChangeSet, Image, ImportBatch, ImportEntry, LabelClass, Project
from app.domain.enums import Split
from app.services import classes, gallery, label_log, labels, split_moves
from app.services.gallery import ImageFilter
from app.services.marks import Who
from app.services.split_moves import Wish

LABEL, SPLIT = "duplicate_class", "duplicate_split"


@dataclass(frozen=True, slots=True)
class Offer:
    """One file and what its folder says otherwise of the image that is there: a class name or a split."""

    entry_id: int
    image_id: int
    code: str
    wanted: str


def offers(session: Session, batch: ImportBatch, entry_ids: Sequence[int] | None = None) -> list[Offer]:
    """What contradicts the images as they are now, of some files or of all; the last file of an image counts."""
    query = (
        sa.select(ImportEntry.id, ImportEntry.image_id, ImportEntry.code, ImportEntry.params, LabelClass, Image.split)
        .join(Image, Image.id == ImportEntry.image_id)
        .outerjoin(LabelClass, LabelClass.id == Image.class_id)
        .where(ImportEntry.import_id == batch.id, ImportEntry.verdict == "duplicate")
        .where(ImportEntry.code.in_((LABEL, SPLIT)))
        .order_by(ImportEntry.id)
    )
    if entry_ids is not None:
        query = query.where(ImportEntry.id.in_(entry_ids))
    found: dict[tuple[int, str], Offer] = {}
    for entry_id, image_id, code, params, label, split in session.execute(query):
        wanted = str(params["folder"])
        now = (label.name_key if label else "") if code == LABEL else split
        if now != (classes.name_key(wanted) if code == LABEL else wanted):
            found[image_id, code] = Offer(entry_id, image_id, code, wanted)
    return list(found.values())


def follow(session: Session, batch: ImportBatch, entry_ids: Sequence[int] | None, who: Who) -> int:
    """Give the images the class and the split that their folders say; how many were changed.

    Images of the pinned test set stay in it. What is offered is looked up once nobody else changes the project: of two
    at the same time the second finds nothing left. A repeated request changes nothing and has the first answer.

    Raises:
        Invalid: an unusable request id.
    """
    request_id = who["request_id"]
    label_log.start(session, batch.project_id, request_id)
    if (before := _before(session, batch.project_id, request_id)) is not None:
        return before
    changed = 0
    chosen = offers(session, batch, entry_ids)
    if relabelled := {one.image_id: one.wanted for one in chosen if one.code == LABEL}:
        project = session.get_one(Project, batch.project_id)
        known = classes.ensure(session, project, sorted(set(relabelled.values())))
        changes = [labels.LabelChange(image_id, known[name].id) for image_id, name in relabelled.items()]
        changed += labels.assign(session, batch.project_id, changes, **who).image_count
    for split in Split:
        ids = tuple(one.image_id for one in chosen if one.code == SPLIT and one.wanted == split)
        for some in gallery.chunks(ids):
            mine: Who = {**who, "request_id": f"{_of_splits(request_id)}{split}-{some[0]}"}
            wanted = ImageFilter(state=None, ids=tuple(some))
            changed += split_moves.move(session, batch.project_id, wanted, Wish(split), **mine).change_set.image_count
    return changed


def _of_splits(request_id: str) -> str:
    """How the requests of the moves between splits begin that belong to one."""
    return f"{request_id[:40]}-"


def _before(session: Session, project_id: int, request_id: str) -> int | None:
    """How many images a request changed that was made before; None when it is a new one."""
    mine = sa.or_(
        ChangeSet.request_id == request_id, ChangeSet.request_id.startswith(_of_splits(request_id), autoescape=True)
    )
    query = sa.select(sa.func.sum(ChangeSet.image_count)).where(ChangeSet.project_id == project_id, mine)
    return session.scalar(query)

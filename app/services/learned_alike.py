"""The pictures that a model learned from and that look most like one it was asked about."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.lookups import by_lookup, one_of
from app.db.models import Image
from app.db.run_models import Prediction, Run, RunItem
from app.domain.enums import RunKind, Split
from app.domain.errors import NotFound
from app.services import neighbours
from app.services.neighbours import Neighbour
from app.services.review import MEAN
from app.storage.arrays import Arrays

SHOWN = 5
LOOKED = 200  # pictures most like it, among which those of the training part are looked for


@dataclass(frozen=True, slots=True)
class Learned:
    """A picture of the training part. ``label`` is the position of the class that the run saw."""

    image_id: int
    name: str
    thumbnail_sha256: str
    label: int
    likeness: float


@dataclass(frozen=True)
class Alike:
    """What is near a picture. ``near`` is None while the picture has no features."""

    image_id: int
    label: int
    predicted: int
    near: Sequence[Learned] | None

    def labelled(self, position: int) -> int:
        """How many of them had the label ``position``."""
        return sum(one.label == position for one in self.near or ())


def find(session: Session, arrays: Arrays, run: Run, item_id: int, fold: int) -> Alike:
    """The pictures most like that of a run item, of those that model ``fold`` learned from; a few queries.

    For the mean of several models (``MEAN``) they are those that any of the models learned from.

    Raises:
        NotFound: the model did not answer about an item of this run with this id.
    """
    query = sa.select(RunItem.image_id, RunItem.label, Prediction.predicted).join(
        Prediction, Prediction.item_id == RunItem.id
    )
    asked = session.execute(query.where(RunItem.id == item_id, RunItem.run_id == run.id, Prediction.fold == fold))
    row = asked.one_or_none()
    if row is None:
        raise NotFound("answer_missing", item=item_id)
    near = neighbours.nearest(session, arrays, run.project_id, [row.image_id], LOOKED)
    return Alike(*row, None if near is None else _learned(session, run, fold, near))


def _learned(session: Session, run: Run, fold: int, near: Sequence[Neighbour]) -> list[Learned]:
    likeness = {one.image_id: one.likeness for one in near}
    columns = (Image.id, Image.name, Image.thumbnail_sha256, RunItem.label)
    query = sa.select(*columns).join(RunItem, RunItem.image_id == Image.id)
    mine = (RunItem.run_id == run.id, one_of(RunItem.image_id.expression, likeness), *_part(run, fold))
    with by_lookup(session):
        found = [Learned(*row, likeness[row[0]]) for row in session.execute(query.where(*mine))]
    return sorted(found, key=lambda one: (-one.likeness, one.image_id))[:SHOWN]


def _part(run: Run, fold: int) -> list[sa.ColumnElement[bool]]:
    """K-fold: a model learned from the images of the other folds. Hold-out: no image has a fold, the split says it."""
    if run.kind != RunKind.KFOLD:
        return [RunItem.split == Split.TRAIN]
    return [RunItem.split != Split.TEST, *([] if fold == MEAN else [RunItem.fold.is_distinct_from(fold)])]

"""Labels that a run finds probably wrong, what has become of each, and the pictures most like it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.lookups import by_lookup, one_of
from app.db.models import Image
from app.db.run_models import Run, RunClass, RunItem
from app.domain import metrics
from app.domain.confident import Noise
from app.domain.enums import ImageState, PredictionRole, Split
from app.services import answers, neighbours, review
from app.services.image_filter import checked
from app.storage.arrays import Arrays

NEAR = 8  # neighbours that are shown


class Suspect(NamedTuple):
    """A label that is probably wrong. ``given`` and ``suggested`` are positions of classes of the run.

    A run may suspect tens of thousands: a tuple is made in a third of the time of a dataclass.
    """

    item_id: int
    image_id: int
    given: int
    suggested: int
    trust: float  # probability of the label
    sure: float  # probability of the suggested class


@dataclass(frozen=True, slots=True)
class Pictured:
    """A suspect with what is needed to show its picture. ``version`` is that of its label."""

    suspect: Suspect
    name: str
    width: int
    height: int
    canonical_sha256: str
    thumbnail_sha256: str
    version: int


@dataclass(frozen=True)
class Found:
    """Everything that a run suspects.

    Attributes:
        open: what nobody has settled, the least probable label first.
        changed, dismissed, left_out: how many got another label since, were found right, or are of the test set or
            excluded now.
        share: estimated part of all labels that is wrong.
        learned: the run is proven to be better than always answering the largest class; else its doubts say nothing.
    """

    classes: Sequence[RunClass]
    total: int
    open: Sequence[Suspect]
    changed: int
    dismissed: int
    left_out: int
    noise: Sequence[Noise]
    share: float
    learned: bool

    @property
    def suspected(self) -> int:
        """How many labels the run suspected."""
        return len(self.open) + self.changed + self.dismissed + self.left_out


@dataclass(frozen=True, slots=True)
class Like:
    """A picture that looks like another one, with the class that it has today."""

    image_id: int
    name: str
    thumbnail_sha256: str
    class_id: int | None
    likeness: float


def find(session: Session, kept: answers.Kept, run: Run) -> Found:
    """What ``run`` suspects, from its answers about pictures that the answering model had not seen."""
    classes = review.classes(session, run)
    said = answers.load(session, kept, run, PredictionRole.VALIDATION, len(classes))
    found = said.suspicions
    items, images = said.items[found.places].tolist(), said.images[found.places].tolist()
    given, suggested = said.labels[found.places].tolist(), found.suggested.tolist()
    sure = said.probabilities[found.places, found.suggested].tolist()
    settled = _settled(session, items)
    rows = zip(items, images, given, suggested, found.trust.tolist(), sure, strict=True)
    fates = Counter(settled.values())
    return Found(
        classes=classes,
        total=len(said.labels),
        open=[Suspect._make(row) for row in rows if row[0] not in settled],
        changed=fates["changed"],
        dismissed=fates["dismissed"],
        left_out=fates["left_out"],
        noise=found.noise,
        share=found.share,
        learned=_learned(said),
    )


def _learned(said: answers.Answers) -> bool:
    limits = metrics.wilson(int((said.predicted == said.labels).sum()), len(said.labels))
    return limits is not None and limits.low > np.bincount(said.labels).max() / len(said.labels)


def like(session: Session, arrays: Arrays, project_id: int, image_id: int) -> list[Like] | None:
    """The pictures most like one; None while the offline network has not looked at it."""
    near = neighbours.nearest(session, arrays, project_id, [image_id], NEAR + 1)
    if near is None:
        return None
    likeness = {one.image_id: one.likeness for one in near if one.image_id != image_id}
    rows = session.execute(
        sa.select(Image.id, Image.name, Image.thumbnail_sha256, Image.class_id).where(Image.id.in_(likeness))
    )
    found = [Like(*row, likeness[row[0]]) for row in rows]
    return sorted(found, key=lambda one: -one.likeness)[:NEAR]


def pictured(session: Session, suspects: Sequence[Suspect]) -> list[Pictured]:
    """Some suspects with their pictures, in the order given; at most a page of them."""
    columns = (Image.name, Image.width, Image.height, RunItem.canonical_sha256, Image.thumbnail_sha256)
    query = sa.select(RunItem.id, *columns, Image.label_version).join(Image, Image.id == RunItem.image_id)
    rows = {row[0]: row for row in session.execute(query.where(RunItem.id.in_([one.item_id for one in suspects])))}
    return [Pictured(one, *rows[one.item_id][1:]) for one in suspects]


def _settled(session: Session, item_ids: Sequence[int]) -> dict[int, str]:
    """What has become of the label of an item since the run saw it; those that are as they were are left out."""
    # What a model says must not choose the images of a test set: it would flatter the model.
    left_out = sa.or_(
        RunItem.split == Split.TEST,
        sa.func.coalesce(Image.split, "") == Split.TEST,
        Image.state != ImageState.ACTIVE,
    )
    fate = sa.case(
        (RunItem.label_version != Image.label_version, "changed"),
        (checked(), "dismissed"),
        (left_out, "left_out"),
    )
    query = sa.select(RunItem.id, fate).join(Image, Image.id == RunItem.image_id).where(fate.is_not(None))
    with by_lookup(session):
        return {item: became for item, became in session.execute(query.where(one_of(RunItem.id.expression, item_ids)))}  # noqa: C416

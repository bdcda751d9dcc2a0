"""The pictures of a comparison: those that flipped, in order, with what every run said of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.models import Image
from app.db.run_models import Explanation, Prediction, Run
from app.domain.enums import ImageState
from app.domain.explaining import Method
from app.domain.stats import paired
from app.domain.stats.paired import Flip
from app.services import heatmaps
from app.services.compare import Comparison, Side

TOP = 4  # classes whose probability is shown


@dataclass(frozen=True)
class Chosen:
    """Which pictures. ``kinds``: what became of them; ``truth``: position of a shared class.

    ``relabelled``: only those of which the two runs saw different labels (True), or the same (False).
    """

    kinds: frozenset[Flip]
    truth: int | None = None
    relabelled: bool | None = None


@dataclass(frozen=True)
class Said:
    """What one run said of a picture. ``label`` is what it was told; positions are those of shared classes."""

    run: Run
    item_id: int
    predicted: int
    own_predicted: int  # position in the run's own classes
    label: int
    right: bool
    confidence: float
    top: Sequence[tuple[int, float]]  # (shared class, probability), most probable first
    fold: int = 0
    layer: str = ""
    method: Method = Method.GRAD_CAM
    heat: Explanation | None = None
    limit: float = 1.0  # value of the last colour of its heat map


@dataclass(frozen=True)
class Flipped:
    """One picture with the answers of all runs. ``now_class_id`` is the label of today."""

    image_id: int
    name: str
    width: int
    height: int
    canonical_sha256: str
    thumbnail_sha256: str
    excluded: bool
    now_class_id: int | None
    now_version: int
    truth: int
    kind: Flip
    said: Sequence[Said]


def find(found: Comparison, place: int, chosen: Chosen) -> NDArray[np.int64]:
    """Places of the pictures that fit, comparing the run at ``place`` with the first.

    The surest mistakes come first; where both are right, the least sure answers.
    """
    first, second = found.sides[0], found.sides[place]
    wanted = np.array([flip in chosen.kinds for flip in paired.ORDER], np.bool_)
    places = np.flatnonzero(_fits(found, place, chosen) & wanted[_codes(found, place)])
    sure = [
        np.where(side.predicted[places] != found.truth[places], confidence(side, places), -confidence(side, places))
        for side in (first, second)
    ]
    return places[np.argsort(-np.maximum(sure[0], sure[1]), kind="stable")]


def counts(found: Comparison, place: int, chosen: Chosen) -> paired.Flips:
    """How many pictures of every kind there are, whatever the kinds chosen."""
    codes = _codes(found, place)[_fits(found, place, chosen)]
    return paired.counted(np.bincount(codes, minlength=len(paired.ORDER)).tolist())


def _codes(found: Comparison, place: int) -> NDArray[np.int64]:
    return paired.codes(found.truth, found.sides[0].predicted, found.sides[place].predicted)


def _fits(found: Comparison, place: int, chosen: Chosen) -> NDArray[np.bool_]:
    fits = np.ones(len(found.truth), np.bool_)
    if chosen.truth is not None:
        fits &= found.truth == chosen.truth
    if chosen.relabelled is not None:
        fits &= (found.sides[0].labels != found.sides[place].labels) == chosen.relabelled
    return fits


def confidence(side: Side, places: NDArray[np.int64]) -> NDArray[np.float32]:
    """How sure a run was of its answers to some common pictures."""
    rows = side.places[places]
    values: NDArray[np.float32] = side.said.probabilities[rows, side.said.predicted[rows]]
    return values


def load(session: Session, found: Comparison, place: int, places: Sequence[int]) -> list[Flipped]:
    """The pictures at these places, in this order, without heat maps; one query."""
    ids = [int(found.images[at]) for at in places]
    images = {image.id: image for image in session.scalars(sa.select(Image).where(Image.id.in_(ids)))}
    return [_flipped(found, place, at, images[int(found.images[at])]) for at in places]


def with_heat(session: Session, found: Comparison, picture: Flipped) -> Flipped:
    """The same picture with the heat map of each run's answer, where there is one."""
    said = []
    for one in picture.said:
        layer, method = heatmaps.usual(session, one.run)
        fold = session.scalar(
            sa.select(Prediction.fold).where(Prediction.item_id == one.item_id, Prediction.role == found.role)
        )
        wanted = heatmaps.Wanted(one.item_id, fold or 0, layer, one.own_predicted, method)
        heat = heatmaps.available(session, one.run, [wanted]).get(one.item_id)
        limit = heatmaps.scale(session, one.run, wanted.fold, layer, method) if heat else 1.0
        said.append(replace(one, fold=wanted.fold, layer=layer, method=method, heat=heat, limit=limit))
    return replace(picture, said=said)


def _flipped(found: Comparison, place: int, at: int, image: Image) -> Flipped:
    first, second = found.sides[0], found.sides[place]
    one = slice(at, at + 1)
    code = int(paired.codes(found.truth[one], first.predicted[one], second.predicted[one])[0])
    return Flipped(
        image_id=image.id,
        name=image.name,
        width=image.width,
        height=image.height,
        canonical_sha256=image.canonical_sha256,
        thumbnail_sha256=image.thumbnail_sha256,
        excluded=image.state == ImageState.EXCLUDED,
        now_class_id=image.class_id,
        now_version=image.label_version,
        truth=int(found.truth[at]),
        kind=paired.ORDER[code],
        said=[_said(found, side, at) for side in found.sides],
    )


def _said(found: Comparison, side: Side, at: int) -> Said:
    row = int(side.places[at])
    values = side.said.probabilities[row]
    shared = {item.class_id: place for place, item in enumerate(found.classes)}
    named = [shared[item.class_id] for item in side.run.classes]
    best = np.argsort(-values, kind="stable")[:TOP].tolist()
    own = int(side.said.predicted[row])
    return Said(
        run=side.run,
        item_id=int(side.said.items[row]),
        predicted=named[own],
        own_predicted=own,
        label=int(side.labels[at]),
        right=named[own] == int(found.truth[at]),
        confidence=float(values[own]),
        top=[(named[place], float(values[place])) for place in best],
    )

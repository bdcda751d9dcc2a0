"""What features tell of the health of a project: images unlike their class.

A worker asks for it; a project of 100,000 images takes some seconds.
"""

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.models import Image
from app.domain import clusters
from app.domain.enums import ImageState
from app.services import feature_space
from app.services.feature_space import Space
from app.storage.arrays import Arrays

WIDTH = 64  # leading directions that neighbours are sought by
NEAR = 10  # neighbours that are asked
LEAST = 12  # images of a class before one of them can be unlike it
FAR = 4.5  # robust deviations from the class's usual distance


@dataclass(frozen=True, slots=True)
class Odd:
    """An image unlike its class.

    Attributes:
        score: how many robust deviations it is farther from its nearest of the class than is usual there.
        looks_like: the class of nearly all images near it, when that is another one.
    """

    image_id: int
    class_id: int
    score: float
    looks_like: int | None


def outliers(session: Session, arrays: Arrays, project_id: int) -> list[Odd]:
    """Labelled images in use that are far from their class, or amidst another one; the oddest first."""
    space = feature_space.load(session, arrays, project_id)
    if space is None:
        return []
    query = sa.select(Image.id, Image.class_id).where(Image.project_id == project_id, Image.class_id.is_not(None))
    rows = session.execute(query.where(Image.state == ImageState.ACTIVE).order_by(Image.id)).all()
    ids = np.array([row[0] for row in rows], dtype=np.int64)
    known = np.isin(ids, space.ids)
    labels = np.array([row[1] for row in rows], dtype=np.int64)[known]
    return odd_ones(space, np.searchsorted(space.ids, ids[known]), labels)


def odd_ones(space: Space, places: NDArray[np.int64], labels: NDArray[np.int64]) -> list[Odd]:
    """The same for labelled places of a space at hand."""
    if len(places) < LEAST:
        return []
    near, _distances = clusters.neighbours(np.ascontiguousarray(space.few[places, :WIDTH]), NEAR)
    around = labels[near]
    found = []
    for class_id in np.unique(labels).tolist():
        inside = np.flatnonzero(labels == class_id)
        if len(inside) < LEAST:
            continue
        _own, distances = clusters.neighbours(np.ascontiguousarray(space.few[places[inside], :WIDTH]), NEAR // 2)
        reach = distances.mean(axis=1)
        usual = float(np.median(reach))
        spread = max(1.4826 * float(np.median(np.abs(reach - usual))), 1e-3)
        for place, score in zip(inside.tolist(), ((reach - usual) / spread).tolist(), strict=True):
            other = _amidst(around[place], class_id)
            if score > FAR or other is not None:
                found.append(Odd(int(space.ids[places[place]]), class_id, round(score, 2), other))
    return sorted(found, key=lambda one: (one.looks_like is None, -one.score))


def _amidst(around: NDArray[np.int64], own: int) -> int | None:
    """Another class that all neighbours but one have."""
    classes, counts = np.unique(around, return_counts=True)
    most = int(counts.argmax())
    return int(classes[most]) if classes[most] != own and counts[most] >= len(around) - 1 else None

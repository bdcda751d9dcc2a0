"""What the page of the map knows of each of its images, as arrays in the order of the plane."""

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.models import Image
from app.db.run_models import Prediction, RunItem
from app.domain.enums import ImageState, PredictionRole, Split
from app.services import feature_map, predictions
from app.storage.arrays import Arrays

SPLITS = (None, Split.TRAIN, Split.VALIDATION, Split.TEST)
UNKNOWN, RIGHT, WRONG = 0, 1, 2


@dataclass(frozen=True)
class Points:
    """Arrays of the same length. ``classes``: ids, 0 without a label; ``splits``: places in ``SPLITS``."""

    ids: NDArray[np.int64]
    versions: NDArray[np.int64]
    places: NDArray[np.uint16]
    classes: NDArray[np.int64]
    groups: NDArray[np.int64]
    splits: NDArray[np.int64]
    verdicts: NDArray[np.int64]

    def packed(self, class_ids: list[int]) -> bytes:
        """For map-points.js, little-endian: the number n as uint32, then one array after the other.

        uint32: ids, versions; uint16: x, y, place of the class in ``class_ids`` from 1 or 0; uint8: group, split,
        verdict of the newest run.
        """
        known = np.array([0, *class_ids], dtype=np.int64)
        order = np.argsort(known, kind="stable")
        place = np.clip(np.searchsorted(known, self.classes, sorter=order), 0, len(known) - 1)
        position = np.where(known[order[place]] == self.classes, order[place], 0)
        parts = [
            *((column, "<u4") for column in (np.array([len(self.ids)]), self.ids, self.versions)),
            *((column, "<u2") for column in (self.places[:, 0], self.places[:, 1], position)),
            *((column, "u1") for column in (self.groups, self.splits, self.verdicts)),
        ]
        return b"".join(np.ascontiguousarray(column).astype(kind).tobytes() for column, kind in parts)


@dataclass(frozen=True)
class Group:
    """A group of like images: its number, how many there are, the first few, and its labels, most frequent first."""

    number: int
    count: int
    examples: list[int]
    labels: list[tuple[int | None, int]]


def load(session: Session, arrays: Arrays, project_id: int) -> Points | None:
    """The images in use; None when there are no features."""
    plane = feature_map.load(session, arrays, project_id)
    if plane is None:
        return None
    query = sa.select(Image.id, Image.class_id, Image.split, Image.label_version)
    rows = session.execute(
        query.where(Image.project_id == project_id, Image.state == ImageState.ACTIVE).order_by(Image.id)
    ).all()
    ids = np.array([row[0] for row in rows], dtype=np.int64)
    number = {split: place for place, split in enumerate(SPLITS)}
    columns = [
        np.array([row[1] or 0 for row in rows], dtype=np.int64),
        np.array([number[row[2]] for row in rows], dtype=np.int64),  # type: ignore[index]
        np.array([row[3] for row in rows], dtype=np.int64),
    ]
    here = np.isin(plane.ids, ids)
    at = np.searchsorted(ids, plane.ids[here])
    classes, splits, versions = (column[at] for column in columns)
    verdicts = _verdicts(session, project_id, plane.ids[here])
    return Points(plane.ids[here], versions, plane.places[here], classes, plane.groups[here], splits, verdicts)


def _verdicts(session: Session, project_id: int, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """What the newest run said of images that it was not trained on."""
    found = np.full(len(ids), UNKNOWN, dtype=np.int64)
    run = predictions.newest_run(session, project_id)
    if run is None:
        return found
    query = (
        sa.select(RunItem.image_id, Prediction.predicted == RunItem.label)
        .join(Prediction, Prediction.item_id == RunItem.id)
        .where(RunItem.run_id == run.id, Prediction.role != PredictionRole.TEST_FOLD)
    )
    rows = [(image_id, right) for image_id, right in session.execute(query)]
    if rows:
        said = np.array([row[0] for row in rows], dtype=np.int64)
        verdict = np.where(np.array([row[1] for row in rows]), RIGHT, WRONG)
        order = np.argsort(said, kind="stable")
        place = np.clip(np.searchsorted(said[order], ids), 0, len(said) - 1)
        met = said[order][place] == ids
        found[met] = verdict[order][place[met]]
    return found


def groups(points: Points, examples: int = 6) -> list[Group]:
    """The groups, the largest first."""
    found = []
    for number in np.unique(points.groups).tolist():
        inside = np.flatnonzero(points.groups == number)
        classes, counts = np.unique(points.classes[inside], return_counts=True)
        order = np.argsort(-counts, kind="stable")
        labels = [(int(classes[place]) or None, int(counts[place])) for place in order]
        some = points.ids[inside[:: max(len(inside) // examples, 1)][:examples]].tolist()
        found.append(Group(int(number), len(inside), some, labels))
    return sorted(found, key=lambda one: -one.count)

"""What the page of the map knows of each of its images, as arrays in the order of the plane."""

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.models import Image
from app.db.run_models import Prediction, Run, RunClass, RunItem
from app.domain.enums import ImageState, PredictionRole, Split
from app.services import feature_map
from app.storage.arrays import Arrays

SPLITS = (None, Split.TRAIN, Split.VALIDATION, Split.TEST)
RIGHT, WRONG = 1, 2  # 0: the run was not asked


@dataclass(frozen=True)
class Points:
    """Arrays of the same length. ``classes``: ids, 0 without a label; ``splits``: places in ``SPLITS``.

    Of one run: ``verdicts``; ``said``: ids of the classes that it said, 0 where it was not asked; ``folds``: from 1, 0
    for none.
    """

    ids: NDArray[np.int64]
    versions: NDArray[np.int64]
    places: NDArray[np.uint16]
    classes: NDArray[np.int64]
    groups: NDArray[np.int64]
    splits: NDArray[np.int64]
    verdicts: NDArray[np.int64]
    said: NDArray[np.int64]
    folds: NDArray[np.int64]

    def packed(self, class_ids: list[int]) -> bytes:
        """For map-points.js, little-endian: the number n as uint32, then one array after the other.

        uint32: ids, versions; uint16: x, y, place of the class in ``class_ids`` from 1 or 0, that of the class the run
        said; uint8: group, split, verdict and fold of the run.
        """
        position, said = (_positions(column, class_ids) for column in (self.classes, self.said))
        parts = [
            *((column, "<u4") for column in (np.array([len(self.ids)]), self.ids, self.versions)),
            *((column, "<u2") for column in (self.places[:, 0], self.places[:, 1], position, said)),
            *((column, "u1") for column in (self.groups, self.splits, self.verdicts, self.folds)),
        ]
        return b"".join(np.ascontiguousarray(column).astype(kind).tobytes() for column, kind in parts)


@dataclass(frozen=True)
class Group:
    """A group of like images: its number, how many there are, the first few, and its labels, most frequent first."""

    number: int
    count: int
    examples: list[int]
    labels: list[tuple[int | None, int]]


def _positions(classes: NDArray[np.int64], class_ids: list[int]) -> NDArray[np.int64]:
    """The place of each class in ``class_ids`` from 1; 0 for none and for another one."""
    known = np.array([0, *class_ids], dtype=np.int64)
    order = np.argsort(known, kind="stable")
    place = np.clip(np.searchsorted(known, classes, sorter=order), 0, len(known) - 1)
    found: NDArray[np.int64] = np.where(known[order[place]] == classes, order[place], 0)
    return found


def load(session: Session, arrays: Arrays, project_id: int, run: Run | None) -> Points | None:
    """The images in use, with what ``run`` said of them; None when there are no features."""
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
    answers = _answers(session, run, plane.ids[here])
    return Points(plane.ids[here], versions, plane.places[here], classes, plane.groups[here], splits, *answers)


def _answers(
    session: Session, run: Run | None, ids: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """What a run said of images that it was not trained on: verdict, class and fold of each."""
    verdicts, said, folds = (np.zeros(len(ids), dtype=np.int64) for _ in range(3))
    if run is None:
        return verdicts, said, folds
    query = (
        sa.select(RunItem.image_id, Prediction.predicted == RunItem.label, RunClass.class_id, RunItem.fold)
        .join(Prediction, Prediction.item_id == RunItem.id)
        .join(RunClass, sa.and_(RunClass.run_id == run.id, RunClass.position == Prediction.predicted))
        .where(RunItem.run_id == run.id, Prediction.role != PredictionRole.TEST_FOLD)
        .order_by(RunItem.image_id)
    )
    rows = session.execute(query).all()
    if rows:
        known = np.array([row[0] for row in rows], dtype=np.int64)
        place = np.clip(np.searchsorted(known, ids), 0, len(known) - 1)
        met = known[place] == ids
        verdicts[met] = np.where(np.array([row[1] for row in rows]), RIGHT, WRONG)[place[met]]
        said[met] = np.array([row[2] for row in rows], dtype=np.int64)[place[met]]
        folds[met] = np.array([0 if row[3] is None else row[3] + 1 for row in rows], dtype=np.int64)[place[met]]
    return verdicts, said, folds


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

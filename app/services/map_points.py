"""What the page of the map knows of each of its images, as arrays in the order of the plane."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.lookups import by_lookup, one_of
from app.db.models import Image
from app.db.run_models import Run
from app.domain.enums import ImageState, PredictionRole, Split
from app.services import answers, feature_map, review
from app.services.feature_map import Plane
from app.storage.arrays import Arrays

SPLITS = (None, Split.TRAIN, Split.VALIDATION, Split.TEST)
FEW = 30_000  # images of a map that are looked up by their ids, however many more the project has
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


def load(
    session: Session,
    arrays: Arrays,
    project_id: int,
    run: Run | None,
    plane: Plane | None = None,
    kept: answers.Kept | None = None,
) -> Points | None:
    """The images in use, with what ``run`` said of them; None when there are no features.

    ``plane``: where they lie; without one where the map of the project has them.
    """
    plane = plane or feature_map.load(session, arrays, project_id)
    if plane is None:
        return None
    rows = _images(session, project_id, plane)
    ids = np.array([row[0] for row in rows], dtype=np.int64)
    number = {split or "": place for place, split in enumerate(SPLITS)}
    columns = [
        np.array([row[1] for row in rows], dtype=np.int64),
        np.array([number[row[2]] for row in rows], dtype=np.int64),
        np.array([row[3] for row in rows], dtype=np.int64),
    ]
    here = np.isin(plane.ids, ids)
    at = np.searchsorted(ids, plane.ids[here])
    classes, splits, versions = (column[at] for column in columns)
    said = _answers(session, kept or answers.Kept(), run, plane.ids[here])
    return Points(plane.ids[here], versions, plane.places[here], classes, plane.groups[here], splits, *said)


def _images(session: Session, project_id: int, plane: Plane) -> Sequence[Sequence[Any]]:
    """Id, class, split and version of the label of the images in use, in the order of their ids."""
    split = sa.func.coalesce(sa.cast(Image.split, sa.Text()), "")  # as text: no row has to be turned into an object
    query = sa.select(Image.id, sa.func.coalesce(Image.class_id, 0), split, Image.label_version)
    query = query.where(Image.project_id == project_id, Image.state == ImageState.ACTIVE).order_by(Image.id)
    if len(plane.ids) > FEW:
        return session.execute(query).all()
    with by_lookup(session):
        return session.execute(query.where(one_of(Image.id.expression, plane.ids.tolist()))).all()


def _answers(
    session: Session, kept: answers.Kept, run: Run | None, ids: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """What a run said of images that it was not trained on: verdict, class and fold of each."""
    verdicts, said, folds = (np.zeros(len(ids), dtype=np.int64) for _ in range(3))
    if run is None:
        return verdicts, said, folds
    classes = np.array([one.class_id for one in review.classes(session, run)], dtype=np.int64)
    for role in (PredictionRole.VALIDATION, PredictionRole.TEST):
        told = answers.load(session, kept, run, role, len(classes))
        order = np.argsort(told.images, kind="stable")
        place = np.searchsorted(told.images, ids, sorter=order).clip(max=max(len(order) - 1, 0))
        place = order[place] if len(order) else place
        met = told.images[place] == ids if len(order) else np.zeros(len(ids), np.bool_)
        at = place[met]
        verdicts[met] = np.where(told.predicted[at] == told.labels[at], RIGHT, WRONG)
        said[met] = classes[told.predicted[at]]
        if role is PredictionRole.VALIDATION and run.recipe.get("folds"):
            folds[met] = told.folds[at] + 1
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

"""Labels that the newest run finds improbable: what it said is kept, whether it still stands is asked each time."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.count_models import BLOCK, ImageStamp
from app.db.models import Image, LabelClass
from app.db.run_models import Job, Prediction, Run, RunClass, RunItem
from app.db.session import is_writing
from app.domain.enums import ImageState, JobState, PredictionRole, Split
from app.services.image_filter import checked, named
from app.services.kept import Kept
from app.services.once import once

_STEP = 5000  # images in one statement


@dataclass(frozen=True, slots=True)
class Doubt:
    """A label that a run finds improbable. ``given``: the probability of the label; ``confidence``: of ``class_id``."""

    image_id: int
    class_id: int
    confidence: float
    given: float


@dataclass(frozen=True)
class Said:
    """All labels that a finished run contradicts, the least probable first; ``versions``: of those labels."""

    doubts: Sequence[Doubt]
    versions: dict[int, int]  # by image

    @property
    def ids(self) -> NDArray[np.int64]:
        """The images, in the order of the doubts."""
        return np.array([doubt.image_id for doubt in self.doubts], dtype=np.int64)

    @cached_property
    def blocks(self) -> dict[int, list[int]]:
        """The images by block, as the database counts changes of images."""
        found: dict[int, list[int]] = {}
        for image_id in self.versions:
            found.setdefault(image_id // BLOCK, []).append(image_id)
        return found


_kept: Kept[Said] = Kept(4)
_counted: Kept[dict[int, tuple[int, int]]] = Kept(4)  # by run; block -> how often it had changed, doubts that stand


def judge(session: Session, project_id: int) -> Run | None:
    """The newest finished run that said something of images it had not learned from."""
    return once(session, ("judge", project_id), lambda: _judge(session, project_id))


def _judge(session: Session, project_id: int) -> Run | None:
    said = sa.exists().where(Prediction.run_id == Run.id, Prediction.role == PredictionRole.VALIDATION)
    query = sa.select(Run).join(Job, Job.id == Run.job_id)
    query = query.where(Run.project_id == project_id, Job.state == JobState.DONE, said)
    return session.scalar(query.order_by(Run.id.desc()).limit(1))


def doubts(session: Session, project_id: int, run: Run | None = None) -> list[Doubt]:
    """Labels that the newest finished run finds improbable, the least probable first.

    Only what a model said of images that it had not learned from, only labels that nobody changed or found right since,
    and nothing of a test set.
    """
    run = run or judge(session, project_id)
    if run is None:
        return []
    said = of_run(session, run)
    left = {image_id for some in _standing(session, project_id, said, conditions()) for image_id in some}
    return [doubt for doubt in said.doubts if doubt.image_id in left]


def count(session: Session, project_id: int, fits: Sequence[sa.ColumnElement[bool]]) -> int:
    """How many doubts of the newest run are about images that fulfil conditions."""
    run = judge(session, project_id)
    if run is None:
        return 0
    said = of_run(session, run)
    return sum(len(some) for some in _standing(session, project_id, said, [*conditions(), *fits]))


def in_use(session: Session, project_id: int) -> int:
    """As ``count`` for all images in use; only blocks of images that changed since the last time are looked at again.

    What a block has changed is read before its images: a number that is too old makes the next one count again.
    """
    run = judge(session, project_id)
    if run is None:
        return 0
    key = _key(session, run)
    said, known = _kept.get(session, key, lambda: _read(session, run)), _counted.get(session, key, dict)
    stamps = sa.select(ImageStamp.block, ImageStamp.moves).where(ImageStamp.project_id == project_id)
    moves = {block: number for block, number in session.execute(stamps)}  # noqa: C416 - rows are no pairs
    changed = [block for block in said.blocks if known.get(block, (-1, 0))[0] != moves.get(block, 0)]
    fits = [*conditions(), Image.state == ImageState.ACTIVE]
    ids = [image_id for block in changed for image_id in said.blocks[block]]
    left = Counter(one // BLOCK for some in _standing(session, project_id, said, fits, ids) for one in some)
    fresh = {block: (moves.get(block, 0), left[block]) for block in changed}
    if not is_writing(session):  # of what may be rolled back nothing is kept
        known.update(fresh)
    return sum((fresh.get(block) or known[block])[1] for block in said.blocks)


def conditions() -> list[sa.ColumnElement[bool]]:
    """What an image must still be for its label to be doubted."""
    outside = sa.or_(Image.split.is_(None), Image.split != Split.TEST)
    return [outside, sa.not_(checked())]


def of_run(session: Session, run: Run) -> Said:
    """What a finished run said, which never changes; classes that are offered no more are left out."""
    return _kept.get(session, _key(session, run), lambda: _read(session, run))


def _key(session: Session, run: Run) -> tuple[object, ...]:
    query = sa.select(LabelClass.id).where(LabelClass.project_id == run.project_id, LabelClass.retired.is_(True))
    retired = once(session, ("retired", run.project_id), lambda: sorted(session.scalars(query)))
    return (run.id, run.job_id, run.created_at, *retired)


def _read(session: Session, run: Run) -> Said:
    query = (
        sa.select(
            RunItem.image_id,
            RunItem.label,
            RunItem.label_version,
            RunClass.class_id,
            Prediction.confidence,
            Prediction.probabilities,
        )
        .select_from(Prediction)
        .join(RunItem, RunItem.id == Prediction.item_id)
        .join(RunClass, sa.and_(RunClass.run_id == run.id, RunClass.position == Prediction.predicted))
        .join(LabelClass, sa.and_(LabelClass.id == RunClass.class_id, LabelClass.retired.is_(False)))
        .where(Prediction.run_id == run.id, Prediction.role == PredictionRole.VALIDATION)
        .where(Prediction.predicted != RunItem.label, RunItem.split != Split.TEST)
    )
    found, versions = list[Doubt](), dict[int, int]()
    for image_id, label, version, class_id, confidence, blob in session.execute(query):
        found.append(Doubt(image_id, class_id, confidence, float(np.frombuffer(blob, "<f4")[label])))
        versions[image_id] = version
    return Said(sorted(found, key=lambda doubt: (doubt.given, doubt.image_id)), versions)


def _standing(
    session: Session,
    project_id: int,
    said: Said,
    fits: Sequence[sa.ColumnElement[bool]],
    ids: Sequence[int] | None = None,
) -> Iterator[list[int]]:
    """The images of doubts, or those among ``ids``, whose labels are still those that the run saw, in parts."""
    ids = list(said.versions) if ids is None else ids
    for start in range(0, len(ids), _STEP):
        part = named(project_id, ids[start : start + _STEP])
        query = sa.select(Image.id, Image.label_version).where(part, *fits)
        yield [image_id for image_id, version in session.execute(query) if said.versions[image_id] == version]

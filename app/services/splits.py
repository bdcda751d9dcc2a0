"""Where the images of a project may be used: counts by class and split.

An image without a split, or of the split ``train``, is free: each run shares the free images out anew. Images of the
split ``test`` are pinned: no run ever learns from them. ``split_draws`` draws sets, ``split_moves`` moves by hand.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ImageCount, LabelClass
from app.db.run_models import Run, RunItem
from app.domain.enums import ImageState, Split


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Labelled images of one class that take part in training, by where they may be used."""

    class_id: int
    name: str
    color: str
    free: int
    validation: int
    test: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.free + self.validation + self.test


@dataclass(frozen=True, slots=True)
class Table:
    """The state of a project's splits.

    Attributes:
        classes: every class in its order, those without images too.
        unlabelled: images without a label; they are not used.
        excluded: images taken out of training by hand.
        test_sources: images of the test set by how they came there: ``folder``, ``drawn`` or ``hand``.
        validation_sources: the same of the validation set.
    """

    classes: tuple[ClassCounts, ...]
    unlabelled: int
    excluded: int
    test_sources: dict[str, int]
    validation_sources: dict[str, int]

    @property
    def used(self) -> tuple[ClassCounts, ...]:
        """The classes that have images."""
        return tuple(row for row in self.classes if row.total)

    @property
    def free(self) -> int:
        """Images that each run shares out."""
        return sum(row.free for row in self.classes)

    @property
    def validation(self) -> int:
        """Images of the validation folder."""
        return sum(row.validation for row in self.classes)

    @property
    def test(self) -> int:
        """Images of the pinned test set."""
        return sum(row.test for row in self.classes)


def table(session: Session, project_id: int) -> Table:
    """Count the images of a project by class and split."""
    query = (
        sa.select(ImageCount.class_id, ImageCount.split, ImageCount.split_source, sa.func.sum(ImageCount.count))
        .where(ImageCount.project_id == project_id, ImageCount.state == ImageState.ACTIVE)
        .group_by(ImageCount.class_id, ImageCount.split, ImageCount.split_source)
        .having(sa.func.sum(ImageCount.count) > 0)
    )
    counts: dict[tuple[int, str], int] = {}
    sources: dict[str, dict[str, int]] = {Split.TEST: {}, Split.VALIDATION: {}}
    for class_id, split, source, count in session.execute(query):
        place = split if split in (Split.TEST, Split.VALIDATION) else ""
        counts[class_id, place] = counts.get((class_id, place), 0) + int(count)
        if place and class_id:
            sources[place][source] = sources[place].get(source, 0) + int(count)
    excluded = sa.select(sa.func.sum(ImageCount.count))
    excluded = excluded.where(ImageCount.project_id == project_id, ImageCount.state == ImageState.EXCLUDED)
    classes = sa.select(LabelClass).where(LabelClass.project_id == project_id).order_by(LabelClass.position)
    return Table(
        classes=tuple(
            ClassCounts(
                class_id=row.id,
                name=row.name,
                color=row.color,
                free=counts.get((row.id, ""), 0),
                validation=counts.get((row.id, Split.VALIDATION), 0),
                test=counts.get((row.id, Split.TEST), 0),
            )
            for row in session.scalars(classes)
        ),
        unlabelled=sum(count for (class_id, _place), count in counts.items() if not class_id),
        excluded=int(session.scalar(excluded) or 0),
        test_sources=sources[Split.TEST],
        validation_sources=sources[Split.VALIDATION],
    )


def excluded_for(session: Session, project_id: int, reason: str) -> int:
    """How many images were taken out of training for a reason."""
    query = sa.select(sa.func.sum(ImageCount.count)).where(
        ImageCount.project_id == project_id, ImageCount.state == ImageState.EXCLUDED, ImageCount.reason == reason
    )
    return int(session.scalar(query) or 0)


def tested_runs(session: Session, project_id: int) -> int:
    """How many runs have been made with a test set; a bound value would not find the index of test images."""
    used = sa.exists().where(RunItem.run_id == Run.id, RunItem.split == sa.literal_column("'test'"))
    return session.scalar(sa.select(sa.func.count()).select_from(Run).where(Run.project_id == project_id, used)) or 0

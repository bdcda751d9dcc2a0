"""Where the images of a project may be used: counts, the pinned test set, and moving images by hand.

An image without a split, or of the split ``train``, is free: each run shares the free images out anew. Images of the
split ``test`` are pinned: no run ever learns from them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.models import Image, ImageCount, LabelClass
from app.domain import splits
from app.domain.enums import ImageState, Split
from app.domain.errors import Invalid, NotFound
from app.domain.groups import NONE, tied
from app.services import grouping, projects
from app.services.grouping import ALONE, Grouping

FOLDER, DRAWN, HAND = "folder", "drawn", "hand"
_CHUNK = 10_000  # ids in one statement; SQLite allows 32,766 parameters
_FREE = sa.or_(Image.split.is_(None), Image.split == Split.TRAIN)


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
    """

    classes: tuple[ClassCounts, ...]
    unlabelled: int
    excluded: int
    test_sources: dict[str, int]

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
    sources: dict[str, int] = {}
    for class_id, split, source, count in session.execute(query):
        place = split if split in (Split.TEST, Split.VALIDATION) else ""
        counts[class_id, place] = counts.get((class_id, place), 0) + int(count)
        if split == Split.TEST and class_id:
            sources[source] = sources.get(source, 0) + int(count)
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
        test_sources=sources,
    )


def draw_test(
    session: Session,
    project_id: int,
    *,
    share: float | None = None,
    per_class: int | None = None,
    seed: int = 0,
    release_folder: bool = False,
    together: Grouping = ALONE,
) -> int:
    """Pin a test set drawn at random from the labelled images, the same share or number of every class.

    A test set drawn before is put back first, so the same seed and the same images give the same set again. Images of
    the validation folder are left where they are. What belongs together with a test image that stays joins it.

    Args:
        share: part of the images, above 0 and below 1; or else ``per_class``: how many images of each class.
        release_folder: also put the images of the test folder and those moved there by hand back first.
        together: images that are drawn together or not at all; the numbers are then met as well as that allows.

    Returns:
        How many images the drawn set has.

    Raises:
        Invalid: ``no_labelled_images``, ``split_share``, ``split_count``, ``split_too_few``, or
            ``class_too_small_for_test`` with the name of the class.
    """
    rows = _drawable(session, project_id, release_folder)
    labels = np.fromiter((row.class_id for row in rows), np.int64, len(rows))
    kept = [] if release_folder or together.by == NONE else _pinned(session, project_id)
    groups = grouping.numbers(session, project_id, [*rows, *kept], together)
    chosen = _tied_to(groups, len(rows))
    pool = np.flatnonzero(~chosen)
    chosen[pool] = _draw(session, labels[pool], None if groups is None else groups[pool], share, per_class, seed)
    clear_test(session, project_id, everything=release_folder)
    ids = [rows[index].id for index in np.flatnonzero(chosen).tolist()]
    for part in _parts(ids):
        values = {"split": Split.TEST, "split_source": DRAWN}
        session.execute(_update().where(Image.id.in_(part)).values(**values))
    return len(ids)


def _drawable(session: Session, project_id: int, release_folder: bool) -> list[Any]:
    """(id, class, name, path) of the images that a draw may pin, those of the present draw among them, by id."""
    again = Image.split == Split.TEST if release_folder else Image.split_source == DRAWN
    query = sa.select(Image.id, Image.class_id, Image.name, Image.path).where(
        Image.project_id == project_id,
        Image.state == ImageState.ACTIVE,
        Image.class_id.is_not(None),
        sa.or_(_FREE, again),
    )
    rows = list(session.execute(query.order_by(Image.id)))
    if not rows:
        raise Invalid("no_labelled_images")
    return rows


def _pinned(session: Session, project_id: int) -> list[Any]:
    """(id, name, path) of the test images that a draw leaves where they are."""
    query = sa.select(Image.id, Image.name, Image.path).where(
        Image.project_id == project_id,
        Image.state == ImageState.ACTIVE,
        Image.split == Split.TEST,
        Image.split_source != DRAWN,
    )
    return list(session.execute(query.order_by(Image.id)))


def _tied_to(groups: NDArray[np.int64] | None, count: int) -> NDArray[np.bool_]:
    """True for those of the first ``count`` images that belong together with one of the others."""
    if groups is None:
        return np.zeros(count, np.bool_)
    return tied(groups, np.arange(len(groups)) >= count)[:count]


def _draw(
    session: Session,
    labels: NDArray[np.int64],
    groups: NDArray[np.int64] | None,
    share: float | None,
    per_class: int | None,
    seed: int,
) -> NDArray[np.bool_]:
    if per_class is None:
        return splits.holdout(labels, share or 0.0, seed, groups=groups)
    try:
        return splits.holdout_per_class(labels, per_class, seed, groups)
    except Invalid as error:
        if error.code != "class_too_small_for_test":
            raise
        params = dict(error.params)
        name = session.scalar(sa.select(LabelClass.name).where(LabelClass.id == params.pop("position")))
        raise Invalid(error.code, name=name, **params) from None


def clear_test(session: Session, project_id: int, *, everything: bool = False) -> int:
    """Put the drawn test set back among the free images; with ``everything`` the whole test set.

    Returns:
        How many images were put back.
    """
    projects.lock(session, project_id)  # writers of one project wait for each other: the counts of images are theirs
    which = [Image.project_id == project_id, Image.split == Split.TEST]
    if not everything:
        which.append(Image.split_source == DRAWN)
    update = _update().where(*which).values(split=None, split_source="")
    return len(session.execute(update.returning(Image.id)).all())


def set_split(session: Session, project_id: int, image_ids: Sequence[int], split: Split | None) -> int:
    """Move images by hand; None makes them free.

    Returns:
        How many images now are where they were not before.

    Raises:
        NotFound: an id is not an image of this project; nothing is changed then.
    """
    projects.lock(session, project_id)
    wanted = sorted(set(image_ids))
    found: set[int] = set()
    for part in _parts(wanted):
        query = sa.select(Image.id).where(Image.project_id == project_id, Image.id.in_(part))
        found.update(session.scalars(query))
    if missing := [image_id for image_id in wanted if image_id not in found]:
        raise NotFound("image_missing", image=missing[0])
    changed = 0
    for part in _parts(wanted):
        update = _update().where(Image.id.in_(part), Image.split.is_distinct_from(split))
        update = update.values(split=split, split_source=HAND if split else "")
        changed += len(session.execute(update.returning(Image.id)).all())
    return changed


def _update() -> sa.Update:
    return sa.update(Image).execution_options(synchronize_session=False)


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]

"""What a training would do with a project's images: counts before it, the exact draw when it is made.

``forecast`` works from the counts of a page, ``draw`` from the images themselves; both follow the same rules:

- Excluded and unlabelled images, and classes without images, are left out.
- The pinned test set is never learned from, and where groups are kept whole nothing that belongs together with it.
- K-fold: all other images are dealt out into the folds, those of a validation folder too.
- Hold-out: the validation folder is the validation part where there is one and the recipe wants it; otherwise a share
  of all other images is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from app.domain import splits as drawing
from app.domain.enums import Split
from app.domain.errors import AppError, Invalid
from app.domain.groups import tied
from app.domain.recipe import Recipe
from app.services.splits import ClassCounts, Table

Ints = NDArray[np.int64]
SMALL_CLASS = 10  # training images below which a class gets a warning
IMBALANCE = 3.0  # largest class by smallest class


class Validation(StrEnum):
    """Where the validation images come from."""

    FOLDER = "folder"
    DRAWN = "drawn"
    FOLDS = "folds"


@dataclass(frozen=True, slots=True)
class ClassForecast:
    """One class of the training to be. For K folds ``train`` counts all images that are dealt out, each of which is
    validated once, and ``validation`` is 0."""

    class_id: int
    name: str
    color: str
    train: int
    validation: int
    test: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would happen. ``problems`` make a training impossible, ``warnings`` only deserve to be read."""

    validation_by: Validation
    classes: tuple[ClassForecast, ...]
    problems: tuple[AppError, ...]
    warnings: tuple[AppError, ...]

    @property
    def names(self) -> list[str]:
        """Of the classes, in their order."""
        return [row.name for row in self.classes]

    @property
    def train(self) -> int:
        """Training images of all classes."""
        return sum(row.train for row in self.classes)

    @property
    def validation(self) -> int:
        """Validation images of all classes; 0 for K folds."""
        return sum(row.validation for row in self.classes)

    @property
    def largest(self) -> int:
        """All images of the largest class."""
        return max((row.train + row.validation + row.test for row in self.classes), default=0)

    @property
    def test(self) -> int:
        """Test images of all classes."""
        return sum(row.test for row in self.classes)


@dataclass(frozen=True, slots=True)
class Draw:
    """Where each image is used; all arrays have the shape (images,) in the order of the ids.

    ``folds`` is -1 for an image that is in no fold.
    """

    splits: list[Split]
    folds: NDArray[np.int64]
    fold_sizes: list[tuple[int, int]]  # (training, validation) images of each model


def validation_by(recipe: Recipe, validation_images: int) -> Validation:
    """Where the validation images of a run come from."""
    if recipe.folds:
        return Validation.FOLDS
    return Validation.FOLDER if recipe.use_validation_folder and validation_images else Validation.DRAWN


def forecast(table: Table, recipe: Recipe) -> Forecast:
    """What a training with ``recipe`` would use, and what is wrong with that.

    The sizes of a stratified hold-out are exact; without strata, or with groups, they are what is to be expected.
    """
    way = validation_by(recipe, table.validation)
    pool = np.array(
        [row.free + (0 if way == Validation.FOLDER else row.validation) for row in table.used], dtype=np.int64
    )
    if way == Validation.DRAWN:
        held = drawing.holdout_sizes(pool, recipe.validation_share).tolist()
    else:
        held = [row.validation if way == Validation.FOLDER else 0 for row in table.used]
    classes = []
    for row, count, validation in zip(table.used, pool.tolist(), held, strict=True):
        train = count - (validation if way == Validation.DRAWN else 0)
        classes.append(ClassForecast(row.class_id, row.name, row.color, train, validation, row.test))
    problems = _problems(table, recipe, way, dict(zip(table.used, pool.tolist(), strict=True)))
    return Forecast(way, tuple(classes), tuple(problems), tuple(_warnings(table, way)))


def _problems(table: Table, recipe: Recipe, way: Validation, pool: dict[ClassCounts, int]) -> list[AppError]:
    if not table.used:
        return [Invalid("no_labelled_images")]
    problems: list[AppError] = []
    if len(table.used) < 2:
        problems.append(Invalid("too_few_classes", count=len(table.used), needed=2, name=table.used[0].name))
    if unknown := sorted(recipe.chosen_classes - {row.name for row in table.used}):
        problems.append(Invalid("augmented_class_missing", names=named(unknown)))
    if unknown := sorted(recipe.class_changes.keys() - {row.name for row in table.used}):
        problems.append(Invalid("class_augmentation_missing", names=named(unknown)))
    if absent := [row.name for row in pool if not pool[row]]:
        problems.append(Invalid("class_without_training", names=named(absent)))
    if way == Validation.FOLDS and recipe.stratified:
        if small := _small(pool, recipe.folds):
            problems.append(Invalid("class_too_small_for_folds", names=small, folds=recipe.folds))
    elif way == Validation.DRAWN and (small := _small(pool, 2)):
        problems.append(Invalid("class_too_small_for_validation", names=small))
    elif way == Validation.FOLDS and sum(pool.values()) < recipe.folds:
        problems.append(Invalid("split_too_few", count=sum(pool.values()), needed=recipe.folds))
    return problems


def balance(table: Table) -> list[AppError]:
    """What deserves to be read about a project's images, whatever is trained: class sizes and the test set."""
    found: list[AppError] = []
    sizes = {row.name: row.free + row.validation for row in table.used if row.free + row.validation}
    if small := [name for name, size in sizes.items() if size < SMALL_CLASS]:
        found.append(Invalid("few_images", names=named(small), needed=SMALL_CLASS))
    if sizes and max(sizes.values()) > IMBALANCE * min(sizes.values()):
        most, least = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
        ratio = round(sizes[most] / sizes[least], 1)
        found.append(Invalid("classes_unequal", most=most, least=least, ratio=ratio))
    if table.used and not table.test:
        found.append(Invalid("no_test_set"))
    elif absent := [row.name for row in table.used if not row.test]:
        found.append(Invalid("test_set_incomplete", names=named(absent)))
    return found


def _warnings(table: Table, way: Validation) -> list[AppError]:
    found = balance(table)
    if way == Validation.FOLDER and (absent := [row.name for row in table.used if not row.validation]):
        found.append(Invalid("validation_incomplete", names=named(absent)))
    return found


def _small(pool: dict[ClassCounts, int], needed: int) -> str:
    return named([f"{row.name} ({count})" for row, count in pool.items() if 0 < count < needed])


def named(names: Sequence[str], limit: int = 8) -> str:
    """Names in a row; of many the first ones."""
    more = [f"… (+{len(names) - limit})"] if len(names) > limit else []
    return ", ".join([*names[:limit], *more])


def draw(
    labels: NDArray[np.int64],
    given: Sequence[str | None],
    recipe: Recipe,
    names: Sequence[str],
    groups: Ints | None = None,
    before: Ints | None = None,
) -> Draw:
    """Share the images of a run out.

    Args:
        labels: position of each image's class, shape (images,), in the order of the ids.
        given: the split each image has in the project, in the same order.
        names: the classes by position, for the refusal.
        groups: group of each image; no group is torn apart. The pinned test set stays as it is.
        before: the place of each image in an earlier run with this recipe, as ``app.domain.kept_places`` has it.

    Raises:
        Invalid: ``class_missing_in_fold``: the draw left a class out of the training of one model;
            ``class_in_one_group``: any draw would; or what ``app.domain.splits`` refuses.
    """
    test, in_folder = _places(given)
    way = validation_by(recipe, int(in_folder.sum()))
    pool = np.flatnonzero(~test)
    together = (None if groups is None else groups[pool], None if before is None else before[pool])
    folds = np.full(len(labels), -1, dtype=np.int64)
    validation = np.zeros(len(labels), dtype=np.bool_)
    if way == Validation.FOLDS:
        folds[pool] = _folds(labels[pool], recipe, *together)
        models = [folds == fold for fold in range(recipe.folds)]
    else:
        if way == Validation.FOLDER:
            validation = in_folder
        else:
            validation[pool] = _held(labels[pool], recipe, *together)
        models = [validation]
    _refuse_missing(labels[pool], [held[pool] for held in models], names, recipe.seed, together[0])
    kinds = np.where(test, Split.TEST, np.where(validation, Split.VALIDATION, Split.TRAIN))
    sizes = [(len(pool) - int(held.sum()), int(held.sum())) for held in models]
    return Draw([Split(kind) for kind in kinds.tolist()], folds, sizes)


def _folds(labels: Ints, recipe: Recipe, groups: Ints | None, before: Ints | None) -> Ints:
    """The fold of each image that is dealt out."""
    if before is None:
        return drawing.kfold(labels, recipe.folds, recipe.seed, recipe.stratified, groups)
    return drawing.kfold_again(labels, recipe.folds, recipe.seed, before, recipe.stratified, groups)


def _held(labels: Ints, recipe: Recipe, groups: Ints | None, before: Ints | None) -> NDArray[np.bool_]:
    """Which images are drawn for validation."""
    share, seed = recipe.validation_share, recipe.seed
    if before is None:
        return drawing.holdout(labels, share, seed, recipe.stratified, groups)
    return drawing.holdout_again(labels, share, seed, before, recipe.stratified, groups)


def untied(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    given: Sequence[str | None],
    recipe: Recipe,
    names: Sequence[str],
) -> NDArray[np.int64]:
    """The places of the images that a run uses: without those that belong together with one that is pinned elsewhere.

    Args:
        labels, groups, given, names: as for ``draw``.

    Raises:
        Invalid: ``groups_pinned``: nothing of a class would be left to learn from.
    """
    test, in_folder = _places(given)
    barred = tied(groups, test)
    if validation_by(recipe, int(in_folder.sum())) == Validation.FOLDER:
        barred |= tied(groups, in_folder & ~barred) & ~test
    for position, name in enumerate(names):
        free = (labels == position) & ~test
        if free.any() and barred[free].all():
            raise Invalid("groups_pinned", name=name)
    return np.flatnonzero(~barred)


def _places(given: Sequence[str | None]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each image is pinned as a test image, and whether it is in the validation folder."""
    return np.array([split == Split.TEST for split in given]), np.array([split == Split.VALIDATION for split in given])


def _refuse_missing(
    labels: Ints, held: Sequence[NDArray[np.bool_]], names: Sequence[str], seed: int, groups: Ints | None
) -> None:
    """Refuse a draw that leaves a class out of the training of a model."""
    for fold, images in enumerate(held):
        counts = np.bincount(labels[~images], minlength=len(names))
        if counts.all():
            continue
        missing = int(counts.argmin())
        if groups is not None and len(np.unique(groups[labels == missing])) == 1:
            raise Invalid("class_in_one_group", name=names[missing])
        raise Invalid("class_missing_in_fold", name=names[missing], fold=fold + 1, seed=seed)

"""Where the weights of a training begin: anew, or with those of an earlier run of the same project.

A model that goes on from another one knows that one's pictures. None of them may be judged as if it were new: a test
set that holds some refuses the training, so do folds, and a drawn validation part is taken from the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session, joinedload, selectinload

from app.db.run_models import Run, RunFold, RunItem
from app.domain import architectures
from app.domain.enums import Split
from app.domain.errors import Invalid
from app.domain.recipe import Recipe
from app.services import best_weights, plans
from app.services.plans import ClassForecast
from app.services.run_images import Drawn

MOST_OFFERED = 200
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Origin:
    """A model of an earlier run; ``fold`` counts from 0.

    ``classes`` are its outputs in their order: ids, and the names they had then.
    """

    run: Run
    fold: int
    epoch: int
    digest: str
    classes: tuple[tuple[int, str], ...]

    def same(self, classes: Sequence[ClassForecast]) -> bool:
        """Whether it has these classes, in this order: a name may have changed, or a class have been made anew."""
        known = {class_id for class_id, _ in self.classes}
        return len(classes) == len(self.classes) and all(
            row.class_id == class_id or (row.name == name and row.class_id not in known)
            for row, (class_id, name) in zip(classes, self.classes, strict=True)
        )

    def values(self, classes: Sequence[ClassForecast], moved: int) -> dict[str, Any]:
        """For ``Run.origin``; ``moved``: images that were not drawn for validation because it has learned from them."""
        return {
            "run": self.run.number, "model": self.fold + 1, "epoch": self.epoch, "weights_sha256": self.digest,
            "outputs": "kept" if self.same(classes) else "new", "moved_to_training": moved,
        }  # fmt: skip


@dataclass(frozen=True)
class Offered:
    """A model to begin with, as the form offers it; ``value`` is that of the recipe."""

    value: str
    run: int
    model: int | None
    name: str
    architecture: str
    size: int


def offered(session: Session, project_id: int) -> list[Offered]:
    """The trained models of a project, newest run first."""
    trained = RunFold.weights_sha256.is_not(None)
    query = sa.select(Run.number, Run.name, Run.recipe, RunFold.fold).join(RunFold, RunFold.run_id == Run.id)
    query = query.where(Run.project_id == project_id, trained).order_by(Run.number.desc(), RunFold.fold)
    found = []
    for number, name, recipe, fold in session.execute(query.limit(MOST_OFFERED)):
        folds = bool(recipe.get("folds"))
        value = f"{number}/{fold + 1}" if folds else str(number)
        found.append(Offered(value, number, fold + 1 if folds else None, name, recipe["architecture"],
                             int(recipe["image_size"])))  # fmt: skip
    return found


def find(session: Session, project_id: int, recipe: Recipe) -> Origin | None:
    """The model that ``recipe`` begins with; None for new weights.

    Raises:
        Invalid: ``begin_missing``, ``begin_which`` (the run has several models) or ``begin_differs``.
    """
    if not recipe.begin:
        return None
    number, _, model = recipe.begin.partition("/")
    query = sa.select(Run).where(Run.project_id == project_id, Run.number == int(number))
    run = session.scalar(query.options(selectinload(Run.folds), selectinload(Run.classes), joinedload(Run.job)))
    kept = [one for one in best_weights.listed(run) if one.used] if run is not None else []
    if not model and len(kept) > 1:
        raise Invalid("begin_which", run=int(number), first=f"{number}/1")
    wanted = [one for one in kept if not model or one.fold == int(model) - 1]
    if run is None or not wanted:
        raise Invalid("begin_missing", run=int(number), model=model or "1")
    _refuse_other_network(recipe, Recipe.from_json(run.recipe), run.number)
    one = wanted[0]
    return Origin(run, one.fold, one.epoch, one.digest, tuple((item.class_id, item.name) for item in run.classes))


def _refuse_other_network(recipe: Recipe, source: Recipe, number: int) -> None:
    """Layer for layer the weights must have the same shape, but for the outputs."""
    mine, other = (architectures.layer_table(one, 2) for one in (recipe, source))
    if [(layer.name, layer.parameters) for layer in mine] != [(layer.name, layer.parameters) for layer in other]:
        raise Invalid("begin_differs", run=number, architecture=source.architecture, size=source.image_size)


def apart(session: Session, origin: Origin, recipe: Recipe, drawn: Drawn) -> tuple[Drawn, int]:
    """The draw without a picture that is judged although the earlier model has learned from it.

    Returns:
        The draw, and how many images went from the drawn validation part to the training.

    Raises:
        Invalid: ``begin_test_learned``, ``begin_folds_learned`` or ``begin_validation_learned``.
    """
    learned, chosen = _known(session, origin)
    digests = [row.canonical_sha256 for row in drawn.rows]
    splits = np.array(drawn.draw.splits)
    knows = np.array([digest in learned for digest in digests], np.bool_)
    test = splits == Split.TEST
    # Images that chose the earlier model's epoch are known to it, too, though less.
    both = knows | np.array([digest in chosen for digest in digests], np.bool_)
    if count := int((both & test).sum()):
        raise Invalid("begin_test_learned", run=origin.run.number, count=count)
    if recipe.folds and (count := int((knows & ~test).sum())):
        raise Invalid("begin_folds_learned", run=origin.run.number, count=count)
    held = splits == Split.VALIDATION
    moved = held & _together(knows, drawn.groups)
    if recipe.folds or not moved.any():
        return drawn, 0
    given = plans.validation_by(recipe, sum(row.split == Split.VALIDATION for row in drawn.rows))
    if given == plans.Validation.FOLDER:
        raise Invalid("begin_validation_learned", run=origin.run.number, count=int(moved.sum()))
    # What the earlier run was validated with checks this one, too: its weights have not learned from it.
    held = _held(drawn, held & ~moved, both & ~knows & ~test & ~_together(knows, drawn.groups))
    if not held.any():
        raise Invalid("begin_all_learned", run=origin.run.number)
    kinds = np.where(test, Split.TEST, np.where(held, Split.VALIDATION, Split.TRAIN))
    sizes = [(int((~held & ~test).sum()), int(held.sum()))]
    draw = replace(drawn.draw, splits=[Split(kind) for kind in kinds.tolist()], fold_sizes=sizes)
    return replace(drawn, draw=draw), int(moved.sum())


def _held(drawn: Drawn, held: Mask, more: Mask) -> Mask:
    """``held`` and ``more`` as the validation part, without those of ``more`` that alone teach a class."""
    learned = ~(held | more) & (np.array(drawn.draw.splits) != Split.TEST)
    bare = more & ~np.isin(drawn.labels, drawn.labels[learned])
    return held | (more & ~_together(bare, drawn.groups))


def _known(session: Session, origin: Origin) -> tuple[set[str], set[str]]:
    """Hashes of the pictures that the earlier model learned from, and of those that chose its epoch.

    Those of the runs count, too, that it began with itself, and that these began with.
    """
    learned, chosen = set[str](), set[str]()
    for run_id, model in _line(session, origin):
        query = sa.select(RunItem.canonical_sha256, RunItem.split, RunItem.fold).where(RunItem.run_id == run_id)
        for digest, split, fold in session.execute(query):
            if split == Split.VALIDATION or fold == model:
                chosen.add(digest)
            elif split != Split.TEST:
                learned.add(digest)
    return learned, chosen


def _line(session: Session, origin: Origin) -> Iterator[tuple[int, int]]:
    """(id of the run, fold) of a model, of that with whose weights it began, and so on."""
    run: Run | None = origin.run
    model = origin.fold
    while run is not None:
        yield run.id, model
        before = run.origin
        if before is None:
            return
        model = int(before["model"]) - 1
        run = session.scalar(sa.select(Run).where(Run.project_id == run.project_id, Run.number == int(before["run"])))


def _together(mask: Mask, groups: NDArray[np.int64] | None) -> Mask:
    """``mask`` with everything that must not be torn apart from it."""
    return mask if groups is None else np.isin(groups, groups[mask])

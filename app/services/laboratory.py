"""The laboratory of changes for single classes: trainings of all arms with the same seeds, and what came out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload, selectinload

from app.db.models import Project
from app.db.run_models import Job, Run
from app.domain import laboratory, metrics
from app.domain.enums import JobState, PredictionRole
from app.domain.errors import AppError, Invalid
from app.domain.laboratory import MOST_CLASSES, Arm, Difference
from app.domain.recipe import Recipe
from app.domain.stats import exact, paired
from app.domain.stats.paired import Flips
from app.services import answers, plans, preflight, runs, splits
from app.services.answers import Answers, Kept
from app.services.runs import ANYHOW, How


@dataclass(frozen=True)
class ClassCell:
    """One class in one arm, over the seeds.

    Attributes:
        recall: mean and deviation.
        leaning: said minus true, as a share of all pictures: the bias meter.
        gap: recall minus that of the arm without changes, in pairs of seeds; None for that arm itself.
        adjusted: p of the gap over all arms and classes (Holm); None with one seed.
        flips: against the arm without changes, summed over the seeds.
    """

    recall: metrics.Spread | None
    leaning: metrics.Spread | None
    gap: Difference | None = None
    adjusted: float | None = None
    flips: Flips | None = None

    @property
    def proven(self) -> bool:
        """True when the recall surely differs from that without changes."""
        return self.adjusted is not None and self.adjusted < exact.LEVEL


@dataclass(frozen=True)
class Row:
    """One arm: its finished runs by seed, its accuracy, and each class in the order of ``Result.classes``."""

    arm: Arm
    runs: Mapping[int, Run]
    accuracy: metrics.Spread | None
    gap: Difference | None
    flips: Flips | None
    cells: Sequence[ClassCell]


@dataclass(frozen=True)
class Result:
    """All arms on one role. ``pairs``: seeds of which both an arm and the one without changes have ended."""

    role: PredictionRole
    classes: Sequence[str]
    rows: Sequence[Row]
    pairs: int


def start(
    session: Session,
    project: Project,
    recipe: Recipe,
    classes: Sequence[str],
    seeds: int,
    *,
    actor: str,
    how: How = ANYHOW,
) -> Job:
    """Queue the trainings of all arms as one group.

    Raises:
        Invalid: as ``planned`` and ``runs.create_matrix``.
    """
    made = [(_name(arm, one), one) for arm, one in planned(recipe, classes, seeds)]
    return runs.create_matrix(session, project, made, actor=actor, name=", ".join(classes), how=how)[0]


def planned(recipe: Recipe, classes: Sequence[str], seeds: int) -> list[tuple[Arm, Recipe]]:
    """What ``start`` would train. Raises Invalid as ``laboratory.recipes`` and ``laboratory.refuse_unchanged``."""
    made = laboratory.recipes(recipe, classes, seeds)
    laboratory.refuse_unchanged(made)
    return made


def hindrances(session: Session, project: Project, recipe: Recipe) -> list[AppError]:
    """Why nothing can be started with ``recipe``, whatever classes and seeds are chosen; empty when something can."""
    table = splits.table(session, project.id)
    if len(table.used) < 2:
        return list(plans.forecast(table, recipe).problems)
    try:
        (*_, (_, whole)) = laboratory.recipes(recipe, [item.name for item in project.offered[:MOST_CLASSES]], 1)
        forecast = plans.forecast(table, whole)
        preflight.refuse(session, whole, forecast, "")
    except Invalid as error:
        return [error]
    return [one for one in forecast.problems if one.code != "augmented_class_missing"]  # these classes can be unticked


def _name(arm: Arm, recipe: Recipe) -> str:
    return f"{'–' if arm.plain else ' + '.join(sorted(arm.classes or ()))} · {recipe.seed}"[:200]


def is_one(recipes: Sequence[Recipe]) -> bool:
    """True when recipes differ in nothing but whose pictures are changed, and the seed, and some change none."""
    arms = {laboratory.arm_of(recipe) for recipe in recipes}
    plain = {_without(recipe) for recipe in recipes}
    changes = {(one.augmentation, one.class_augmentation) for one in recipes if one.all_changes.active}
    return len(arms) > 1 and len(plain) == len(changes) == 1 and any(arm.plain for arm in arms)


def _without(recipe: Recipe) -> str:
    kept = {name: value for name, value in recipe.flat().items() if not name.startswith("augmentation.")}
    return repr(sorted((name, repr(value)) for name, value in kept.items() if name not in _OWN))


_OWN = ("augmented_classes", "class_augmentation", "seed", "preset")


def find(session: Session, kept: Kept, project_id: int, group_id: int) -> Result | None:
    """What the finished runs of a group say; None when the group is no laboratory or nothing of it has ended."""
    query = (
        sa.select(Run)
        .join(Job, Job.id == Run.job_id)
        .where(Run.project_id == project_id, Job.parent_id == group_id, Job.state == JobState.DONE)
        .options(joinedload(Run.job), selectinload(Run.classes), selectinload(Run.folds))
    )
    found = list(session.scalars(query.order_by(Run.number)))
    recipes = [Recipe.from_json(run.recipe) for run in found]
    if not is_one(recipes):
        return None
    said = _answers(session, kept, found, PredictionRole.TEST)
    role = PredictionRole.TEST if all(len(one.items) for one in said) else PredictionRole.VALIDATION
    if role is PredictionRole.VALIDATION:
        said = _answers(session, kept, found, role)
    arms: dict[Arm, dict[int, tuple[Run, Answers]]] = {}
    for run, recipe, one in zip(found, recipes, said, strict=True):
        arms.setdefault(laboratory.arm_of(recipe), {})[recipe.seed] = (run, one)
    order = sorted(
        arms, key=lambda arm: (len(arm.classes) if arm.classes is not None else 10**6, sorted(arm.classes or ()))
    )
    names = [item.name for item in found[0].classes]
    plain = {seed: one for seed, (_, one) in arms[Arm(frozenset())].items()}
    rows = _adjusted([_row(arm, arms[arm], plain, len(names)) for arm in order])
    return Result(
        role, names, rows, max((len(plain.keys() & arms[arm].keys()) for arm in order if not arm.plain), default=0)
    )


def _answers(session: Session, kept: Kept, found: Sequence[Run], role: PredictionRole) -> list[Answers]:
    return [answers.load(session, kept, run, role, len(run.classes)) for run in found]


def _row(arm: Arm, made: Mapping[int, tuple[Run, Answers]], plain: Mapping[int, Answers], classes: int) -> Row:
    runs_of = {seed: run for seed, (run, _) in sorted(made.items())}
    said = {seed: one for seed, (_, one) in sorted(made.items())}
    recalls = {seed: _recalls(one, classes) for seed, one in said.items()}
    accuracy = {seed: float((one.predicted == one.labels).mean()) for seed, one in said.items()}
    leanings = {seed: _leanings(one, classes) for seed, one in said.items()}
    shared = [] if arm.plain else [seed for seed in said if seed in plain and _same(said[seed], plain[seed])]
    before = {seed: _recalls(plain[seed], classes) for seed in shared}
    flips = [_flips(plain[seed], said[seed], classes) for seed in shared]
    cells = []
    for place in range(classes):
        pairs = [
            (first, second)
            for seed in shared
            if (first := before[seed][place]) is not None and (second := recalls[seed][place]) is not None
        ]
        cells.append(
            ClassCell(
                recall=metrics.spread([one[place] for one in recalls.values()]),
                leaning=metrics.spread([one[place] for one in leanings.values()]),
                gap=laboratory.over_seeds(*map(list, zip(*pairs, strict=True))) if pairs else None,
                flips=_sum([one[place] for one in flips]) if flips else None,
            )
        )
    gap = None
    if shared:
        without = [float((plain[seed].predicted == plain[seed].labels).mean()) for seed in shared]
        gap = laboratory.over_seeds(without, [accuracy[seed] for seed in shared])
    total = _sum([_sum(one) for one in flips]) if flips else None
    return Row(arm, runs_of, metrics.spread(accuracy.values()), gap, total, cells)


def _recalls(said: Answers, classes: int) -> list[float | None]:
    return [row.recall for row in metrics.per_class(metrics.confusion(said.labels, said.predicted, classes))]


def _leanings(said: Answers, classes: int) -> list[float]:
    answered, true = (np.bincount(one, minlength=classes) for one in (said.predicted, said.labels))
    found: list[float] = ((answered - true) / len(said.labels)).tolist()
    return found


def _same(first: Answers, second: Answers) -> bool:
    """True when both were judged on the same pictures with the same labels, in the same order."""
    return np.array_equal(first.images, second.images) and np.array_equal(first.labels, second.labels)


def _flips(first: Answers, second: Answers, classes: int) -> list[Flips]:
    return [row.flips for row in paired.by_class(first.labels, first.predicted, second.predicted, classes)]


def _sum(parts: Sequence[Flips]) -> Flips:
    return Flips(
        gained=sum(one.gained for one in parts),
        lost=sum(one.lost for one in parts),
        wrong=sum(one.wrong for one in parts),
        right=sum(one.right for one in parts),
    )


def _adjusted(rows: Sequence[Row]) -> list[Row]:
    """With the p values of all recalls adjusted together."""
    tested = [
        (at, place, cell.gap.p)
        for at, row in enumerate(rows)
        for place, cell in enumerate(row.cells)
        if cell.gap is not None and cell.gap.p is not None
    ]
    values = dict(zip([one[:2] for one in tested], exact.holm([one[2] for one in tested]), strict=True))
    return [
        replace(row, cells=[replace(cell, adjusted=values.get((at, place))) for place, cell in enumerate(row.cells)])
        for at, row in enumerate(rows)
    ]

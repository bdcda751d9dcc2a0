"""What a training would need and how long it would take, before it is started; refused is only what cannot work."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy.orm import Session

from app.db.run_models import Worker
from app.domain import architectures, footprint, gathering, groups, sizes, whitening
from app.domain.errors import AppError, Invalid
from app.domain.findings import Topic
from app.domain.footprint import Footprint
from app.domain.recipe import Recipe
from app.domain.recipe_fields import OWN
from app.domain.sketch import Layer
from app.domain.stages import stages
from app.services import health, jobs, pacing, refusals, spreading, weight_places
from app.services.pacing import Pace
from app.services.plans import Forecast, Validation
from app.services.refusals import Refused, Values
from app.services.run_images import Drawn

LIMIT, FREE = "job_memory", "available"  # keys of ``Worker.info``, bytes


@dataclass(frozen=True)
class Seconds:
    """How long a training takes: ``low`` if patience ends it as early as it can, ``high`` with all its epochs."""

    low: float
    high: float


@dataclass(frozen=True)
class Smallest:
    """The class with the fewest images, and how many a model learns from and is validated with, about."""

    name: str
    train: float
    validation: float


@dataclass(frozen=True)
class Preflight:
    """What is known before the start.

    Attributes:
        steps: in one epoch of one model; ``changes``: of its weights, fewer where the gradients of steps are gathered.
        models: that are trained one after the other.
        memory: None when the network cannot be built.
        room: bytes that one training may hold on the workers that may take it, smallest and largest; None: no worker.
        free: bytes that are free on those workers at this moment, the least; None where nobody says.
        refusal: why the training would fail.
        tight: it may fail.
        proposal: values that would work, by the names of fields.
        conflicts: groups of copies that have two labels.
        torn: groups of copies that may be learned from and checked with, because the recipe tears them apart.
        unchecked: classes of which a model has no picture to be checked with, as far as the images were drawn.
    """

    steps: int
    changes: int
    models: int
    memory: Footprint | None
    room: tuple[int, int] | None
    free: int | None
    pace: Pace | None
    seconds: Seconds | None
    smallest: Smallest | None
    refusal: AppError | None = None
    tight: bool = False
    proposal: Values = field(default_factory=dict)
    conflicts: int = 0
    torn: int = 0
    unchecked: tuple[str, ...] = ()


def look(session: Session, project_id: int, recipe: Recipe, forecast: Forecast, needs: str) -> Preflight:
    """Everything that is known of a training that ``forecast`` describes; a bounded number of queries."""
    learned, images = _sizes(recipe, forecast)
    room, free = _room(session, needs)
    layers, error = _layers(recipe, len(forecast.classes))
    memory = footprint.of(recipe, layers, images, min(recipe.batch_size, learned or 1), learned) if layers else None
    drawn: Drawn | None = None
    refused = (
        _of_network(recipe, error)
        or refusals.of_whitening(recipe, learned)
        or _of_memory(recipe, forecast, memory, room)
        or refusals.of_weights(session, recipe, needs)
    )
    if refused is None:
        refused, drawn = refusals.of_images(session, project_id, recipe, forecast)
    tight = memory is not None and room is not None and refused is None and memory.high > room[0]
    proposal = _fitting(recipe, forecast, room[0]) if tight and room is not None else {}
    pace = pacing.measured(session, project_id, recipe)
    models, open_findings = max(recipe.folds, 1), health.counts(session, project_id)
    return Preflight(
        steps=math.ceil(_shown(recipe, forecast, learned) / recipe.batch_size),
        changes=math.ceil(_shown(recipe, forecast, learned) / (recipe.batch_size * recipe.accumulation)),
        models=models,
        memory=memory,
        room=room,
        free=free,
        pace=pace,
        seconds=_seconds(session, recipe, pace, learned * models, images) if pace else None,
        smallest=_smallest(recipe, forecast, drawn),
        refusal=refused.error if refused else None,
        tight=tight,
        proposal=refused.proposal if refused else proposal,
        conflicts=open_findings[Topic.CONFLICTS],
        torn=_torn(recipe, forecast, open_findings),
        unchecked=_unchecked(forecast, drawn),
    )


def refuse(session: Session, recipe: Recipe, forecast: Forecast, needs: str) -> None:
    """Refuse a training that no worker that may take it can carry out.

    Raises:
        Invalid: ``network_needs_larger_images``, ``backbone_file_missing``, ``zca_too_large`` or ``memory_too_small``.
    """
    room, _free = _room(session, needs)
    layers, error = _layers(recipe, len(forecast.classes))
    if error := error or weight_places.missing(session, recipe, needs):
        raise error
    learned, images = _sizes(recipe, forecast)
    whitening.check(recipe, learned)
    memory = footprint.of(recipe, layers, images, min(recipe.batch_size, learned or 1), learned)
    if room is not None and memory.low > room[1]:
        raise _too_large(recipe, memory, room[1])


def _sizes(recipe: Recipe, forecast: Forecast) -> tuple[int, int]:
    """Pictures that one model learns from, about, and all that are read."""
    learned = forecast.train
    if forecast.validation_by == Validation.FOLDS:
        learned = round(forecast.train * (recipe.folds - 1) / recipe.folds)
    return learned, forecast.train + forecast.validation + forecast.test


def _shown(recipe: Recipe, forecast: Forecast, learned: int) -> float:
    """Pictures of one epoch: added copies are shown beside the originals."""
    if not recipe.most_copies or not forecast.train:
        return learned
    added = sum(row.train * recipe.copies_of(row.name) for row in forecast.classes)
    return learned * (1 + added / forecast.train)


def _layers(recipe: Recipe, classes: int) -> tuple[Sequence[Layer], Invalid | None]:
    try:
        return architectures.layer_table(recipe, max(classes, 2)), None
    except Invalid as error:
        return (), error


def _room(session: Session, needs: str) -> tuple[tuple[int, int] | None, int | None]:
    """What workers that may take the training say of their memory; a limit of 0 stands for none, and is left out."""
    able: list[Worker] = [one for one in jobs.workers_alive(session) if needs in jobs.able(one).needs]
    limits = [int(one.info.get(LIMIT) or 0) for one in able]
    free = [int(one.info[FREE]) for one in able if one.info.get(FREE)]
    return (min(limits), max(limits)) if limits and all(limits) else None, min(free, default=None)


def _of_network(recipe: Recipe, error: Invalid | None) -> Refused | None:
    """A network that cannot be built; only one of ours is known to need larger pictures."""
    if error is None:
        return None
    smallest = {} if recipe.architecture == OWN else {"image_size": architectures.smallest_size(recipe.architecture)}
    return Refused(error, dict(smallest))


def _of_memory(
    recipe: Recipe, forecast: Forecast, memory: Footprint | None, room: tuple[int, int] | None
) -> Refused | None:
    if memory is None or room is None or memory.low <= room[1]:
        return None
    return Refused(_too_large(recipe, memory, room[1]), _fitting(recipe, forecast, room[1]))


def _too_large(recipe: Recipe, memory: Footprint, room: int) -> Invalid:
    needed, given = sizes.apart(memory.low, room)
    return Invalid(
        "memory_too_small",
        needed=needed,
        room=given,
        batch_size=recipe.batch_size,
        image_size=recipe.image_size,
    )


def _fitting(recipe: Recipe, forecast: Forecast, room: int) -> Values:
    """The largest batch that surely fits, or the largest pictures where even one is too much; {} if nothing does."""
    learned, images = _sizes(recipe, forecast)
    size = recipe.image_size
    while size >= footprint.SMALLEST_PICTURE:
        smaller = recipe.updated({"image_size": size})
        layers, error = _layers(smaller, len(forecast.classes))
        batch = min(recipe.batch_size, learned or 1)
        while error is None and batch >= 1:
            found = {**gathering.in_steps_of(batch, recipe, learned), "image_size": size}
            if footprint.of(recipe.updated(found), layers, images, batch, learned).high <= room:
                return {name: value for name, value in found.items() if value != getattr(recipe, name)}
            batch //= 2
        size = size * 3 // 4
    return {}


def _smallest(recipe: Recipe, forecast: Forecast, drawn: Drawn | None) -> Smallest | None:
    if not forecast.classes:
        return None
    if drawn is not None:
        counts = [zip(*model, forecast.names, strict=True) for model in drawn.models()]
        learned, checked, name = min((int(train), int(held), name) for model in counts for train, held, name in model)
        return Smallest(name, learned, checked)
    row = min(forecast.classes, key=lambda one: one.train)
    if forecast.validation_by == Validation.FOLDS:
        held = row.train / recipe.folds
        return Smallest(row.name, row.train - held, held)
    return Smallest(row.name, row.train, row.validation)


def _torn(recipe: Recipe, forecast: Forecast, open_findings: Mapping[Topic, int]) -> int:
    if recipe.group_by != groups.NONE:
        return 0
    return open_findings[Topic.FOLDER_LEAKS if forecast.validation_by == Validation.FOLDER else Topic.FOLDS]


def _unchecked(forecast: Forecast, drawn: Drawn | None) -> tuple[str, ...]:
    """Where the validation folder checks, the page says the same of all images."""
    if drawn is None or forecast.validation_by == Validation.FOLDER:
        return ()
    held = np.min([held for _train, held in drawn.models()], axis=0)
    return tuple(name for name, count in zip(forecast.names, held.tolist(), strict=True) if not count)


def _seconds(session: Session, recipe: Recipe, pace: Pace, pictures: int, images: int) -> Seconds:
    # What a run with a pretrained network takes beside its epochs was measured; its start is part of it.
    low, high = (pace.once.low * images, pace.once.high * images) if pace.once else (0.0, 0.0)
    if pace.once is None:
        low = high = spreading.start_seconds(session)
    for stage, span in zip(stages(recipe), pace.stages, strict=True):  # each has patience of its own
        low += pictures * span.low * pacing.least(stage.recipe)
        high += pictures * span.high * stage.recipe.epochs
    return Seconds(low, high)

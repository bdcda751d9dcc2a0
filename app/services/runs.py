"""Runs: made from the labels and splits of this moment, frozen, and found again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload, selectinload

from app.db.models import LabelEvent, Project
from app.db.run_models import Job, Run, RunClass, RunFold, RunItem
from app.domain.enums import JobKind, JobState, Lane, RunKind
from app.domain.errors import Invalid, NotFound
from app.domain.matrix import MOST_RUNS
from app.domain.recipe import Recipe
from app.services import jobs, origins, own_ids, plans, preflight, projects, renamed, run_images, splits, versions
from app.services.run_images import Drawn
from app.services.spreading import Spread

MOST_ITEMS = 600_000  # rows of images of one matrix: more would hold the database for many seconds
REQUEST = "request"  # key of ``Job.spec``: what asked for the run or the matrix
_ASKED = (JobKind.TRAIN, JobKind.GROUP, JobKind.SEARCH)
_CHUNK = 20_000  # rows in one bulk insert: keeps the memory of a run of 100,000 images small


@dataclass(frozen=True)
class How:
    """How a training is carried out; nothing of it changes the result.

    ``needs``: "" for any worker, "gpu" or "worker:<host>". ``group_id``: the job of the matrix that the run belongs to.
    ``request``: what asked for it, so that the same form sent twice starts one training. ``unseen_test``: a trial of a
    search: its models are never asked about the pinned test set. ``like``: the id of a run whose recipe this is; its
    images stay where they were.
    """

    needs: str = ""
    spread: Spread = Spread.AUTO
    priority: int = 0
    group_id: int | None = None
    request: str = ""
    unseen_test: bool = False
    like: int | None = None


ANYHOW = How()


def create(session: Session, project: Project, recipe: Recipe, *, name: str = "", actor: str, how: How = ANYHOW) -> Run:
    """Freeze classes, images, labels and splits for ``recipe`` and queue the training.

    The seed of the recipe decides the draw, but for ``how.like``: the same recipe on unchanged labels gives the same
    split again.

    Raises:
        Invalid: the first of ``plans.Forecast.problems``, what ``plans.draw`` refuses, or
            ``preflight.refuse``, or ``queue_full``, or what ``origins`` refuses.
            Nothing is written then.
    """
    # Labels and runs of one project wait for each other here, so that what is read below is one moment's state.
    projects.lock(session, project.id)
    forecast = plans.forecast(splits.table(session, project.id), recipe)
    if forecast.problems:
        raise forecast.problems[0]
    preflight.refuse(session, recipe, forecast, how.needs)
    drawn = run_images.drawn(session, project.id, recipe, forecast, how.like)
    origin, moved = origins.find(session, project.id, recipe), 0
    if origin is not None:
        drawn, moved = origins.apart(session, origin, recipe, drawn)
    if how.unseen_test:  # what the test set refuses is said before the first trial, not after the last one
        drawn = drawn.without_test()
    run = _add_run(session, project.id, recipe, (name, actor), how)
    if origin is not None:
        run.origin = origin.values(forecast.classes, moved)
    run.version_id = versions.freeze(session, project.id, actor=actor).id
    session.add_all(
        RunClass(run_id=run.id, position=index, class_id=row.class_id, name=row.name, color=row.color)
        for index, row in enumerate(forecast.classes)
    )
    session.add_all(
        RunFold(run_id=run.id, fold=fold, train_count=train, validation_count=validation)
        for fold, (train, validation) in enumerate(drawn.draw.fold_sizes)
    )
    session.flush()
    _add_items(session, run.id, drawn)
    return run


def _add_run(session: Session, project_id: int, recipe: Recipe, named: tuple[str, str], how: How) -> Run:
    name, actor = named
    number = session.scalar(
        sa.update(Project)
        .where(Project.id == project_id)
        .values(next_run_number=Project.next_run_number + 1)
        .returning(Project.next_run_number - 1)
        .execution_options(synchronize_session=False)
    )
    job = jobs.create(
        session,
        project_id=project_id,
        kind=JobKind.TRAIN,
        lane=Lane.GPU,
        spec={},
        parent_id=how.group_id,
        priority=how.priority,
        needs=how.needs,
    )
    run = Run(
        id=own_ids.first(session, Run.id),
        project_id=project_id,
        number=number,
        name=name.strip()[:200],
        kind=RunKind.KFOLD if recipe.folds else RunKind.HOLDOUT,
        recipe=recipe.to_json(),
        job_id=job.id,
        label_watermark=session.scalar(sa.select(sa.func.max(LabelEvent.id))) or 0,
        actor=actor[:100],
    )
    session.add(run)
    session.flush()
    asked = {REQUEST: how.request} if how.request else {}
    job.spec = {"run_id": run.id, "spread": str(how.spread), **asked}
    return run


def _add_items(session: Session, run_id: int, drawn: Drawn) -> None:
    insert = sa.insert(RunItem.__table__)  # type: ignore[arg-type]
    rows, labels, folds = drawn.rows, drawn.labels.tolist(), drawn.draw.folds.tolist()
    for start in range(0, len(rows), _CHUNK):
        values = [
            {
                "run_id": run_id,
                "image_id": rows[index].id,
                "canonical_sha256": rows[index].canonical_sha256,
                "label": labels[index],
                "label_version": rows[index].label_version,
                "split": drawn.draw.splits[index],
                "fold": folds[index] if folds[index] >= 0 else None,
            }
            for index in range(start, min(start + _CHUNK, len(rows)))
        ]
        session.connection().execute(insert, values)


def again(session: Session, run: Run, *, actor: str) -> Run:
    """Train with the recipe and the seed of ``run`` on the labels as they are now.

    Images keep the place that they had, so that both runs can be compared; see ``kept_places``.

    Raises:
        Invalid: as ``create``.
    """
    project = session.get_one(Project, run.project_id)
    how = replace(how_of(session, run), like=run.id)
    return create(session, project, renamed.recipe_of(session, run), name=run.name, actor=actor, how=how)


def how_of(session: Session, run: Run) -> How:
    """How ``run`` was to be carried out, for one that is made like it."""
    job = session.get_one(Job, run.job_id)
    return How(job.needs, Spread(job.spec.get("spread", Spread.AUTO)))


def create_matrix(
    session: Session,
    project: Project,
    recipes: Sequence[tuple[str, Recipe]],
    *,
    actor: str,
    name: str = "",
    how: How = ANYHOW,
) -> tuple[Job, list[Run]]:
    """Queue a training for each (name, recipe), together as the children of one job; all are made, or none.

    The group is shown by its own ``name`` and ends when all of them have; it can be cancelled and tried again as one.

    Raises:
        Invalid: as ``create``; ``matrix_size``; ``matrix_items``.
    """
    if not 1 <= len(recipes) <= MOST_RUNS:
        raise Invalid("matrix_size", count=len(recipes), most=MOST_RUNS)
    projects.lock(session, project.id)
    images = sum(row.total for row in splits.table(session, project.id).used) * len(recipes)
    if images > MOST_ITEMS:
        raise Invalid("matrix_items", count=len(recipes), images=images, most=MOST_ITEMS)
    jobs.refuse_full(session, project.id, len(recipes))
    group = jobs.create(
        session,
        project_id=project.id,
        kind=JobKind.GROUP,
        lane=Lane.GPU,
        spec={"runs": len(recipes), "name": name.strip()[:200], REQUEST: how.request},
        priority=how.priority,
        needs=how.needs,
        state=JobState.WAITING,
    )
    how = replace(how, group_id=group.id, request="")
    return group, [create(session, project, recipe, name=name, actor=actor, how=how) for name, recipe in recipes]


def asked_for(session: Session, project_id: int, request: str) -> Job | None:
    """The job of the run, matrix or search that ``request`` made, None when there is none yet.

    The project stays locked until the commit, so that whoever asks the same at the same time waits and then finds it.
    """
    projects.lock(session, project_id)
    query = sa.select(Job).where(Job.project_id == project_id, Job.kind.in_(_ASKED))
    return session.scalar(query.where(Job.spec[REQUEST].as_string() == request).limit(1))


def by_number(session: Session, project_id: int, number: int) -> Run:
    """A run with its job, classes and folds.

    Raises:
        NotFound: the project has no run of this number.
    """
    query = sa.select(Run).where(Run.project_id == project_id, Run.number == number)
    options = (joinedload(Run.job), joinedload(Run.version), selectinload(Run.classes), selectinload(Run.folds))
    run = session.scalar(query.options(*options))
    if run is None:
        raise NotFound("run_missing", number=number)
    return run


def listed(session: Session, project_id: int, group_id: int | None = None) -> list[Run]:
    """All runs of a project, or of one matrix, with their jobs, newest first."""
    query = sa.select(Run).where(Run.project_id == project_id).order_by(Run.number.desc())
    if group_id is not None:
        query = query.where(Run.job.has(Job.parent_id == group_id))
    return list(session.scalars(query.options(joinedload(Run.job))))

"""What the models of a run say of one picture that somebody tries: ordered, answered, and forgotten after a day."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models import Image
from app.db.run_models import Explanation, Job, Run, RunFold
from app.db.session import after_commit
from app.domain.calibration import softened
from app.domain.enums import FINAL_STATES, JobKind, JobState, Lane
from app.domain.errors import Invalid, NotFound
from app.domain.explaining import OF_PIXELS, PIXELS, Method, method_of, suited
from app.domain.views import NONE
from app.services import heatmaps, jobs
from app.services.review import MEAN
from app.storage import Store

PICTURE = "picture"  # key of the specification of a job: the hash of the picture
MOST_MAPS = 10  # classes with a heat map: the most probable ones
KEPT = timedelta(days=1)
FORGOTTEN_AT_ONCE = 50


@dataclass(frozen=True)
class Picture:
    """A picture that somebody tries; ``image_id`` is None for one that does not belong to the project."""

    digest: str
    name: str
    width: int
    height: int
    image_id: int | None = None


@dataclass(frozen=True)
class Answer:
    """One question and, once ``state`` is done, its answer.

    Attributes:
        models: probabilities, for each model a list over the classes of the run.
        mean: the mean over the models, each softened by the temperature that is kept with the run: it was fitted to
            answers of single models.
        peaks: position of a class -> the largest value of its heat map; only classes that have one.
        method: how the maps were made.
        views: what the models were asked with, one of ``views.KINDS``; each of ``models`` is a mean over them.
        seconds: of the computation alone.
    """

    job_id: int
    state: JobState
    error_code: str | None
    error_params: dict[str, Any]
    picture: Picture
    models: Sequence[Sequence[float]]
    mean: Sequence[float]
    layer: str
    peaks: dict[int, float]
    seconds: float
    method: Method = Method.GRAD_CAM
    position: int | None = None  # the class that was asked for
    views: str = NONE

    @property
    def done(self) -> bool:
        """True when there is an answer."""
        return self.state is JobState.DONE

    @property
    def finished(self) -> bool:
        """True when nothing more will come."""
        return self.state in FINAL_STATES


def keep(store: Store, canonical: bytes) -> str:
    """Put a picture that somebody tries into the store, and return its hash.

    A mark behind the picture, which every decoder ignores, gives it a hash that no image has: it can be removed later
    without a look at anything else.
    """
    return store.put(canonical + b"\ntried " + secrets.token_hex(16).encode("ascii"))


def of_image(session: Session, project_id: int, image_id: int) -> Picture:
    """An image of the project as the picture to try.

    Raises:
        NotFound: the project has no such image.
    """
    image = session.scalar(sa.select(Image).where(Image.project_id == project_id, Image.id == image_id))
    if image is None:
        raise NotFound("image_missing", image=image_id)
    return Picture(image.canonical_sha256, image.name, image.width, image.height, image.id)


@dataclass(frozen=True)
class How:
    """How the heat maps are made: the layer (None: the usual one), the way, and a class that must have one.

    ``views``: with which views of the picture the models are asked.
    """

    layer: str | None = None
    method: Method = Method.GRAD_CAM
    position: int | None = None
    views: str = NONE


def check(session: Session, run: Run, layer: str | None) -> None:
    """Refuse what cannot be answered.

    Raises:
        NotFound: the run has no trained model.
        Invalid: its network has no such layer.
    """
    if not has_models(session, run):
        raise NotFound("weights_missing", run=run.number)
    known = heatmaps.layers(session, run)
    if layer is not None and known and layer not in known:
        raise Invalid("layer_missing", layer=layer[:60], known=", ".join(known))


def has_models(session: Session, run: Run) -> bool:
    """True when at least one model of the run has been trained."""
    found = sa.exists().where(RunFold.run_id == run.id, RunFold.weights_sha256.is_not(None))
    return session.scalar(sa.select(found)) is True


def order(session: Session, run: Run, picture: Picture, how: How) -> Job:
    """Queue the question.

    Raises:
        NotFound, Invalid: as ``check``.
    """
    check(session, run, how.layer)
    spec = {
        "run_id": run.id,
        PICTURE: picture.digest,
        "layer": how.layer or heatmaps.usual_layer(session, run),
        "method": suited(heatmaps.layers(session, run), how.method),
        "position": how.position,
        "views": how.views,
        "name": picture.name,
        "width": picture.width,
        "height": picture.height,
        "image_id": picture.image_id,
    }
    return jobs.create(session, project_id=run.project_id, kind=JobKind.PREDICT, lane=Lane.INTERACTIVE, spec=spec)


def prepare(session: Session, run: Run) -> Job:
    """Queue the loading of the run's models, so that the first question is answered as quickly as the second.

    Raises:
        NotFound: the run has no trained model.
    """
    check(session, run, None)
    spec = {"run_id": run.id}
    return jobs.create(session, project_id=run.project_id, kind=JobKind.PREDICT, lane=Lane.INTERACTIVE, spec=spec)


def answer(session: Session, run: Run, job_id: int) -> Answer:
    """The question ``job_id`` about this run and how it fares.

    Raises:
        NotFound: there is no such question (any more).
    """
    job = _job(session, run, job_id)
    spec, result = job.spec, job.result
    models = result.get("probabilities", [])
    return Answer(
        job_id=job.id,
        state=JobState(job.state),
        error_code=job.error_code,
        error_params=dict(job.error_params),
        picture=Picture(spec[PICTURE], spec["name"], spec["width"], spec["height"], spec["image_id"]),
        models=models,
        mean=_mean(models, run.temperature),
        layer=str(spec["layer"] or result.get("layer", "")),
        method=method_of(spec.get("method")),
        position=spec.get("position"),
        views=spec.get("views", NONE),
        peaks={int(one["position"]): float(one["peak"]) for one in result.get("maps", [])},
        seconds=float(result.get("seconds", 0.0)),
    )


def _mean(models: Sequence[Sequence[float]], temperature: float | None) -> list[float]:
    if not models:
        return []
    each = np.array(models)
    mean: list[float] = (each if temperature is None else softened(each, temperature)).mean(axis=0).tolist()
    return mean


def heat_map(session: Session, run: Run, job_id: int, position: int) -> tuple[bytes, float]:
    """A heat map of an answer as a grey PNG, and its largest value.

    Raises:
        NotFound: there is no such question, or its answer has no map of this class.
    """
    for one in _job(session, run, job_id).result.get("maps", []):
        if one["position"] == position:
            return base64.b64decode(one["png"]), float(one["peak"])
    raise NotFound("heat_map_missing", item=position)


def scale(session: Session, run: Run, layer: str, method: Method = Method.GRAD_CAM) -> float | None:
    """The value of the last colour for all maps of a layer and method of this run; None when it has none such."""
    layer = PIXELS if method in OF_PIXELS else layer
    one_model = session.scalar(sa.select(sa.func.count()).where(RunFold.run_id == run.id)) == 1
    for fold in (0,) if one_model else (MEAN, 0):
        same = (Explanation.fold == fold, Explanation.layer == layer, Explanation.method == method)
        if session.scalar(sa.select(sa.exists().where(Explanation.run_id == run.id, *same))):
            return heatmaps.scale(session, run, fold, layer, method)
    return None


def forget_old(session: Session, store: Store) -> int:
    """Remove questions of the interactive lane that ended more than a day ago, and the pictures only they used."""
    old = session.scalars(
        sa.select(Job)
        .where(Job.lane == Lane.INTERACTIVE, Job.state.in_(sorted(FINAL_STATES)), Job.finished_at < utc_now() - KEPT)
        .order_by(Job.id)
        .limit(FORGOTTEN_AT_ONCE)
    ).all()
    pictures = [job.spec[PICTURE] for job in old if PICTURE in job.spec and job.spec["image_id"] is None]
    if old:
        session.execute(sa.delete(Job).where(Job.id.in_([job.id for job in old])))
    for digest in set(pictures) - kept_pictures(session):  # a question may have been asked again later
        after_commit(session, lambda digest=digest: store.delete(digest))  # type: ignore[misc]
    return len(old)


def kept_pictures(session: Session) -> set[str]:
    """The hashes of all pictures that questions of this day use."""
    specs = session.scalars(sa.select(Job.spec).where(Job.kind == JobKind.PREDICT))
    return {spec[PICTURE] for spec in specs if PICTURE in spec}


def newest_run(session: Session, project_id: int | None = None) -> Run | None:
    """The newest run, of one project or of all, that was trained to its end."""
    query = _finished() if project_id is None else _finished().where(Run.project_id == project_id)
    return session.scalar(query.limit(1))


def finished_runs(session: Session, project_id: int) -> list[Run]:
    """The runs of a project that were trained to their end, the newest first."""
    return list(session.scalars(_finished().where(Run.project_id == project_id)))


def finished_run(session: Session, project_id: int, number: int | None) -> Run | None:
    """The run of that number if it was trained to its end; the newest such run for None or any other number."""
    asked = _finished().where(Run.project_id == project_id, Run.number == number)
    found = session.scalar(asked) if number is not None else None
    return found or newest_run(session, project_id)


def _finished() -> sa.Select[Run]:
    trained = sa.exists().where(RunFold.run_id == Run.id, RunFold.weights_sha256.is_not(None))
    query = sa.select(Run).join(Job, Job.id == Run.job_id).where(Job.state == JobState.DONE, trained)
    return query.order_by(Run.id.desc())


def _job(session: Session, run: Run, job_id: int) -> Job:
    job = session.get(Job, job_id)
    if job is None or job.kind != JobKind.PREDICT or job.spec.get("run_id") != run.id or PICTURE not in job.spec:
        raise NotFound("prediction_missing", job=job_id)
    return job

"""Tables of the training side: jobs, workers, runs and everything a run leaves behind."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base, utc_now
from app.db.version_models import DataVersion


class Job(Base):
    """One piece of work for a worker. This row is the truth; a Celery message only says "look at job N".

    ``lease_until`` and ``sent_at`` are seconds by the clock of the database (``db_now``): hosts need no common time.
    ``attempt`` is the fencing number: every write of a runner names the attempt it belongs to.
    """

    __tablename__ = "job"
    __table_args__ = (sa.Index("ix_job_state_id", "state", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"), index=True)
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("job.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(12))
    lane: Mapped[str] = mapped_column(sa.String(12))
    spec: Mapped[dict[str, Any]] = mapped_column(default=dict)  # ids and small values only
    priority: Mapped[int] = mapped_column(default=0)  # the greater goes first
    needs: Mapped[str] = mapped_column(sa.String(120), default="")  # "", "gpu" or "worker:<host>"
    state: Mapped[str] = mapped_column(sa.String(12), default="queued")
    attempt: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=3)
    owner: Mapped[str | None] = mapped_column(sa.String(120))
    lease_until: Mapped[float | None]
    sent_at: Mapped[float | None]
    keep_best: Mapped[bool] = mapped_column(
        default=False
    )  # with "cancelling": end now, but keep the best weights so far
    progress: Mapped[dict[str, Any]] = mapped_column(
        default=dict
    )  # {"done", "total", "fold", "epoch", "step", "eta", ...}
    result: Mapped[dict[str, Any]] = mapped_column(
        default=dict
    )  # a small answer, such as the probabilities of a picture
    error_code: Mapped[str | None] = mapped_column(sa.String(40))
    error_params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    error_trace: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Worker(Base):
    """A worker process that said it is alive."""

    __tablename__ = "worker"

    name: Mapped[str] = mapped_column(sa.String(120), primary_key=True)  # host:pid
    heartbeat: Mapped[float]  # seconds by the database's clock
    info: Mapped[dict[str, Any]] = mapped_column(default=dict)  # CPUs, devices, versions, slots
    started_at: Mapped[datetime] = mapped_column(default=utc_now)


class Run(Base):
    """One training: a hold-out or a K-fold job with its frozen recipe, classes and images."""

    __tablename__ = "run"
    __table_args__ = (sa.UniqueConstraint("project_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"))
    number: Mapped[int]
    name: Mapped[str] = mapped_column(sa.String(200), default="")
    kind: Mapped[str] = mapped_column(sa.String(10))
    recipe: Mapped[dict[str, Any]]
    job_id: Mapped[int] = mapped_column(sa.ForeignKey("job.id"), unique=True)
    version_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("data_version.id"), index=True
    )  # the data it was given
    label_watermark: Mapped[int] = mapped_column(default=0)  # newest label event when the labels were frozen
    environment: Mapped[dict[str, Any]] = mapped_column(default=dict)  # library versions, machine, precision
    seconds: Mapped[float | None]
    temperature: Mapped[float | None]  # what the models say of new pictures is scaled by it; None: not at all
    origin: Mapped[dict[str, Any] | None]  # where its weights begin, see app.services.origins; None: anew
    views: Mapped[dict[str, Any] | None]  # what its models say of several views, see worker.views; None: not asked
    note: Mapped[str] = mapped_column(sa.Text, default="")
    actor: Mapped[str] = mapped_column(sa.String(100))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    job: Mapped[Job] = relationship(lazy="raise")
    version: Mapped[DataVersion | None] = relationship(lazy="raise")
    classes: Mapped[list["RunClass"]] = relationship(lazy="raise", order_by="RunClass.position")
    folds: Mapped[list["RunFold"]] = relationship(lazy="raise", order_by="RunFold.fold")


class RunClass(Base):
    """A class as the run saw it. ``position`` is the index of the model's output."""

    __tablename__ = "run_class"

    run_id: Mapped[int] = mapped_column(sa.ForeignKey("run.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    class_id: Mapped[int] = mapped_column(sa.ForeignKey("label_class.id"))
    name: Mapped[str] = mapped_column(sa.String(200))
    color: Mapped[str] = mapped_column(sa.String(7))


class RunItem(Base):
    """One image of a run, frozen: its bytes, the label it had and where the run used it."""

    __tablename__ = "run_item"
    __table_args__ = (
        sa.UniqueConstraint("run_id", "image_id"),
        sa.Index(
            "ix_run_item_tested",
            "run_id",
            sqlite_where=sa.text("split = 'test'"),
            postgresql_where=sa.text("split = 'test'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("run.id"))
    image_id: Mapped[int] = mapped_column(sa.ForeignKey("image.id"), index=True)
    canonical_sha256: Mapped[str] = mapped_column(sa.String(64))
    label: Mapped[int]  # position of the class in run_class
    label_version: Mapped[int]
    split: Mapped[str] = mapped_column(sa.String(10))
    fold: Mapped[int | None]  # K-fold: the fold in which this image is validated


class RunFold(Base):
    """One model of a run: the only one of a hold-out run (fold 0) or one of K."""

    __tablename__ = "run_fold"

    run_id: Mapped[int] = mapped_column(sa.ForeignKey("run.id"), primary_key=True)
    fold: Mapped[int] = mapped_column(primary_key=True)
    train_count: Mapped[int]
    validation_count: Mapped[int]
    best_epoch: Mapped[int | None]  # counted from 1; every later number of this model belongs to this epoch
    stop_reason: Mapped[str] = mapped_column(sa.String(20), default="")  # "epochs", "early", "stopped" or ""
    metrics: Mapped[dict[str, Any]] = mapped_column(
        default=dict
    )  # of the best epoch: loss, accuracy, val_loss, val_accuracy; "kept": both best epochs, see app.services.replays
    weights_sha256: Mapped[str | None] = mapped_column(sa.String(64))  # blob: worker.ml.saving
    seconds: Mapped[float | None]


class Checkpoint(Base):
    """Where the training of one model can go on: its newest saved state. Gone when the model is finished.

    ``blobs``: hashes in the store, {"state": weights, optimiser and random states, ...}; see ``worker.ml.checkpoint``.
    """

    __tablename__ = "checkpoint"

    run_id: Mapped[int] = mapped_column(sa.ForeignKey("run.id"), primary_key=True)
    fold: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[int]  # the last one that is finished, counted from 1
    attempt: Mapped[int]
    blobs: Mapped[dict[str, Any]]
    size: Mapped[int] = mapped_column(sa.BigInteger)  # bytes of all blobs
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class EpochMetric(Base):
    """The numbers of one finished epoch."""

    __tablename__ = "epoch_metric"
    # SQLite would give the ids of deleted rows again, and an open event stream would take them for rows it has seen.
    __table_args__ = (sa.UniqueConstraint("run_id", "fold", "epoch"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)  # the id of the page's event stream
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("run.id"))
    fold: Mapped[int]
    epoch: Mapped[int]  # counted from 1
    attempt: Mapped[int]
    loss: Mapped[float]
    accuracy: Mapped[float]
    val_loss: Mapped[float | None]
    val_accuracy: Mapped[float | None]
    learning_rate: Mapped[float]
    seconds: Mapped[float]
    stage: Mapped[int | None]  # of the training, counted from 1; None: written before it was kept


class Prediction(Base):
    """What one model, or the mean of the K models, says of one image of the run.

    ``fold`` is the model's fold, or -1 for the mean of all. ``probabilities``: little-endian float32, one per class.
    """

    __tablename__ = "prediction"
    __table_args__ = (
        sa.UniqueConstraint("item_id", "fold"),
        sa.Index("ix_prediction_run_id_role", "run_id", "role", "fold", "predicted"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("run.id"))
    item_id: Mapped[int] = mapped_column(sa.ForeignKey("run_item.id"))
    fold: Mapped[int]
    role: Mapped[str] = mapped_column(sa.String(10))
    predicted: Mapped[int]  # position of the class in run_class
    confidence: Mapped[float]  # probability of the predicted class
    probabilities: Mapped[bytes]

    item: Mapped[RunItem] = relationship(lazy="raise")


class AnswerPack(Base):
    """The predictions of one role of a run once more, as one file of arrays: see ``app.services.packs``.

    The rows stay the truth: ``count``, ``newest_id`` and ``said`` (the sum of the classes said) tell whether they are
    still those that were packed.
    """

    __tablename__ = "answer_pack"

    run_id: Mapped[int] = mapped_column(sa.ForeignKey("run.id"), primary_key=True)
    role: Mapped[str] = mapped_column(sa.String(10), primary_key=True)  # PredictionRole or another name of a file
    fold: Mapped[int] = mapped_column(primary_key=True)  # of a role of one model; -1 where all belong together
    attempt: Mapped[int]
    count: Mapped[int]
    newest_id: Mapped[int] = mapped_column(sa.BigInteger)
    said: Mapped[int] = mapped_column(sa.BigInteger)
    sha256: Mapped[str] = mapped_column(sa.String(64))
    size: Mapped[int] = mapped_column(sa.BigInteger)
    made_at: Mapped[datetime] = mapped_column(default=utc_now)


class Judgement(Base):
    """What the models of a finished run say of several views of each picture; see ``app.services.judging``.

    Attributes:
        views: one of ``app.domain.views.SEVERAL``.
        job_id: the job that judges, or did last; another one takes its place, and its result that of the former.
        numbers: how many pictures by how many models, and how long it took; None while there is no result.
        sha256: the file with the answers, of ``size`` bytes.
    """

    __tablename__ = "judgement"

    run_id: Mapped[int] = mapped_column(sa.ForeignKey("run.id"), primary_key=True)
    views: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    job_id: Mapped[int] = mapped_column(sa.ForeignKey("job.id"), index=True)
    actor: Mapped[str] = mapped_column(sa.String(100))
    numbers: Mapped[dict[str, Any] | None]
    sha256: Mapped[str | None] = mapped_column(sa.String(64))
    size: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    judged_at: Mapped[datetime | None]

    job: Mapped[Job] = relationship(lazy="raise")


class Explanation(Base):
    """A heat map: a small grey PNG in the store, blended by the browser."""

    __tablename__ = "explanation"
    __table_args__ = (sa.UniqueConstraint("item_id", "fold", "layer", "class_position", "method"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("run.id"), index=True)
    item_id: Mapped[int] = mapped_column(sa.ForeignKey("run_item.id"))
    fold: Mapped[int]  # the model, or -1 for the mean of the K models' maps
    layer: Mapped[str] = mapped_column(sa.String(60))
    class_position: Mapped[int]
    method: Mapped[str] = mapped_column(sa.String(20), default="grad-cam")
    sha256: Mapped[str] = mapped_column(sa.String(64))
    peak: Mapped[float]  # largest value of the map before it was scaled to 0..255

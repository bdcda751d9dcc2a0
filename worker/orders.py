"""What a child process is told and what it answers: plain frozen values that travel through a pipe.

The child knows neither the database nor Celery. It gets an order, reads pictures from the store, puts weights and heat
maps into the store, and reports. Only its supervisor writes rows.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.config import StoreAddress
from app.domain.enums import PredictionRole
from app.domain.explaining import Method
from app.domain.views import NONE
from worker.altering_orders import Altered, AlterOrder
from worker.files import FileOrder, Views
from worker.judging_orders import JudgeOrder, JudgePiece
from worker.looking_orders import LookOrder
from worker.map_orders import Embedded, EmbedOrder
from worker.order_items import Items, Known
from worker.rate_orders import RateOrder, Swept


@dataclass(frozen=True)
class Plan:
    """One model: the places (in ``Items``) of the images it learns from and of those it is validated on."""

    fold: int
    train: NDArray[np.int64]
    validation: NDArray[np.int64]


@dataclass(frozen=True)
class Checkpointed:
    """The state of a model after a finished epoch (from 1), already in the store: the training can go on from here.

    ``blobs``: hashes by the names of the parts (``worker.ml.checkpoint``); ``size``: bytes of all of them.
    """

    fold: int
    epoch: int
    blobs: dict[str, str]
    size: int


@dataclass(frozen=True)
class Finished:
    """A model that an earlier attempt, or another job of the same run, has trained to its end.

    ``validation`` and ``test`` are the probabilities that were stored, (places of the plan or test set, classes).
    """

    fold: int
    weights_sha256: str
    seconds: float
    validation: NDArray[np.float32]
    test: NDArray[np.float32]


@dataclass(frozen=True)
class TrainOrder:
    """Train all models of a run, evaluate and explain them. ``test`` holds the places of the pinned test set.

    Attributes:
        scratch: folder for what does not fit into memory; ``weights``: that with files of weights.
        plans: all models of the run, whether they are trained here or not.
        only: the folds to train here; the rest, and everything that needs all models, is left to other jobs. None:
            train what is not finished, then sum up: mean of the models on the test set, and heat maps.
        resume, finished: for each fold the checkpoint to go on from, the model that need not be trained again.
        features: that others have left, by what may decide them (``backbones.methods``).
        start: the saved model with whose weights the training begins; "" for new ones.
        start_classes: ``class_names`` where that model has the same classes, whatever they were called then; or empty.
        closing: train nothing more; judge what is saved of unfinished models, and sum up.
        precision: of an earlier attempt or another fold; "" leaves it to the recipe.
    """

    storage: StoreAddress
    scratch: str
    recipe: dict[str, Any]
    class_names: tuple[str, ...]
    items: Items
    plans: tuple[Plan, ...]
    test: NDArray[np.int64]
    only: tuple[int, ...] | None = None
    resume: dict[int, Checkpointed] = field(default_factory=dict)
    finished: dict[int, Finished] = field(default_factory=dict)
    precision: str = ""
    closing: bool = False
    features: Known = field(default_factory=dict, repr=False)
    weights: str = ""
    start: str = ""
    start_classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExplainOrder:
    """Heat maps of items, each of one class: the mean over the models. ``layer`` is None for the last convolution."""

    storage: StoreAddress
    recipe: dict[str, Any]
    items: Items
    class_positions: tuple[int, ...]
    weights: tuple[str, ...]  # hashes of the saved models
    fold: int
    layer: str | None
    method: str = Method.GRAD_CAM


@dataclass(frozen=True)
class PredictOrder:
    """Ask the models of a run about one picture; the answer is ``Predicted``.

    ``layer`` is None for the last convolution. Heat maps are the mean over the models, of the ``most_maps`` classes
    that are most probable in the mean, and of the class at ``position``. Each model is asked with the ``views`` of the
    picture (``app.domain.views``) and says their mean; the maps are those of the picture as it is.
    """

    storage: StoreAddress
    recipe: dict[str, Any]
    picture: str  # hash of the picture, one of our own copies
    weights: tuple[str, ...]  # hashes of the saved models
    layer: str | None
    most_maps: int
    method: str = Method.GRAD_CAM
    position: int | None = None
    views: str = NONE


@dataclass(frozen=True)
class PrepareOrder:
    """Make models ready, so that the first question about them is answered as quickly as the second."""

    storage: StoreAddress
    recipe: dict[str, Any]
    weights: tuple[str, ...]


@dataclass(frozen=True)
class FeatureOrder:
    """Compute the features of pictures by the network that is always there; the answer is many ``FeatureBlock``."""

    storage: StoreAddress
    recipe: dict[str, Any]  # how pictures are brought to size
    digests: tuple[str, ...]


@dataclass(frozen=True)
class AskOrder:
    """Ask the models of a run about many pictures; the answer is many ``Said``, the mean over the models."""

    storage: StoreAddress
    recipe: dict[str, Any]
    weights: tuple[str, ...]
    ids: NDArray[np.int64]
    digests: tuple[str, ...]


Order = (  # for a process of its own
    TrainOrder | RateOrder | ExplainOrder | FeatureOrder | AskOrder | AlterOrder | EmbedOrder | JudgeOrder
)
Question = PredictOrder | ExplainOrder | PrepareOrder | FileOrder | LookOrder  # for the process that stays


@dataclass(frozen=True)
class Progress:
    """How far the job is; shown as it is. ``phase`` is "load", "train", "evaluate", "explain", "features", …."""

    phase: str
    done: int
    total: int
    more: dict[str, int | float] = field(default_factory=dict)  # fold, folds, epoch, epochs


@dataclass(frozen=True)
class Epoch:
    """One finished epoch, counted from 1."""

    fold: int
    epoch: int
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float
    seconds: float
    stage: int = 1


@dataclass(frozen=True)
class Restarted:
    """A checkpoint, or a finished model, could not be used: this fold begins again from its first epoch."""

    fold: int
    reason: str


@dataclass(frozen=True)
class FoldEnd:
    """One finished model; its weights are already in the store, and its predictions have been sent before."""

    fold: int
    best_epoch: int
    stop_reason: str
    metrics: dict[str, Any]  # as of ``RunFold``
    weights_sha256: str
    seconds: float


@dataclass(frozen=True)
class Predictions:
    """What the model of ``fold`` (-1: the mean of all) says of items; probabilities have the shape (items, classes)."""

    fold: int
    role: PredictionRole
    item_ids: NDArray[np.int64]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class HeatMap:
    """One map that is already in the store. ``peak`` is its largest value before it was scaled to 0..255."""

    item_id: int
    fold: int
    layer: str
    class_position: int
    sha256: str
    peak: float
    method: str = Method.GRAD_CAM


@dataclass(frozen=True)
class HeatMaps:
    """Several maps, written in one transaction."""

    maps: tuple[HeatMap, ...]


@dataclass(frozen=True)
class FeatureBlock:
    """The features of some pictures, in the store already, in the order of ``digests``; "": the usual method."""

    digests: tuple[str, ...]
    sha256: str
    method: str = ""


@dataclass(frozen=True)
class Said:
    """What a run says of some pictures: probabilities (n, classes), and how far its models disagree (n,)."""

    ids: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    spread: NDArray[np.float32]


@dataclass(frozen=True)
class Predicted:
    """What the models say of one picture, as plain values for the column ``job.result``.

    ``probabilities``: one list for each model. ``maps``: [{"position", "png": base64 of a grey PNG, "peak"}, …] of
    ``layer``, made by ``method``. ``seconds``: of the computation.
    """

    probabilities: list[list[float]]
    layer: str
    maps: list[dict[str, Any]]
    seconds: float
    method: str = Method.GRAD_CAM


@dataclass(frozen=True)
class Environment:
    """Library versions and devices, as the child found them."""

    values: dict[str, Any]


@dataclass(frozen=True)
class Done:
    """The last word of a child that did everything it was told."""

    seconds: float


@dataclass(frozen=True)
class Failed:
    """The last word of a child that could not."""

    code: str
    params: dict[str, Any]
    trace: str | None = None


Message = (
    Progress | Epoch | Checkpointed | Restarted | FoldEnd | Predictions | HeatMaps | Environment | FeatureBlock
    | Said | Swept | Altered | Embedded | Views | JudgePiece | Done | Failed
)  # fmt: skip

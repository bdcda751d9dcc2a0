"""Answers about single pictures, from models that are kept: one process with TensorFlow, many questions."""

import base64
import time
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.domain.errors import Invalid
from app.domain.explaining import ONE_CLASS, Method
from app.domain.recipe import Recipe
from app.domain.views import VIEWS
from app.storage import Store, open_store
from worker import heat_maps, views
from worker.files import Filed, FileOrder
from worker.looking_orders import LayerLook, LookOrder
from worker.ml import data, device, explain, keras_file, looking, models, saving
from worker.ml.device import FLOAT32
from worker.ml.network import Network
from worker.ml.ready import ReadyModel, ReadyNetwork, Shape, shape_of
from worker.orders import ExplainOrder, HeatMap, HeatMaps, Predicted, PredictOrder, PrepareOrder

MOST_NETWORKS = 4
_TRIAL = Recipe(architecture="conv2", image_size=16, precision=FLOAT32)


class Answering:
    """Models by the hash of their weights and networks by their shape, those used last.

    Args:
        most_bytes: of kept weights; the models of the present question are always kept.
    """

    def __init__(self, most_bytes: int) -> None:
        device.prepare()
        self._most_bytes = most_bytes
        self._models: OrderedDict[str, ReadyModel] = OrderedDict()
        self._networks: OrderedDict[Shape, ReadyNetwork] = OrderedDict()

    def warm_up(self) -> None:
        """Run everything once with a tiny network: the first operations of TensorFlow take half a second."""
        net = Network(_TRIAL, 2, FLOAT32)
        saved = saving.SavedModel(_TRIAL, ("a", "b"), net.weights(), None, FLOAT32, 1, {}, {})
        _try(ReadyNetwork(ReadyModel(saved)), ReadyModel(saved))

    def forget(self) -> None:
        """Let all models go."""
        self._models.clear()
        self._networks.clear()

    def prepare(self, order: PrepareOrder) -> None:
        """Load and trace what questions about these models need."""
        self._load(open_store(order.storage), order.weights)

    def predict(self, order: PredictOrder) -> Predicted:
        """What the models say of a picture.

        Raises:
            Invalid: ``layer_missing``.
            AppError: the picture or the weights are missing in the store, or the weights are broken.
        """
        started = time.perf_counter()
        store = open_store(order.storage)
        pictures = data.square(store.get(order.picture), Recipe.from_json(order.recipe))[None]
        network, loaded = self._load(store, order.weights)
        said = [self._said(model, pictures, order.views)[0] for model in loaded]
        method = Method(order.method)
        layer = _layer(network, loaded[0], order.layer, method)
        wanted = _wanted(order, np.mean(said, axis=0))
        maps = _mean_maps(network, loaded, pictures, (layer, method), wanted)[0]
        made = [_map(position, maps[index]) for index, position in enumerate(wanted)]
        return Predicted([one.tolist() for one in said], layer, made, time.perf_counter() - started, method)

    def explain(self, order: ExplainOrder) -> HeatMaps:
        """Heat maps of a few pictures of a run; they are in the store when this returns.

        Raises:
            Invalid: ``layer_missing``.
            AppError: a picture or the weights are missing in the store, or the weights are broken.
        """
        store, recipe = open_store(order.storage), Recipe.from_json(order.recipe)
        pictures = np.stack([data.square(store.get(digest), recipe) for digest in order.items.digests])
        network, loaded = self._load(store, order.weights)
        method = Method(order.method)
        layer = _layer(network, loaded[0], order.layer, method)
        made = []
        with store.batch() as batch:
            for index, item_id in enumerate(order.items.ids.tolist()):
                position = order.class_positions[index]
                maps = _mean_maps(network, loaded, pictures[index : index + 1], (layer, method), [position])
                content, peak = heat_maps.grey_png(maps[0, 0])
                made.append(HeatMap(item_id, order.fold, layer, position, batch.put(content), peak, method))
        return HeatMaps(tuple(made))

    def file(self, order: FileOrder) -> Filed:
        """A file of a model that Keras alone can read; it is in the store when this returns.

        Raises:
            AppError: the weights are missing in the store, or broken.
        """
        store = open_store(order.storage)
        content = keras_file.pack(saving.load(store.get(order.weights)), order.about)
        return Filed(store.put(content), len(content))

    def look(self, order: LookOrder) -> LayerLook:
        """What the channels of a layer say of a picture, and its filters.

        Raises:
            Invalid: ``layer_missing``.
            AppError: the picture or the weights are missing in the store, or the weights are broken.
        """
        store = open_store(order.storage)
        picture = data.square(store.get(order.picture), Recipe.from_json(order.recipe))[None]
        network, (model, *_) = self._load(store, [order.weights])
        layer = _layer(network, model, order.layer, Method.GRAD_CAM)
        activation, kernel = network.seen(model, picture, layer)
        channels = looking.strongest(activation)
        shown = looking.filters(kernel, channels) if kernel is not None else ""
        return LayerLook(
            layer=layer,
            shape=list(activation.shape),
            channels=channels.tolist(),
            highest=activation[..., channels].max(axis=(0, 1)).tolist(),
            maps=looking.maps(activation, channels),
            filters=shown,
            kernel=list(kernel.shape[:3]) if kernel is not None else [],
        )

    def _load(self, store: Store, digests: Sequence[str]) -> tuple[ReadyNetwork, list[ReadyModel]]:
        for digest in digests:
            if digest not in self._models:
                self._models[digest] = ReadyModel(saving.load(store.get(digest)))
            self._models.move_to_end(digest)
        while len(self._models) > len(digests) and sum(kept.size for kept in self._models.values()) > self._most_bytes:
            self._models.popitem(last=False)
        loaded = [self._models[digest] for digest in digests]
        return self._network(loaded[0]), loaded

    def _said(self, model: ReadyModel, pictures: data.Pictures, kind: str) -> views.Probabilities:
        """What a model says of some pictures, (n, classes): the mean over the views of ``kind``."""
        ask = partial(self._network(model).probabilities, model)
        return views.mean(views.each(ask, pictures, VIEWS[kind]))

    def _network(self, model: ReadyModel) -> ReadyNetwork:
        shape = shape_of(model.saved)
        if shape not in self._networks:
            self._networks[shape] = ReadyNetwork(model)
            _try(self._networks[shape], model)
        self._networks.move_to_end(shape)
        while len(self._networks) > MOST_NETWORKS:
            self._networks.popitem(last=False)
        return self._networks[shape]


def _try(network: ReadyNetwork, model: ReadyModel) -> None:
    """Trace and run both functions, for the numbers of pictures and classes that will be asked."""
    size, classes = model.saved.recipe.image_size, range(len(model.saved.class_names))
    picture = np.zeros((1, size, size, 3), np.uint8)
    network.probabilities(model, picture)
    network.maps(model, picture, None, classes[:1], network.usual)


def _layer(network: ReadyNetwork, model: ReadyModel, wanted: str | None, method: Method) -> str:
    try:
        return network.layer(wanted, method)
    except KeyError:
        known = ", ".join(explain.conv_layers(models.build(model.saved.recipe, len(model.saved.class_names))))
        raise Invalid("layer_missing", layer=str(wanted), known=known) from None


def _wanted(order: PredictOrder, mean: NDArray[np.float32]) -> list[int]:
    """The classes whose maps are made: the most probable ones and the one that is asked for."""
    asked = [] if order.position is None or order.position >= len(mean) else [order.position]
    if order.method in ONE_CLASS:
        return asked or [int(mean.argmax())]
    top: list[int] = np.argsort(-mean, kind="stable")[: order.most_maps].tolist()
    return [*top, *(position for position in asked if position not in top)]


def _mean_maps(
    network: ReadyNetwork,
    loaded: Sequence[ReadyModel],
    pictures: data.Pictures,
    how: tuple[str, Method],
    classes: Sequence[int],
) -> explain.Maps:
    layer, method = how
    maps: explain.Maps = np.mean(
        [network.maps(model, pictures, layer, classes, method) for model in loaded], axis=0, dtype=np.float32
    )
    return maps


def _map(position: int, values: NDArray[np.float32]) -> dict[str, object]:
    content, peak = heat_maps.grey_png(values)
    return {"position": position, "png": base64.b64encode(content).decode("ascii"), "peak": peak}

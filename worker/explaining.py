"""Heat maps on demand, from saved weights."""

from collections.abc import Callable

from app.domain.errors import Invalid
from app.domain.explaining import Method
from app.domain.recipe import Recipe
from app.storage import open_store
from worker import heat_maps
from worker.ml import data, device, explain, saving
from worker.orders import ExplainOrder, Message, Progress


def run(order: ExplainOrder, send: Callable[[Message], None]) -> None:
    """Make the maps of an order.

    Raises:
        Invalid: ``layer_missing``.
        AppError: a picture or the weights are missing in the store, or the weights are broken.
    """
    device.prepare()
    store = open_store(order.storage)
    items = order.items
    pictures = data.load(len(items.ids), lambda index: store.get(items.digests[index]), Recipe.from_json(order.recipe))
    models = [saving.load(store.get(digest)) for digest in order.weights]
    try:
        explainers = explain.turns(models, order.layer, Method(order.method))
    except KeyError:
        known = ", ".join(explain.conv_layers(models[0]))
        raise Invalid("layer_missing", layer=str(order.layer), known=known) from None
    many = heat_maps.at_once(Method(order.method))
    for start in range(0, len(items.ids), many):
        send(Progress("explain", start, len(items.ids)))
        part = slice(start, start + many)
        classes = [(position,) for position in order.class_positions[part]]
        send(heat_maps.make(explainers, pictures[part], items.ids[part], classes, order.fold, store))

"""The JSON of a Keras model, ``model.to_json()``, read as a list of layers for ``own_network``.

It is only ever read as JSON: no class is looked up and nothing in it is executed. A chain of known layers is taken, and
every value that these layers do not have here is refused by name (``keras_layers``), so that what is trained is what
was written.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from app.domain import keras_layers
from app.domain.errors import Invalid
from app.domain.keras_layers import LEARNING, SAME

MOST_TEXT = 24_000
CODE = ("Lambda", "TFOpLambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")


def as_list(text: str) -> str:
    """The layers of a Keras model as the JSON list of ``own_network``, without its outputs, which are added there.

    Raises:
        Invalid: ``keras_long``, ``keras_unreadable`` (line, column), ``keras_no_model``, ``keras_code``,
            ``keras_layer``, ``keras_value``, ``keras_held`` or ``keras_chain``.
    """
    if len(text) > MOST_TEXT:
        raise Invalid("keras_long", count=len(text), most=MOST_TEXT)
    try:
        model = json.loads(text)
        json.dumps(model, ensure_ascii=False).encode()  # half a pair of surrogates is no text
        layers = _chain(model)
        _refuse_held(model["config"].get("trainable", True), layers)
    except json.JSONDecodeError as error:
        raise Invalid("keras_unreadable", line=error.lineno, column=error.colno) from None
    except (ValueError, RecursionError):
        raise Invalid("keras_unreadable", line=1, column=1) from None
    items = [
        item for number, layer in enumerate(_without_outputs(layers), 1) for item in keras_layers.items(number, layer)
    ]
    lines = (json.dumps(item, ensure_ascii=False) for item in items)
    return "[\n  " + ",\n  ".join(lines) + "\n]"


def _chain(model: Any) -> list[dict[str, Any]]:
    """The layers in the order in which a picture goes through them."""
    config = model.get("config") if isinstance(model, dict) else None
    layers = config.get("layers") if isinstance(config, dict) else None
    kind = model.get("class_name") if isinstance(model, dict) else None
    if kind not in ("Sequential", "Functional", "Model") or not isinstance(layers, list):
        raise Invalid("keras_no_model")
    for number, layer in enumerate(layers, 1):
        _check(number, layer)
    return layers if kind == "Sequential" else _followed(layers)


def _check(number: int, layer: Any) -> None:
    if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
        raise Invalid("keras_no_model")
    kind, module = str(layer.get("class_name"))[:40], str(layer.get("module") or "keras.layers")
    own = layer.get("registered_name") not in (None, kind) or not module.startswith("keras")
    if kind in CODE or own:
        raise Invalid("keras_code", number=number, layer=kind)
    if kind not in SAME:
        raise Invalid("keras_layer", number=number, layer=kind, known=", ".join(SAME))


def _followed(layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The layers of a functional model; each must take the output of exactly one other."""
    after: dict[str, dict[str, Any]] = {}
    first = [layer for layer in layers if layer["class_name"] == "InputLayer"]
    for layer in layers:
        before = list(_before(layer.get("inbound_nodes", [])))
        name = _name(layer)
        if layer not in first and (len(before) != 1 or before[0] in after):
            raise Invalid("keras_chain", layer=name[:40])
        if before:
            after[before[0]] = layer
    if len(first) != 1:
        raise Invalid("keras_chain", layer=_name(first[1])[:40] if first else "InputLayer")
    found = [first[0]]
    while (name := _name(found[-1])) in after and len(found) <= len(layers):
        found.append(after[name])
    if len(found) != len(layers):
        raise Invalid("keras_chain", layer=_name(found[-1])[:40])
    return found


def _name(layer: Mapping[str, Any]) -> str:
    return str(layer.get("name") or layer["config"].get("name"))


def _before(nodes: Any) -> Iterator[str]:
    """Names of the layers whose outputs a layer takes, as Keras 3 and Keras 2 write them."""
    if isinstance(nodes, dict):
        history = nodes.get("keras_history")
        if isinstance(history, list) and history:
            yield str(history[0])
        else:
            for value in nodes.values():
                yield from _before(value)
    elif isinstance(nodes, list):
        if len(nodes) == 4 and isinstance(nodes[0], str):
            yield nodes[0]
        else:
            for value in nodes:
                yield from _before(value)


def _refuse_held(all_learn: Any, layers: list[dict[str, Any]]) -> None:
    """All layers learn: held ones would stay as they were drawn by chance, because the JSON has no weights."""
    inner = [layer for layer in layers if layer["class_name"] != "InputLayer"]
    for number, layer in enumerate(inner, 1):
        learns = all_learn is True and layer["config"].get("trainable", True) is True
        if layer["class_name"] in LEARNING and not learns:
            raise Invalid("keras_held", number=number, layer=str(layer["class_name"]))


def _without_outputs(layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the dense layer and the softmax of the outputs: they are added for the classes of the project."""
    rest = [layer for layer in layers if layer["class_name"] != "InputLayer"]
    if rest and (rest[-1]["class_name"] == "Softmax" or _activation(rest[-1], "Activation") == "softmax"):
        rest = rest[:-1]
        if rest and _activation(rest[-1], "Dense") == "linear":
            return rest[:-1]
    elif rest and _activation(rest[-1], "Dense") in ("softmax", "linear"):
        return rest[:-1]
    if rest and "sigmoid" in (_activation(rest[-1], "Dense"), _activation(rest[-1], "Activation")):
        raise keras_layers.refused(len(rest), rest[-1]["class_name"], "activation", "sigmoid", "softmax, linear")
    return rest


def _activation(layer: Mapping[str, Any], kind: str) -> Any:
    return layer["config"].get("activation", "linear") if layer["class_name"] == kind else None

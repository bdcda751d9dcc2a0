"""The JSON of a Keras model, ``model.to_json()``, read as a list of layers for ``own_network``.

It is only ever read as JSON: no class is looked up and nothing in it is executed. A chain of known layers is taken, and
every value that these layers do not have here is refused by name, so that what is trained is what was written.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from app.domain.errors import Invalid

MOST_TEXT = 24_000
CODE = ("Lambda", "TFOpLambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
# Values that change no shape and no answer of a trained network: how it is called, where it begins, how it is averaged.
_FREE = frozenset({
    "name", "trainable", "dtype", "batch_shape", "batch_input_shape", "input_shape", "sparse", "ragged", "optional",
    "seed", "momentum", "renorm_momentum", "synchronized", "kernel_initializer", "bias_initializer", "beta_initializer",
    "gamma_initializer", "moving_mean_initializer", "moving_variance_initializer",
})  # fmt: skip
_LAST = (-1, 3, [3], [-1])
# For each layer the values that are given on, and those that must be as written here.
_SAME: dict[str, dict[str, Sequence[Any]]] = {
    "InputLayer": {},
    "Conv2D": {"strides": ([1, 1], 1), "dilation_rate": ([1, 1], 1), "groups": (1,), "activation": ("linear", "relu")},
    "BatchNormalization": {"axis": _LAST, "epsilon": (0.001,), "center": (True,), "scale": (True,)},
    "ReLU": {"negative_slope": (0,), "threshold": (0,)},
    "Activation": {"activation": ("relu", "linear", "softmax")},
    "MaxPooling2D": {"pool_size": ([2, 2], 2), "strides": ([2, 2], 2), "padding": ("valid",)},
    "GlobalAveragePooling2D": {},
    "Flatten": {},
    "Dropout": {},
    "ZeroPadding2D": {},
    "Dense": {"activation": ("relu",)},
    "Softmax": {"axis": (-1, 1)},
}
_GIVEN = {
    "Conv2D": ("filters", "kernel_size", "padding", "use_bias"),
    "Dropout": ("rate",),
    "ZeroPadding2D": ("padding",),
    "Dense": ("units", "use_bias"),
}
_LEARNING = ("Conv2D", "BatchNormalization", "Dense")  # the others have no weights that could be held
_PLAIN = {"BatchNormalization": "norm", "ReLU": "relu", "MaxPooling2D": "pool", "GlobalAveragePooling2D": "mean"}


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
    items = [item for number, layer in enumerate(_without_outputs(layers), 1) for item in _items(number, layer)]
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
    if kind not in _SAME:
        raise Invalid("keras_layer", number=number, layer=kind, known=", ".join(_SAME))


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
        if layer["class_name"] in _LEARNING and not learns:
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
    return rest


def _activation(layer: Mapping[str, Any], kind: str) -> Any:
    return layer["config"].get("activation", "linear") if layer["class_name"] == kind else None


def _items(number: int, layer: Mapping[str, Any]) -> Iterator[Any]:
    """The items of the list that stand for one layer."""
    kind, config = str(layer["class_name"]), layer["config"]
    _refuse(number, kind, config)
    if kind in _PLAIN:
        yield _PLAIN[kind]
    elif kind == "Flatten":
        yield "flatten"
    elif kind in _MADE:
        yield from _MADE[kind](number, config)
    else:
        raise Invalid("keras_value", number=number, layer=kind, name="axis", value="-1", allowed="–")


def _refuse(number: int, kind: str, config: Mapping[str, Any]) -> None:
    """Every value must be one that has a meaning here."""
    for name, value in config.items():
        allowed = _SAME[kind].get(name)
        if name in _FREE or name in _GIVEN.get(kind, ()) or (allowed is not None and value in allowed):
            continue
        if allowed is None and (value in (None, False) or (name, value) == ("data_format", "channels_last")):
            continue
        if (kind, name, value) == ("MaxPooling2D", "strides", None):
            continue
        shown = "channels_last" if name == "data_format" else ", ".join(map(str, allowed or ("–",)))
        raise Invalid("keras_value", number=number, layer=kind, name=name[:40], value=str(value)[:40], allowed=shown)


def _conv(number: int, config: Mapping[str, Any]) -> Iterator[Any]:
    kernel = config.get("kernel_size")
    if isinstance(kernel, list):
        if len(kernel) != 2 or kernel[0] != kernel[1]:
            raise Invalid("keras_value", number=number, layer="Conv2D", name="kernel_size", value=str(kernel)[:40],
                          allowed="[3, 3]")  # fmt: skip
        kernel = kernel[0]
    yield {
        "layer": "conv", "filters": config.get("filters"), "kernel": kernel,
        "padding": config.get("padding", "valid"), "bias": config.get("use_bias", True),
    }  # fmt: skip
    if config.get("activation") == "relu":
        yield "relu"


def _border(number: int, config: Mapping[str, Any]) -> Iterator[Any]:
    padding = config.get("padding")
    flat = json.dumps(padding).replace("[", "").replace("]", "").split(",")
    try:
        pixels = json.loads(flat[0]) if len({part.strip() for part in flat}) == 1 else None
    except ValueError:  # what is left of an empty list, or of a text
        pixels = None
    if pixels is None:
        raise Invalid("keras_value", number=number, layer="ZeroPadding2D", name="padding", value=str(padding)[:40],
                      allowed="[[1, 1], [1, 1]]")  # fmt: skip
    yield {"layer": "border", "pixels": pixels}


def _dense(number: int, config: Mapping[str, Any]) -> Iterator[Any]:
    if config.get("activation") != "relu" or config.get("use_bias") is False:
        name, allowed = ("activation", "relu") if config.get("activation") != "relu" else ("use_bias", "True")
        value = str(config.get(name))[:40]
        raise Invalid("keras_value", number=number, layer="Dense", name=name, value=value, allowed=allowed)
    yield {"layer": "dense", "units": config.get("units")}


def _dropout(_number: int, config: Mapping[str, Any]) -> Iterator[Any]:
    if config.get("rate"):
        yield {"layer": "dropout", "rate": config["rate"]}


def _plain_activation(number: int, config: Mapping[str, Any]) -> Iterator[Any]:
    if config.get("activation") == "relu":
        yield "relu"
    elif config.get("activation") == "softmax":
        raise Invalid("keras_value", number=number, layer="Activation", name="activation", value="softmax",
                      allowed="relu, linear")  # fmt: skip


_MADE: dict[str, Callable[[int, Mapping[str, Any]], Iterator[Any]]] = {
    "Conv2D": _conv,
    "ZeroPadding2D": _border,
    "Dense": _dense,
    "Dropout": _dropout,
    "Activation": _plain_activation,
}

"""Single layers of Keras as items of the list of ``own_network``: every value has a meaning here, or is refused."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from app.domain.activations import ALIASES, OF_DENSE
from app.domain.errors import Invalid

# Values that change no shape and no answer of a trained network: how it is called, where it begins, how it is averaged.
_FREE = frozenset({
    "name", "trainable", "dtype", "batch_shape", "batch_input_shape", "input_shape", "sparse", "ragged", "optional",
    "seed", "momentum", "renorm_momentum", "synchronized", "kernel_initializer", "bias_initializer", "beta_initializer",
    "gamma_initializer", "moving_mean_initializer", "moving_variance_initializer", "depthwise_initializer",
    "pointwise_initializer",
})  # fmt: skip
_LAST = (-1, 3, [3], [-1])
_ACTIVE = (*OF_DENSE, *ALIASES)
_WINDOW: dict[str, Sequence[Any]] = {"dilation_rate": ([1, 1], 1), "activation": _ACTIVE}
# For each layer the values that must be one of those written here; ``_GIVEN`` are those that are given on.
SAME: dict[str, dict[str, Sequence[Any]]] = {
    "InputLayer": {},
    "Conv2D": {**_WINDOW, "groups": (1,)},
    "DepthwiseConv2D": _WINDOW,
    "SeparableConv2D": {**_WINDOW, "depth_multiplier": (1,)},
    "BatchNormalization": {"axis": _LAST, "epsilon": (0.001,), "center": (True,), "scale": (True,)},
    "LayerNormalization": {"axis": _LAST, "epsilon": (0.001,), "center": (True,), "scale": (True,)},
    "ReLU": {"threshold": (0,), "max_value": (6,)},
    "LeakyReLU": {},
    "ELU": {"alpha": (1,)},
    "Activation": {"activation": (*_ACTIVE, "softmax")},
    "MaxPooling2D": {},
    "AveragePooling2D": {},
    "GlobalAveragePooling2D": {},
    "GlobalMaxPooling2D": {},
    "Flatten": {},
    "Dropout": {},
    "ZeroPadding2D": {},
    "Dense": {"activation": _ACTIVE},
    "Softmax": {"axis": (-1, 1)},
}
_MOVED = ("kernel_size", "strides", "padding", "use_bias")
_GIVEN = {
    "Conv2D": ("filters", *_MOVED),
    "DepthwiseConv2D": ("depth_multiplier", *_MOVED),
    "SeparableConv2D": ("filters", *_MOVED),
    "ReLU": ("negative_slope",),
    "LeakyReLU": ("negative_slope", "alpha"),
    "MaxPooling2D": ("pool_size", "strides", "padding"),
    "AveragePooling2D": ("pool_size", "strides", "padding"),
    "Dropout": ("rate",),
    "ZeroPadding2D": ("padding",),
    "Dense": ("units", "use_bias"),
}
LEARNING = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "BatchNormalization", "LayerNormalization", "Dense")
_PLAIN = {
    "BatchNormalization": "norm",
    "LayerNormalization": "layer_norm",
    "ELU": "elu",
    "GlobalAveragePooling2D": "mean",
    "GlobalMaxPooling2D": "max",
    "Flatten": "flatten",
}


def items(number: int, layer: Mapping[str, Any]) -> Iterator[Any]:
    """The items of the list that stand for one layer, the ``number``-th from 1.

    Raises:
        Invalid: ``keras_value`` with what is allowed.
    """
    kind, config = str(layer["class_name"]), layer["config"]
    _refuse(number, kind, config)
    if kind in _PLAIN:
        yield _PLAIN[kind]
    elif kind in _MADE:
        yield from _MADE[kind](number, kind, config)
    else:
        raise _inner_softmax(number, kind)


def refused(number: int, kind: str, name: str, value: Any, allowed: str) -> Invalid:
    """The sentence about a value that cannot be trained here."""
    return Invalid("keras_value", number=number, layer=kind, name=name[:40], value=str(value)[:40], allowed=allowed)


def _inner_softmax(number: int, kind: str) -> Invalid:
    return refused(number, kind, "activation", "softmax", ", ".join(_ACTIVE))


def _refuse(number: int, kind: str, config: Mapping[str, Any]) -> None:
    """Every value must be one that has a meaning here."""
    for name, value in config.items():
        allowed = SAME[kind].get(name)
        if name in _FREE or name in _GIVEN.get(kind, ()) or (allowed is not None and value in allowed):
            continue
        if allowed is None and (value in (None, False) or (name, value) == ("data_format", "channels_last")):
            continue
        if (kind, name, value) == ("ReLU", "max_value", None):
            continue
        shown = "channels_last" if name == "data_format" else ", ".join(map(str, allowed or (None, False)))
        raise refused(number, kind, name, value, shown)


def _pair(number: int, kind: str, name: str, value: Any) -> Any:
    """A number for two that are the same."""
    if not isinstance(value, list):
        return value
    if len(value) != 2:
        raise refused(number, kind, name, value, "[3, 3]")
    return value[0] if value[0] == value[1] else value


def _single(number: int, kind: str, name: str, value: Any) -> Any:
    """A number, or two that are the same: both ways alike."""
    found = _pair(number, kind, name, value)
    if isinstance(found, list):
        raise refused(number, kind, name, value, "[2, 2]")
    return found


_NAMES = {"Conv2D": "conv", "DepthwiseConv2D": "depthwise", "SeparableConv2D": "separable"}


def _conv(number: int, kind: str, config: Mapping[str, Any]) -> Iterator[Any]:
    own: dict[str, Any] = {"layer": _NAMES[kind]}
    if kind != "DepthwiseConv2D":
        own["filters"] = config.get("filters")
    stride = _single(number, kind, "strides", config.get("strides", 1))
    yield own | {
        "kernel": _pair(number, kind, "kernel_size", config.get("kernel_size")),
        "padding": config.get("padding", "valid"),
        "bias": config.get("use_bias", True),
        **({} if stride == 1 else {"stride": stride}),
        **({"multiplier": config["depth_multiplier"]} if "filters" not in own and "depth_multiplier" in config else {}),
    }
    yield from _activation(config.get("activation", "linear"))


def _activation(name: str) -> Iterator[Any]:
    if name != "linear":
        yield ALIASES.get(name, name)


def _named(number: int, kind: str, config: Mapping[str, Any]) -> Iterator[Any]:
    if config.get("activation") == "softmax":
        raise _inner_softmax(number, kind)
    yield from _activation(config.get("activation", "linear"))


def _relu(number: int, kind: str, config: Mapping[str, Any]) -> Iterator[Any]:
    slope, most = config.get("negative_slope") or 0, config.get("max_value")
    if slope and most is not None:
        raise refused(number, kind, "max_value", most, "None")
    if slope:
        yield {"layer": "leaky_relu", "slope": slope}
    else:
        yield "relu" if most is None else "relu6"


def _leaky(_number: int, _kind: str, config: Mapping[str, Any]) -> Iterator[Any]:
    yield {"layer": "leaky_relu", "slope": config.get("negative_slope", config.get("alpha", 0.3))}


def _pool(number: int, kind: str, config: Mapping[str, Any]) -> Iterator[Any]:
    size = _single(number, kind, "pool_size", config.get("pool_size", 2))
    stride = config.get("strides")
    stride = size if stride is None else _single(number, kind, "strides", stride)
    name, padding = ("pool" if kind == "MaxPooling2D" else "average_pool"), config.get("padding", "valid")
    if (size, stride, padding) == (2, 2, "valid"):
        yield name
    else:
        yield {"layer": name, "size": size, "stride": stride, "padding": padding}


def _border(number: int, kind: str, config: Mapping[str, Any]) -> Iterator[Any]:
    padding = config.get("padding")
    sides = [_pair(number, kind, "padding", side) for side in padding] if isinstance(padding, list) else [padding]
    if not sides or sides[0] is None or any(side != sides[0] or isinstance(side, list | str) for side in sides):
        raise refused(number, kind, "padding", padding, "[[1, 1], [1, 1]]")
    yield {"layer": "border", "pixels": sides[0]}


def _dense(_number: int, _kind: str, config: Mapping[str, Any]) -> Iterator[Any]:
    activation = config.get("activation", "linear")
    own: dict[str, Any] = {"layer": "dense", "units": config.get("units")}
    if activation != "relu":
        own["activation"] = ALIASES.get(activation, activation)
    if config.get("use_bias") is False:
        own["bias"] = False
    yield own


def _dropout(_number: int, _kind: str, config: Mapping[str, Any]) -> Iterator[Any]:
    if config.get("rate"):
        yield {"layer": "dropout", "rate": config["rate"]}


_MADE: dict[str, Callable[[int, str, Mapping[str, Any]], Iterator[Any]]] = {
    **dict.fromkeys(_NAMES, _conv),
    "ReLU": _relu,
    "LeakyReLU": _leaky,
    "MaxPooling2D": _pool,
    "AveragePooling2D": _pool,
    "ZeroPadding2D": _border,
    "Dense": _dense,
    "Dropout": _dropout,
    "Activation": _named,
}

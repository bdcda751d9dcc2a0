"""The layers that a network may be written with, and what each of them needs and may have.

``own_network`` reads lists of them, and ``keras_layers`` makes them out of the layers of Keras. The names of the values
are those of the methods of ``sketch.Sketch`` and of ``worker.ml.blocks.Chain``.
"""

from dataclasses import dataclass
from typing import Any

from app.domain.activations import ACTIVATIONS, LEAK, OF_DENSE
from app.domain.fields import Field

PADDINGS = ("same", "valid")


@dataclass(frozen=True)
class Value:
    """One value of a layer.

    Attributes:
        default: where it is not given; None: it must be.
        like: the value of the same layer that stands for it where it is not given.
        pair: it may also be two numbers, [height, width].
    """

    field: Field
    default: Any = None
    like: str = ""
    pair: bool = False


def _whole(high: int, default: int | None = None, *, like: str = "", pair: bool = False) -> Value:
    return Value(Field("int", "", 1, high), default, like, pair)


_PADDED = Value(Field("choice", "", choices=PADDINGS), "same")
_BIAS = Value(Field("bool", ""), default=True)
_WINDOW = {"kernel": _whole(11, 3, pair=True), "stride": _whole(8, 1), "padding": _PADDED, "bias": _BIAS}
_POOL = {
    "size": _whole(8, 2),
    "stride": _whole(8, like="size"),
    "padding": Value(Field("choice", "", choices=PADDINGS), "valid"),
}

VALUES: dict[str, dict[str, Value]] = {
    "conv": {"filters": _whole(1024), **_WINDOW},
    "depthwise": {**_WINDOW, "multiplier": _whole(8, 1)},
    "separable": {"filters": _whole(1024), **_WINDOW},
    "norm": {},
    "layer_norm": {},
    "relu": {},
    "leaky_relu": {"slope": Value(Field("float", "", 0, 1), LEAK)},
    **{name: {} for name in ACTIVATIONS},
    "pool": _POOL,
    "average_pool": _POOL,
    "mean": {},
    "max": {},
    "flatten": {},
    "border": {"pixels": _whole(16, 1)},
    "dropout": {"rate": Value(Field("float", "", 0, 0.9))},
    "dense": {
        "units": _whole(4096),
        "activation": Value(Field("choice", "", choices=OF_DENSE), "relu"),
        "bias": _BIAS,
    },
}
ENDS = ("mean", "max", "flatten")  # from a map to a row of numbers
ON_MAPS = frozenset({"conv", "depthwise", "separable", "norm", "pool", "average_pool", "border", *ENDS})

"""Optimisers with the maths of Keras' own, compiled so that each weight is read and written once.

With the ten million weights of post 000's network the update is a good part of a step, and its cost is the memory it
touches. So one kernel takes the gradient as the network gives it (bfloat16 where it computes in that), updates the
float32 weight and its averages, and writes the bfloat16 copy that the next step computes with. A test compares every
optimiser with Keras' on the same gradients.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

EPSILON = 1e-7
SGD_MOMENTUM = 0.9
RMSPROP_RHO = 0.9
ADAM_BETAS = (0.9, 0.999)
ADAMW_DECAY = 0.004


class Optimizer:
    """State and update of one optimiser for a fixed list of variables.

    Args:
        name: ``sgd`` (momentum 0.9), ``rmsprop``, ``adam`` or ``adamw``; everything but the rate as Keras' defaults.
        variables: float32 ``tf.Variable`` objects.
        low: for each whether the network computes with a bfloat16 copy of it; none by default.

    Attributes:
        computed: what the network computes with: for each variable itself, or its bfloat16 copy.
    """

    def __init__(self, name: str, variables: Sequence[Any], low: Sequence[bool] | None = None) -> None:
        self.variables = list(variables)
        copied = low or [False] * len(self.variables)
        self.computed = [
            tf.Variable(tf.cast(variable, tf.bfloat16), trainable=False) if copy else variable
            for variable, copy in zip(self.variables, copied, strict=True)
        ]
        change, slots = _RULES[name]
        self._change = change
        self._slots = [[tf.Variable(tf.zeros_like(v), trainable=False) for _ in range(slots)] for v in self.variables]
        self._step = tf.Variable(0.0, trainable=False)
        self._update = tf.function(self._update_all, jit_compile=True, autograph=False)

    def reset(self) -> None:
        """Forget everything and take over the variables as they are now, for the next fold."""
        for slot in (slot for slots in self._slots for slot in slots):
            slot.assign(tf.zeros_like(slot))
        for variable, copy in zip(self.variables, self.computed, strict=True):
            if copy is not variable:
                copy.assign(tf.cast(variable, copy.dtype))
        self._step.assign(0.0)

    def state(self) -> tuple[tuple[NDArray[np.float32], ...], float]:
        """Copies of what is remembered of earlier steps, variable by variable, and the number of steps."""
        return tuple(slot.numpy() for slots in self._slots for slot in slots), float(self._step)

    def restore(self, slots: Sequence[NDArray[np.float32]], step: float) -> None:
        """Go on where ``state`` was asked; the variables have been set to what they were then."""
        self.reset()
        for slot, value in zip((slot for own in self._slots for slot in own), slots, strict=True):
            slot.assign(value)
        self._step.assign(step)

    def apply(self, gradients: Sequence[Any], rate: Any) -> None:
        """Change the variables by one step.

        Args:
            gradients: of ``computed``, in its number formats.
            rate: float32 scalar.
        """
        self._update(list(gradients), rate)

    def _update_all(self, gradients: Sequence[Any], rate: Any) -> None:
        step = self._step.assign_add(1.0)
        for variable, copy, slots, gradient in zip(
            self.variables, self.computed, self._slots, gradients, strict=True
        ):  # fmt: skip
            value, *states = self._change(variable, tf.cast(gradient, tf.float32), rate, step, *slots)
            for slot, state in zip(slots, states, strict=True):
                slot.assign(state)
            variable.assign(value)
            if copy is not variable:
                copy.assign(tf.cast(value, copy.dtype))


def _sgd(value: Any, gradient: Any, rate: Any, _step: Any, velocity: Any) -> tuple[Any, ...]:
    velocity = SGD_MOMENTUM * velocity - rate * gradient
    return value + velocity, velocity


def _rmsprop(value: Any, gradient: Any, rate: Any, _step: Any, square: Any) -> tuple[Any, ...]:
    square = RMSPROP_RHO * square + (1 - RMSPROP_RHO) * gradient * gradient
    return value - rate * gradient * tf.math.rsqrt(square + EPSILON), square


def _adam(value: Any, gradient: Any, rate: Any, step: Any, mean: Any, square: Any) -> tuple[Any, ...]:
    first, second = ADAM_BETAS
    mean = mean + (1 - first) * (gradient - mean)
    square = square + (1 - second) * (gradient * gradient - square)
    scaled = rate * tf.sqrt(1 - tf.pow(second, step)) / (1 - tf.pow(first, step))
    return value - scaled * mean / (tf.sqrt(square) + EPSILON), mean, square


def _adamw(value: Any, gradient: Any, rate: Any, step: Any, mean: Any, square: Any) -> tuple[Any, ...]:
    return _adam(value - ADAMW_DECAY * rate * value, gradient, rate, step, mean, square)


def slots_of(name: str) -> int:
    """Numbers that the optimiser ``name`` remembers for each weight."""
    return _RULES[name][1]


_RULES: dict[str, tuple[Callable[..., tuple[Any, ...]], int]] = {
    "sgd": (_sgd, 1),
    "rmsprop": (_rmsprop, 1),
    "adam": (_adam, 2),
    "adamw": (_adamw, 2),
}

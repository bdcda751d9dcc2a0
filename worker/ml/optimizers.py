"""Optimisers with the maths of Keras' own, compiled so that each weight is read and written once.

With the ten million weights of post 000's network the update is a good part of a step, and its cost is the memory it
touches. So one kernel takes the gradient as the network gives it (bfloat16 where it computes in that), updates the
float32 weight and its averages, and writes the bfloat16 copy that the next step computes with. Variables with less than
a million numbers are left to single operations: to compile a kernel for each of their shapes takes half a second and
memory, which a training hardly wins back. A test compares every optimiser with Keras' on the same gradients.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from app.domain.recipe import Recipe

EPSILON = 1e-7
SGD_MOMENTUM = 0.9
RMSPROP_RHO = 0.9
ADAM_BETAS = (0.9, 0.999)
LION_BETAS = (0.9, 0.99)
DECAYED = ("adamw", "lion")  # the others leave the size of the weights alone
LARGE = 2**20  # numbers of a variable that is worth a kernel of its own


class Optimizer:
    """State and update of one optimiser for a fixed list of variables.

    Args:
        recipe: ``optimizer`` is ``sgd`` (momentum 0.9), ``rmsprop``, ``adam``, ``adamw`` or ``lion`` (Chen and others
            2023); ``weight_decay`` and ``averaging`` are used; everything else as Keras' defaults.
        variables: float32 ``tf.Variable`` objects.
        low: for each whether the network computes with a bfloat16 copy of it; none by default.

    Attributes:
        computed: what the network computes with: for each variable itself, or its bfloat16 copy, which is renewed by
            ``apply``, ``reset``, ``restore`` and within ``averaged``.
    """

    def __init__(self, recipe: Recipe, variables: Sequence[Any], low: Sequence[bool] | None = None) -> None:
        self.variables = list(variables)
        copied = low or [False] * len(self.variables)
        self.computed = [
            tf.Variable(tf.cast(variable, tf.bfloat16), trainable=False) if copy else variable
            for variable, copy in zip(self.variables, copied, strict=True)
        ]
        self._change, slots = _RULES[recipe.optimizer]
        self._decay = recipe.weight_decay if recipe.optimizer in DECAYED else 0.0
        self._averaging = recipe.averaging
        self._slots = [[tf.Variable(tf.zeros_like(v), trainable=False) for _ in range(slots)] for v in self.variables]
        self._averages = [tf.Variable(v, trainable=False) for v in self.variables] if recipe.averaging else []
        self._step = tf.Variable(0.0, trainable=False)
        sizes = [int(np.prod(variable.shape)) for variable in self.variables]
        self._large = [place for place, size in enumerate(sizes) if size >= LARGE]
        self._small = [place for place, size in enumerate(sizes) if size < LARGE]
        self._update_large = tf.function(
            lambda gradients, rate, step: self._update(self._large, gradients, rate, step),
            jit_compile=True, autograph=False,
        )  # fmt: skip

    def reset(self) -> None:
        """Forget everything and take over the variables as they are now, for the next fold."""
        for slot in (slot for slots in self._slots for slot in slots):
            slot.assign(tf.zeros_like(slot))
        self.renew()
        for variable, average in zip(self.variables, self._averages, strict=False):
            average.assign(variable)
        self._step.assign(0.0)

    def renew(self) -> None:
        """Copy the variables again, which somebody else has set."""
        for variable, copy in zip(self.variables, self.computed, strict=True):
            if copy is not variable:
                copy.assign(tf.cast(variable, copy.dtype))

    def state(self) -> tuple[tuple[NDArray[np.float32], ...], float]:
        """Copies of what is remembered of earlier steps, variable by variable, and the number of steps."""
        return tuple(slot.numpy() for slot in self._remembered()), float(self._step)

    def _remembered(self) -> list[Any]:
        return [slot for slots in self._slots for slot in slots] + self._averages

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Within it the variables are their moving averages, where the recipe has any."""
        if not self._averages:
            yield
            return
        own = [variable.numpy() for variable in self.variables]
        for variable, average in zip(self.variables, self._averages, strict=True):
            variable.assign(average)
        self.renew()
        try:
            yield
        finally:
            for variable, value in zip(self.variables, own, strict=True):
                variable.assign(value)
            self.renew()

    def restore(self, slots: Sequence[NDArray[np.float32]], step: float) -> None:
        """Go on where ``state`` was asked; the variables have been set to what they were then."""
        self.reset()
        for slot, value in zip(self._remembered(), slots, strict=True):
            slot.assign(value)
        self._step.assign(step)

    def apply(self, gradients: Sequence[Any], rate: Any) -> None:
        """Change the variables by one step.

        Args:
            gradients: of ``computed``, in its number formats.
            rate: float32 scalar.
        """
        self._step.assign_add(1.0)
        step = self._step.read_value()
        if self._large:
            self._update_large([gradients[place] for place in self._large], rate, step)
        self._update(self._small, [gradients[place] for place in self._small], rate, step)

    def _update(self, places: Sequence[int], gradients: Sequence[Any], rate: Any, step: Any) -> None:
        """The variables at some places."""
        for place, gradient in zip(places, gradients, strict=True):
            variable, copy, slots = self.variables[place], self.computed[place], self._slots[place]
            start = variable - self._decay * rate * variable if self._decay else variable
            value, *states = self._change(start, tf.cast(gradient, tf.float32), rate, step, *slots)
            for slot, state in zip(slots, states, strict=True):
                slot.assign(state)
            variable.assign(value)
            if copy is not variable:
                copy.assign(tf.cast(value, copy.dtype))
            if self._averages:
                # The first steps count more, or the average would begin with the weights of no training.
                part = 1 - tf.minimum(self._averaging, (1 + step) / (10 + step))
                average = self._averages[place]
                average.assign(average + part * (value - average))


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


def _lion(value: Any, gradient: Any, rate: Any, _step: Any, mean: Any) -> tuple[Any, ...]:
    first, second = LION_BETAS
    direction = tf.sign(mean * first + gradient * (1 - first))
    return value - rate * direction, mean * second + gradient * (1 - second)


def shapes_of(recipe: Recipe, trained: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Shapes of what ``Optimizer.state`` gives for variables of the shapes ``trained``."""
    slots = [shape for shape in trained for _ in range(_RULES[recipe.optimizer][1])]
    return slots + (list(trained) if recipe.averaging else [])


_RULES: dict[str, tuple[Callable[..., tuple[Any, ...]], int]] = {
    "sgd": (_sgd, 1),
    "rmsprop": (_rmsprop, 1),
    "adam": (_adam, 2),
    "adamw": (_adam, 2),
    "lion": (_lion, 1),
}

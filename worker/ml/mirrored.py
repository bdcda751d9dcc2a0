"""Training steps on several devices at once, through ``tf.distribute.MirroredStrategy``.

Every device holds a copy of the network and takes its part of each batch; the gradients are added up, and each device
makes the same change to its own copy. The result is that of one device but for the rounding of sums: batch
normalisation takes its means over the whole batch, and a dropout mask is drawn for the whole batch and cut. Only MixUp
and CutMix mix each picture with one of the same device.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from app.domain.recipe import Recipe
from worker.ml import forward, warp
from worker.ml.network import Network
from worker.ml.optimizers import Optimizer
from worker.ml.steps import Steps, Targets, count_right


def build(
    recipe: Recipe, classes: int, precision: str, batch_size: int, devices: Sequence[str]
) -> tuple[Network, Steps]:
    """The network of a recipe and its steps, shared by several devices."""
    # The collective operations that it would choose by itself may not be called from within a loop.
    strategy = tf.distribute.MirroredStrategy(list(devices), tf.distribute.ReductionToOneDevice())
    with strategy.scope():
        network = Network(recipe, classes, precision)
    return network, MirroredSteps(network, recipe, batch_size, strategy)


class Optimizers:
    """One optimiser for each copy; they stay equal because they are given equal gradients."""

    def __init__(
        self, recipe: Recipe, copies: Sequence[Sequence[Any]], low: Sequence[bool], devices: Sequence[str]
    ) -> None:
        self.each: list[Optimizer] = []
        for device, variables in zip(devices, copies, strict=True):
            with tf.device(device):
                self.each.append(Optimizer(recipe, variables, low))
        self._devices = list(devices)

    def reset(self) -> None:
        """See ``Optimizer``."""
        for optimizer in self.each:
            optimizer.reset()

    def renew(self) -> None:
        """See ``Optimizer``."""
        for optimizer in self.each:
            optimizer.renew()

    def state(self) -> tuple[tuple[NDArray[np.float32], ...], float]:
        """See ``Optimizer``; all are equal."""
        return self.each[0].state()

    def restore(self, slots: Sequence[NDArray[np.float32]], step: float) -> None:
        """See ``Optimizer``."""
        for optimizer in self.each:
            optimizer.restore(slots, step)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """See ``Optimizer``."""
        with contextlib.ExitStack() as stack:
            for optimizer in self.each:
                stack.enter_context(optimizer.averaged())
            yield

    def apply(self, gradients: Sequence[Sequence[Any]], rate: Any) -> None:
        """Change every copy by one step; one list of (equal) gradients for each device."""
        for device, optimizer, own in zip(self._devices, self.each, gradients, strict=True):
            with tf.device(device):
                optimizer.apply(own, rate)


class MirroredSteps(Steps):
    """As ``Steps``, for a network that was made in the scope of ``strategy``."""

    def __init__(self, network: Network, recipe: Recipe, batch_size: int, strategy: Any) -> None:
        self._strategy = strategy
        self._devices = list(strategy.extended.worker_devices)
        self._places = strategy.experimental_distribute_values_from_function(
            lambda context: context.replica_id_in_sync_group
        )
        super().__init__(network, recipe, batch_size)
        self._share = -(-batch_size // len(self._devices))  # pictures of a batch for one device
        # A compiled kernel may hold no variable of one device and be called on another: it normalises nothing.
        self._kernel = warp.make_kernel(recipe.all_changes, recipe.image_size, lambda changed: changed)

    def _make_optimizer(self, recipe: Recipe, variables: Sequence[Any], low: Sequence[bool]) -> Any:
        local = [self._strategy.experimental_local_results(variable) for variable in variables]
        return Optimizers(recipe, list(zip(*local, strict=True)), low, self._devices)

    def _no_gradients(self) -> Any:
        return [[tf.zeros(value.shape) for value in one.computed] for one in self.optimizer.each]

    def _batch(self, pictures: Any, labels: Any, draws: Sequence[Any]) -> Any:
        count = tf.shape(labels)[0]
        masks = {layer.name: _mask(layer, count) for layer in self.network.chain if isinstance(layer, layers.Dropout)}

        def on_device(place: Any) -> Any:
            own = _part(place, len(self._devices), count)
            cut = {name: own.of(mask) for name, mask in masks.items()}
            inputs, targets = self._given(own.of(pictures), own.of(labels), [own.of(draw) for draw in draws])
            return self._own_part(place, inputs, targets, cut, own)

        results = self._strategy.run(on_device, args=(self._places,))
        gradients, averages, loss, right = results
        local = self._strategy.experimental_local_results
        split = [local(gradient) for gradient in gradients]
        for layer, (mean, variance) in zip(self._norms(), averages, strict=True):
            forward.keep_averages(layer, local(mean)[0], local(variance)[0])
        add = tf.distribute.ReduceOp.SUM
        each = [list(own) for own in zip(*split, strict=True)]
        return each, self._strategy.reduce(add, loss, axis=None), self._strategy.reduce(add, right, axis=None)

    def _answers(self, pictures: Any) -> Any:
        count = tf.shape(pictures)[0]

        def on_device(place: Any) -> Any:
            own = _part(place, len(self._devices), count)
            return self._judged(own.of(pictures), self.optimizer.each[place].computed)[: own.size]

        return tf.concat(self._strategy.experimental_local_results(self._strategy.run(on_device, (self._places,))), 0)

    def _norms(self) -> list[Any]:
        return [layer for layer in self.network.chain if isinstance(layer, layers.BatchNormalization)]

    def _own_part(self, place: int, inputs: Any, targets: Targets, masks: dict[str, Any], own: "_Part") -> Any:
        """Gradients and averages of the whole batch, and loss and right answers of this device's part of it."""
        computed = self.optimizer.each[place].computed
        copies = dict(zip(self._paths, computed, strict=True))
        averages: list[Any] = []
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(computed)
            x = inputs
            for layer in self.network.chain:
                if isinstance(layer, layers.Dropout):
                    x = x * masks[layer.name]
                elif isinstance(layer, layers.BatchNormalization):
                    x, mean, variance = _normalise(layer, x, own.weight)
                    averages.append((mean, variance))
                else:
                    x = forward.run([layer], x, copies)
            aims, losses = self._losses(targets, x)
            total = tf.reduce_sum(losses) * own.weight
            loss = tf.reduce_sum(aims) * own.weight / own.whole
        gradients = _added(tape.gradient(loss, computed))
        right = tf.cast(own.weight, tf.int64) * count_right(x, targets.labels)
        return gradients, averages, total, right

    def _after(self, changed: Any) -> Any:
        return self.network.normalise(changed)


@dataclass(frozen=True)
class _Part:
    """The ``size`` pictures of a batch that one device takes; ``whole`` is the number of pictures of the batch.

    A device for which there is no picture takes one that counts nothing: convolutions of no picture at all go wrong on
    a processor.
    """

    start: Any
    stop: Any
    size: Any
    whole: Any

    @property
    def weight(self) -> Any:
        """1.0, or 0.0 where there is no picture for this device."""
        return tf.cast(self.size > 0, tf.float32)

    def of(self, values: Any) -> Any:
        """This device's part of something that there is for each picture."""
        return values[self.start : self.stop]


def _part(place: int, devices: int, count: Any) -> _Part:
    start, stop = place * count // devices, (place + 1) * count // devices
    size, start = stop - start, tf.minimum(start, count - 1)
    return _Part(start, tf.maximum(stop, start + 1), size, tf.cast(count, tf.float32))


def _added(values: Any) -> Any:
    """The sum over all devices, on each of them."""
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)


def _mask(layer: Any, count: Any) -> Any:
    """What the dropout ``layer`` multiplies a whole batch with; its generator moves on by one, as with one device."""
    return layer(tf.ones((count, *layer.output.shape[1:]), layer.compute_dtype), training=True)


def _normalise(layer: Any, x: Any, weight: Any) -> tuple[Any, Any, Any]:
    """Batch normalisation over the parts of all devices; also mean and variance, with n in the denominator."""
    kind, x = x.dtype, tf.cast(x, tf.float32)
    pixels = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
    count, total = _added([pixels * weight, tf.reduce_sum(x, (0, 1, 2)) * weight])
    mean = total / count
    variance = _added(tf.reduce_sum(tf.square(x - mean), (0, 1, 2)) * weight) / count
    scaled = (x - mean) * tf.math.rsqrt(variance + layer.epsilon) * layer.gamma.value + layer.beta.value
    return tf.cast(scaled, kind), mean, variance

"""The compiled inner loop: a number of training steps, or of validation batches, in one call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from app.domain import augment_pixels, mixing
from app.domain.augment import Draws
from app.domain.recipe import Recipe
from worker.ml import forward, pixels, warp
from worker.ml.data import Pictures
from worker.ml.frozen import Features
from worker.ml.network import Network
from worker.ml.optimizers import Optimizer
from worker.ml.parts import Part

EVALUATION_BATCH = 64


@dataclass(frozen=True)
class Targets:
    """What the network shall say of each picture: a label, or part of it and the rest of another."""

    labels: Any  # (n,) int64
    others: Any = None
    share: Any = None  # (n,) float32, of ``labels``

    def of(self, value: Callable[[Any], Any]) -> Any:
        """``value`` of the labels, or its mean with the shares."""
        if self.others is None:
            return value(self.labels)
        return self.share * value(self.labels) + (1 - self.share) * value(self.others)


class Steps:
    """Training and evaluation of one network; traced once and used for all folds.

    Args:
        network: what is trained.
        recipe: optimiser, augmentation.
        batch_size: the recipe's, or the number of training pictures if that is smaller.
        part: the layers that learn, and what they are given in place of pictures; by default all layers learn.

    Attributes:
        batch_size: pictures of one change of the weights: of all batches that are gathered for it.

    The caller may cut an epoch where it likes, at the end of any such batch: no number depends on it.
    """

    def __init__(self, network: Network, recipe: Recipe, batch_size: int, part: Part | None = None) -> None:
        self.network = network
        self.batch_size = batch_size * recipe.accumulation
        self._at_once = batch_size  # pictures that go through the network together
        self.part = part or Part(network.chain, network.model.trainable_variables, None, None)
        trainable = self.part.variables
        copied = {variable.path for variable in forward.copied(self.part.chain)}
        self._paths = [variable.path for variable in trainable]
        low = [path in copied for path in self._paths]
        self.optimizer = self._make_optimizer(recipe, [variable.value for variable in trainable], low)
        self._smoothing, self._weighted = recipe.label_smoothing, recipe.class_balance == "weights"
        self._class_weights = tf.Variable(tf.ones(network.logits.output.shape[-1]), trainable=False)
        self._augmented, self._mixes = recipe.all_changes.active, recipe.augmentation.mixes
        self._share = batch_size  # pictures of a batch that one device takes
        self._kernel = warp.make_kernel(recipe.all_changes, recipe.image_size, network.scaled)
        pictures = tf.TensorSpec((None, recipe.image_size, recipe.image_size, 3), tf.uint8)
        if self.part.shape is not None:
            pictures = tf.TensorSpec((None, *self.part.shape), tf.float16)
        integers, numbers = tf.TensorSpec((None,), tf.int64), tf.TensorSpec((None,), tf.float32)
        draws = [tf.TensorSpec((None, wide), tf.float32) for wide in (6, augment_pixels.COLUMNS, mixing.COLUMNS)]
        total = tf.TensorSpec((), tf.float64)
        # Nothing here needs AutoGraph, and rewriting the sources took a third of the way to the first step.
        self._train = tf.function(
            self._train_loop, autograph=False, input_signature=[pictures, integers, numbers, *draws, total]
        )
        self._evaluate = tf.function(self._evaluate_loop, autograph=False, input_signature=[pictures, integers])

    def train(
        self,
        pictures: Pictures | Features,
        labels: NDArray[np.int64],
        rates: NDArray[np.float32],
        draws: Draws,
        so_far: float = 0.0,
    ) -> tuple[float, int]:
        """Steps over ``pictures`` in their order, the last batch as small as it comes.

        Args:
            pictures: (n, size, size, 3) uint8, or what the part is given in their place.
            labels: (n,) int64.
            rates: (steps,) learning rate of each step.
            draws: for the n pictures.
            so_far: sum of the losses of the epoch's earlier pictures.

        Returns:
            Sum of the losses with ``so_far``, and number of right answers, both while training (with dropout).
        """
        loss, right = self._train(pictures, labels, rates, draws.matrices, draws.pixels, draws.mixing, so_far)
        return float(loss), int(right)

    def evaluate(
        self, pictures: Pictures | Features, labels: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], int, NDArray[np.float32]]:
        """Losses (n,), number of right answers and probabilities (n, classes) without dropout.

        Whoever sets the weights of the network otherwise than by ``train`` calls ``optimizer.renew`` before.
        """
        losses, right, probabilities = self._evaluate(pictures, labels)
        return losses.numpy(), int(right), probabilities.numpy()

    def _train_loop(
        self, pictures: Any, labels: Any, rates: Any, matrices: Any, drawn: Any, mixes: Any, so_far: Any
    ) -> Any:
        def batch(i: Any, loss: Any, right: Any) -> Any:
            start = i * self.batch_size
            part = slice(start, start + self.batch_size)
            draws = [matrices[part], drawn[part], mixes[part]]
            more_loss, more_right = self._change(pictures[part], labels[part], rates[i], draws)
            return i + 1, loss + tf.cast(more_loss, tf.float64), right + more_right

        count = tf.size(rates)
        start = (tf.constant(0), so_far, tf.constant(0, tf.int64))
        return tf.while_loop(lambda i, *_: i < count, batch, start, parallel_iterations=1)[1:]

    def _make_optimizer(self, recipe: Recipe, variables: Sequence[Any], low: Sequence[bool]) -> Any:
        return Optimizer(recipe, variables, low)

    def set_class_weights(self, weights: NDArray[np.float32]) -> None:
        """What a mistake on a picture of each class costs, (classes,) float32; used with ``class_balance`` weights."""
        self._class_weights.assign(weights)

    def _change(self, pictures: Any, labels: Any, rate: Any, draws: Sequence[Any]) -> Any:
        """One change of the weights; the sum of the losses and the number of right answers."""
        gather = self._batch if self.batch_size == self._at_once else self._gathered
        gradients, loss, right = gather(pictures, labels, draws)
        self.optimizer.apply(gradients, rate)
        return loss, right

    def _gathered(self, pictures: Any, labels: Any, draws: Sequence[Any]) -> Any:
        """As ``_batch``, one part after the other: the mean over all pictures, each of which counts alike."""
        count = tf.size(labels)

        def part(i: Any, sums: Any, loss: Any, right: Any) -> Any:
            at = slice(i * self._at_once, (i + 1) * self._at_once)
            gradients, more_loss, more_right = self._batch(pictures[at], labels[at], [draw[at] for draw in draws])
            share = tf.cast(tf.size(labels[at]), tf.float32) / tf.cast(count, tf.float32)
            added = tf.nest.map_structure(lambda one, more: one + share * tf.cast(more, tf.float32), sums, gradients)
            return i + 1, added, loss + more_loss, right + more_right

        parts = (count + self._at_once - 1) // self._at_once
        start = (tf.constant(0), self._no_gradients(), tf.constant(0.0), tf.constant(0, tf.int64))
        return tf.while_loop(lambda i, *_: i < parts, part, start, parallel_iterations=1)[1:]

    def _no_gradients(self) -> Any:
        """Zeros in the form in which ``_batch`` gives gradients, float32."""
        return [tf.zeros(variable.shape) for variable in self.optimizer.computed]

    def _batch(self, pictures: Any, labels: Any, draws: Sequence[Any]) -> Any:
        """Gradients of the mean over some pictures, the sum of their losses and the number of right answers."""
        inputs, targets = self._given(pictures, labels, draws)
        return self._step(inputs, targets)

    def _given(self, pictures: Any, labels: Any, draws: Sequence[Any]) -> tuple[Any, "Targets"]:
        """What the network gets and shall say, for pictures that lie beside each other in a batch."""
        matrices, drawn, mixes = draws
        if self.part.shape is not None:
            return tf.cast(pictures, tf.float32), Targets(labels)
        inputs, targets = self._inputs(pictures, matrices, drawn), Targets(labels)
        if self._mixes:
            inputs = pixels.mixed(inputs, mixes)
            targets = Targets(labels, tf.roll(labels, 1, axis=0), mixes[:, mixing.LABEL])
        return (inputs if self.part.below is None else self.part.below(inputs, training=False)), targets

    def _inputs(self, pictures: Any, matrices: Any, drawn: Any) -> Any:
        if not self._augmented:
            return self.network.normalise(tf.cast(pictures, tf.float32))
        # XLA compiles for one number of pictures: a smaller last batch is filled up, and cut again afterwards.
        count = tf.shape(pictures)[0]
        missing = self._share - count

        def filled(values: Any) -> Any:
            rows = tf.pad(values, [[0, missing]] + [[0, 0]] * (values.shape.rank - 1))
            return tf.ensure_shape(rows, (self._share, *values.shape[1:]))

        return self._after(self._kernel(filled(pictures), filled(matrices), filled(drawn))[:count])

    def _after(self, changed: Any) -> Any:
        """What is left to do behind the kernel."""
        return self.network.whitened(changed)

    def _step(self, inputs: Any, targets: "Targets") -> Any:
        computed = self.optimizer.computed
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(computed)
            logits = self._forward(inputs, computed, training=True)
            aims, losses = self._losses(targets, logits)
            aim = tf.reduce_mean(aims)
        return tape.gradient(aim, computed), tf.reduce_sum(losses), count_right(logits, targets.labels)

    def _losses(self, targets: "Targets", logits: Any) -> tuple[Any, Any]:
        """What is made smaller, and the plain cross-entropy that is reported, for each picture.

        Smoothed targets and weights of classes change the first alone, so that curves of different recipes, and those
        of training and validation, can be compared.
        """
        losses = aims = targets.of(
            lambda labels: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        )
        if self._smoothing:
            even = -tf.reduce_mean(tf.nn.log_softmax(logits), axis=-1)
            aims = (1 - self._smoothing) * aims + self._smoothing * even
        if self._weighted:
            aims = aims * targets.of(lambda labels: tf.gather(self._class_weights, labels))
        return aims, losses

    def _forward(self, inputs: Any, computed: Sequence[Any], *, training: bool) -> Any:
        copies = dict(zip(self._paths, computed, strict=True))
        return forward.run(self.part.chain, inputs, copies, training=training)

    def _answers(self, pictures: Any) -> Any:
        return self._judged(pictures, self.optimizer.computed)

    def _judged(self, pictures: Any, computed: Sequence[Any]) -> Any:
        """The logits without dropout."""
        inputs = tf.cast(pictures, tf.float32)
        if self.part.shape is None:
            inputs = self.network.normalise(inputs)
            if self.part.below is not None:
                inputs = self.part.below(inputs, training=False)
        return self._forward(inputs, computed, training=False)

    def _evaluate_loop(self, pictures: Any, labels: Any) -> Any:
        def batch(i: Any, outputs: Any) -> Any:
            part = pictures[i * EVALUATION_BATCH : (i + 1) * EVALUATION_BATCH]
            return i + 1, tf.concat([outputs, self._answers(part)], axis=0)

        count = (tf.size(labels) + EVALUATION_BATCH - 1) // EVALUATION_BATCH
        classes = self.network.logits.output.shape[-1]
        shapes = (tf.TensorShape(()), tf.TensorShape((None, classes)))
        start = (tf.constant(0), tf.zeros((0, classes)))
        _, logits = tf.while_loop(
            lambda i, *_: i < count, batch, start, shape_invariants=shapes, parallel_iterations=1
        )  # fmt: skip
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return losses, count_right(logits, labels), tf.nn.softmax(logits)


def count_right(logits: Any, labels: Any) -> Any:
    """Number of pictures whose largest logit is that of their label."""
    return tf.math.count_nonzero(tf.equal(tf.argmax(logits, axis=-1), labels))

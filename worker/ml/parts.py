"""Which layers learn in a stage, and what is given to them: pictures, or what the frozen layers made of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from app.domain import backbones as known
from app.domain.stages import Stage
from worker.ml import backbones, device, folded, forward, models
from worker.ml.blocks import LOGITS


@dataclass(frozen=True)
class Part:
    """The part of a network that learns.

    Attributes:
        chain: its layers, for ``forward.run``.
        variables: that learn (Keras' own objects); the filters of ``DepthwiseConv2D`` never do.
        below: from normalised pictures to what the chain takes; None: it takes pictures.
        shape: of what is computed once for each picture and then taken in its place; None: pictures are taken.
        cut: the tensor of the network that ``below`` gives.
    """

    chain: Sequence[Any]
    variables: Sequence[Any]
    below: Callable[..., Any] | None
    shape: tuple[int, ...] | None
    cut: Any = None


def last_name(model: keras.Model) -> str:
    """The layer whose output is the logits."""
    return "logit_dropout" if "logit_dropout" in {layer.name for layer in model.layers} else LOGITS


def make(model: keras.Model, stage: Stage, precision: str = device.FLOAT32) -> Part:
    """The part of ``model`` (of ``models.build``) that learns in ``stage``, in a precision of ``device.PRECISIONS``."""
    last = last_name(model)
    if stage.frozen is None:
        return Part(forward.order(model, last), model.trainable_variables, None, None)
    own, answers = backbones.of(model), models.answers(precision)
    backbones.freeze_averages(own)
    head = _between(model, backbones.FEATURES, last)
    blocks = known.KNOWN[model.name].blocks
    features = model.get_layer(backbones.FEATURES)
    if stage.frozen == len(blocks):
        cut, chain, learning = features.output, head, head
    else:
        cut = model.get_layer(blocks[stage.frozen - 1].layer).output if stage.frozen else model.inputs[0]
        upper = keras.Model(cut, features.output)
        products = device.FLOAT32 if precision == device.FLOAT32 else device.LOW
        chain, learning = [folded.fold(upper, products, answers), *head], [*upper.layers, *head]
    # The gradients of the filters of single channels are a quarter of a step, and nothing is better for them.
    moving = [layer for layer in learning if not isinstance(layer, layers.DepthwiseConv2D)]
    variables = [variable for layer in moving for variable in layer.trainable_variables]
    below = folded.fold(keras.Model(model.inputs[0], cut), answers=answers) if stage.frozen else None
    shape = tuple(cut.shape[1:]) if stage.cached else None
    return Part(chain, variables, below, shape, cut)


def both(model: keras.Model, first: Part, second: Part, precision: str = device.FLOAT32) -> keras.Model:
    """From normalised pictures to what the two are given, the deeper one first, with one way through the layers."""
    return folded.fold(keras.Model(model.inputs[0], [first.cut, second.cut]), answers=models.answers(precision))


def _between(model: keras.Model, first: str, last: str) -> list[Any]:
    """The layers behind ``first`` up to ``last``."""
    names = [layer.name for layer in model.layers]
    found = model.layers[names.index(first) + 1 : names.index(last) + 1]
    return [layer for layer in found if not isinstance(layer, layers.InputLayer)]

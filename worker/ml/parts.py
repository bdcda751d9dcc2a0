"""Which layers learn in a stage, and what is given to them: pictures, or what the frozen layers made of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from app.domain import backbones as known
from app.domain.stages import Stage
from worker.ml import backbones, forward
from worker.ml.blocks import LOGITS


@dataclass(frozen=True)
class Part:
    """The part of a network that learns.

    Attributes:
        chain: its layers, for ``forward.run``.
        variables: that learn (Keras' own objects).
        below: from normalised pictures to what the chain takes; None: it takes pictures.
        shape: of what is computed once for each picture and then taken in its place; None: pictures are taken.
        logits: from what is taken to the values before the softmax, without dropout.
    """

    chain: Sequence[Any]
    variables: Sequence[Any]
    below: Callable[..., Any] | None
    shape: tuple[int, ...] | None
    logits: Callable[..., Any]


def last_name(model: keras.Model) -> str:
    """The layer whose output is the logits."""
    return "logit_dropout" if "logit_dropout" in {layer.name for layer in model.layers} else LOGITS


def make(model: keras.Model, stage: Stage) -> Part:
    """The part of ``model`` (of ``models.build``) that learns in ``stage``."""
    last = last_name(model)
    output = model.get_layer(last).output
    if stage.frozen is None:
        whole = keras.Model(model.inputs, output)
        return Part(forward.order(model, last), model.trainable_variables, None, None, whole)
    own = backbones.of(model)
    backbones.freeze_averages(own)
    head = _between(model, backbones.FEATURES, last)
    blocks = known.KNOWN[model.name].blocks
    features = model.get_layer(backbones.FEATURES)
    if stage.frozen == len(blocks):
        cut, chain, learning = features.output, head, head
    else:
        cut = model.get_layer(blocks[stage.frozen - 1].layer).output if stage.frozen else model.inputs[0]
        upper = keras.Model(cut, features.output)
        chain, learning = [upper, *head], [*upper.layers, *head]
    variables = [variable for layer in learning for variable in layer.trainable_variables]
    below = keras.Model(model.inputs, cut) if stage.frozen else None
    shape = tuple(cut.shape[1:]) if stage.cached else None
    return Part(chain, variables, below, shape, keras.Model(cut if stage.cached else model.inputs, output))


def _between(model: keras.Model, first: str, last: str) -> list[Any]:
    """The layers behind ``first`` up to ``last``."""
    names = [layer.name for layer in model.layers]
    found = model.layers[names.index(first) + 1 : names.index(last) + 1]
    return [layer for layer in found if not isinstance(layer, layers.InputLayer)]

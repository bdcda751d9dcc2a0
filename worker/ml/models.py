"""The networks of ``app.domain.architectures`` as Keras models, and the table of their layers.

Every network is a functional Keras model from normalised pictures (n, size, size, 3) to probabilities (n, classes).
The layer before the last is called ``logits``.
"""

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from app.domain import architectures
from app.domain.recipe import Recipe
from worker.ml import backbone, backbones, device
from worker.ml.blocks import LOGITS, Chain


@dataclass(frozen=True)
class LayerRow:
    """One layer of a network: name, kind (the Keras class), output shape without the batch, number of parameters."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


def build(recipe: Recipe, classes: int, precision: str = device.FLOAT32) -> keras.Model:
    """A new network with weights as its initialisers draw them.

    Args:
        recipe: architecture, image size, head and logit dropout are used.
        classes: number of outputs.
        precision: as ``resolve_precision`` has it; logits and softmax are float32 in all, and so are all layers
            of a pretrained network, which ``folded`` passes in another one.

    Raises:
        Invalid: ``network_needs_larger_images`` when nothing would be left of the picture after the pooling layers.
    """
    architectures.layer_table(recipe, classes)  # refuses a picture that is too small, before Keras names a tensor
    inputs = keras.Input((recipe.image_size, recipe.image_size, 3), name="picture")
    chain = Chain(inputs, device.FLOAT32 if recipe.pretrained else precision)
    if recipe.pretrained:
        chain.x = _features(recipe, inputs)
        architectures.head(chain, recipe.head_units, recipe.head_dropout)
    else:
        architectures.builder(recipe)(chain)
    outputs = layers.Dense(classes, dtype=device.FLOAT32, kernel_initializer=chain.initializer, name=LOGITS)(chain.x)
    if recipe.logit_dropout:
        outputs = layers.Dropout(recipe.logit_dropout, dtype=device.FLOAT32, name="logit_dropout")(outputs)
    outputs = layers.Softmax(dtype=device.FLOAT32, name="probabilities")(outputs)
    return keras.Model(inputs, outputs, name=recipe.architecture)


def _features(recipe: Recipe, inputs: Any) -> Any:
    last = backbones.last_map(recipe.architecture, inputs, scaled=recipe.backbone_scaling)
    return layers.GlobalAveragePooling2D(name=backbones.FEATURES, dtype=device.FLOAT32)(last)


def resolve_precision(recipe: Recipe) -> str:
    """The number format in which a recipe is trained on this machine.

    A pretrained network of those that come with packages answers in bfloat16 where the processor is quick at it. Of
    the others only layers that learn multiply in it meanwhile (``folded``); they answer in float32.
    """
    found = device.resolve_precision(recipe.precision)
    if recipe.architecture in backbone.VARIANTS and found == device.MIXED and device.answers_low():
        return device.LOW
    return found if not recipe.pretrained or recipe.unfrozen_blocks else device.FLOAT32


def asked_in(recipe: Recipe, precision: str) -> str:
    """The number format of the answers of a network that was trained in ``precision``."""
    return answers(precision) if recipe.pretrained else precision


def answers(precision: str) -> str:
    """As ``asked_in``, for a pretrained network."""
    return device.LOW if precision == device.LOW else device.FLOAT32


def layer_table(recipe: Recipe, classes: int) -> list[LayerRow]:
    """The layers of a recipe's network, first to last."""
    model = build(recipe, classes)
    return [
        LayerRow(layer.name, type(layer).__name__, tuple(layer.output.shape[1:]), int(layer.count_params()))
        for layer in model.layers
        if not isinstance(layer, layers.InputLayer)
    ]

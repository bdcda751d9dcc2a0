"""The networks of the posts, layer by layer, and the table of their layers.

Every network is a functional Keras model from normalised pictures (n, size, size, 3) to probabilities (n, classes).
The layer before the last is called ``logits``. Sources are named in docs/presets.md; the improved networks are in
``worker.ml.plus``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from app.domain.errors import Invalid
from app.domain.recipe import Recipe
from worker.ml import device, plus
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
        recipe: architecture, image size and logit dropout are used.
        classes: number of outputs.
        precision: ``float32`` or ``mixed_bfloat16``; logits and softmax are float32 in both.

    Raises:
        Invalid: ``network_needs_larger_images`` when nothing would be left of the picture after the pooling layers.
    """
    inputs = keras.Input((recipe.image_size, recipe.image_size, 3), name="picture")
    chain = Chain(inputs, precision)
    try:
        BUILDERS[recipe.architecture](chain)
    except ValueError as error:
        if "negative dimension" in str(error).lower() or "computed output size would be" in str(error).lower():
            raise Invalid(
                "network_needs_larger_images", architecture=recipe.architecture, size=recipe.image_size
            ) from error
        raise
    outputs = layers.Dense(classes, dtype=device.FLOAT32, kernel_initializer=chain.initializer, name=LOGITS)(chain.x)
    if recipe.logit_dropout:
        outputs = layers.Dropout(recipe.logit_dropout, dtype=device.FLOAT32, name="logit_dropout")(outputs)
    outputs = layers.Softmax(dtype=device.FLOAT32, name="probabilities")(outputs)
    return keras.Model(inputs, outputs, name=recipe.architecture)


def layer_table(recipe: Recipe, classes: int) -> list[LayerRow]:
    """The layers of a recipe's network, first to last."""
    model = build(recipe, classes)
    return [
        LayerRow(layer.name, type(layer).__name__, tuple(layer.output.shape[1:]), int(layer.count_params()))
        for layer in model.layers
        if not isinstance(layer, layers.InputLayer)
    ]


def _conv2(net: Chain) -> None:
    """Post 000: two convolutions."""
    net.conv(32, 3).relu().pool()
    net.conv(64, 2).relu().pool()
    net.flatten().dense(256).dropout(0.5)


def _conv3(net: Chain) -> None:
    """Post 001, the first network of the article it translates: three convolutions."""
    for filters in (32, 32, 64):
        net.conv(filters, 3, padding="valid").relu().pool()
    net.flatten().dense(64).dropout(0.5)


def _conv4(net: Chain) -> None:
    """Post 002: four convolutions."""
    for filters in (32, 64, 128, 128):
        net.conv(filters, 3, padding="valid").relu().pool()
    net.flatten().dense(512)


def _cifar4(net: Chain) -> None:
    """Post 003: four convolutions for small pictures."""
    for filters in (32, 64):
        net.conv(filters, 3).relu().conv(filters, 3, padding="valid").relu().pool().dropout(0.25)
    net.flatten().dense(512).dropout(0.5)


def _deepconv(net: Chain) -> None:
    """Post 004: six convolutions in three pairs; the fourth one has a border of two pixels."""
    net.initializer = "he_normal"
    net.conv(16, 3).relu().conv(16, 3).relu().pool()
    net.conv(32, 3).relu().border(2).conv(32, 3, padding="valid").relu().pool()
    net.conv(64, 3).relu().conv(64, 3).relu().pool()
    net.flatten().dense(50).dropout(0.5)


BUILDERS: dict[str, Callable[[Chain], Any]] = {
    "conv2": _conv2,
    "conv3": _conv3,
    "conv4": _conv4,
    "cifar4": _cifar4,
    "deepconv": _deepconv,
} | plus.BUILDERS

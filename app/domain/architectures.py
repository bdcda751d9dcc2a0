"""The networks, layer by layer, as plain descriptions.

A builder adds layers to anything with the methods of ``sketch.Net``: to a sketch of the network, or to its layers.
Sources of the posts' networks are named in docs/presets.md.
"""

from collections.abc import Callable
from functools import cache, partial

from app.domain import backbones, own_network
from app.domain.errors import Invalid
from app.domain.recipe import Recipe
from app.domain.recipe_fields import OWN
from app.domain.sketch import CONVOLUTIONS, Layer, Net, Sketch
from app.domain.text import N_

LEARNS, FROZEN = N_("learns in the second stage"), N_("frozen")  # a block of a pretrained network


def conv2(net: Net) -> None:
    """Post 000: two convolutions."""
    net.conv(32, 3).relu().pool()
    net.conv(64, 2).relu().pool()
    net.flatten().dense(256).dropout(0.5)


def conv3(net: Net) -> None:
    """Post 001, the first network of the article it translates: three convolutions."""
    for filters in (32, 32, 64):
        net.conv(filters, 3, padding="valid").relu().pool()
    net.flatten().dense(64).dropout(0.5)


def conv4(net: Net) -> None:
    """Post 002: four convolutions."""
    for filters in (32, 64, 128, 128):
        net.conv(filters, 3, padding="valid").relu().pool()
    net.flatten().dense(512)


def cifar4(net: Net) -> None:
    """Post 003: four convolutions for small pictures."""
    for filters in (32, 64):
        net.conv(filters, 3).relu().conv(filters, 3, padding="valid").relu().pool().dropout(0.25)
    net.flatten().dense(512).dropout(0.5)


def deepconv(net: Net) -> None:
    """Post 004: six convolutions in three pairs; the fourth one has a border of two pixels."""
    net.initializer = "he_normal"
    net.conv(16, 3).relu().conv(16, 3).relu().pool()
    net.conv(32, 3).relu().border(2).conv(32, 3, padding="valid").relu().pool()
    net.conv(64, 3).relu().conv(64, 3).relu().pool()
    net.flatten().dense(50).dropout(0.5)


def _stages(net: Net, widths: tuple[int, ...], depth: int, dropout: float) -> None:
    """Normalised convolutions and a global mean in place of a large dense layer.

    A dense layer behind a flattened map holds nearly all weights of the posts' networks and learns where in the
    picture something stood; the mean over the map forgets the place, and the few weights left can be learned from few
    pictures.
    """
    net.initializer = "he_normal"
    for number, width in enumerate(widths):
        for _ in range(1 if number == 0 else depth):
            net.conv(width, 3, bias=False).norm().relu()
        if number < len(widths) - 1:
            net.pool()
    net.mean().dropout(dropout)
    net.initializer = "glorot_uniform"


BUILDERS: dict[str, Callable[[Net], None]] = {
    "conv2": conv2,
    "conv3": conv3,
    "conv4": conv4,
    "cifar4": cifar4,
    "deepconv": deepconv,
    "conv2-plus": lambda net: _stages(net, (16, 32, 64, 96), 1, 0.2),
    "conv3-plus": lambda net: _stages(net, (16, 32, 64, 96, 128), 1, 0.3),
    "conv4-plus": lambda net: _stages(net, (16, 32, 64, 128, 192), 1, 0.3),
    "cifar4-plus": lambda net: _stages(net, (32, 64, 128), 2, 0.3),
    "deepconv-plus": lambda net: _stages(net, (16, 32, 64, 128), 2, 0.3),
}


def layer_table(recipe: Recipe, classes: int) -> list[Layer]:
    """The layers of a recipe's network for so many classes, first to last; of a pretrained one its blocks.

    Raises:
        Invalid: ``network_needs_larger_images`` when nothing would be left of the picture after the pooling layers.
    """
    if recipe.architecture == OWN:
        return _own(recipe, classes)
    smallest = smallest_size(recipe.architecture)
    if recipe.image_size < smallest:
        params = {"architecture": recipe.architecture, "size": recipe.image_size, "smallest": smallest}
        raise Invalid("network_needs_larger_images", **params)
    if recipe.pretrained:
        return _with_backbone(recipe, classes)
    sketch = Sketch(recipe.image_size)
    BUILDERS[recipe.architecture](sketch)
    return sketch.end(classes, recipe.logit_dropout)


def builder(recipe: Recipe) -> Callable[[Net], object]:
    """What adds the layers of a recipe's network that is not pretrained, up to the outputs."""
    if recipe.architecture == OWN:
        return partial(own_network.build, own_network.parse(recipe.layers))
    return BUILDERS[recipe.architecture]


def _own(recipe: Recipe, classes: int) -> list[Layer]:
    sketch = Sketch(recipe.image_size)
    builder(recipe)(sketch)
    layers = sketch.end(classes, recipe.logit_dropout)
    weights = sum(layer.parameters for layer in layers)
    if weights > own_network.MOST_WEIGHTS:
        raise Invalid("layers_too_many_weights", count=weights, most=own_network.MOST_WEIGHTS)
    return layers


def _with_backbone(recipe: Recipe, classes: int) -> list[Layer]:
    backbone = backbones.KNOWN[recipe.architecture]
    sketch = Sketch(recipe.image_size)
    for number, block in enumerate(backbone.blocks):
        side = backbone.side(recipe.image_size, number)
        learns = LEARNS if number >= len(backbone.blocks) - recipe.unfrozen_blocks else FROZEN
        sketch.shape = (side, side, block.channels)
        sketch.layers.append(Layer(block.look, f"Block {number + 1}", learns, sketch.shape, block.parameters))
    head(sketch.mean(), recipe.head_units, recipe.head_dropout)
    return sketch.end(classes, recipe.logit_dropout)


def head(net: Net, units: int, dropout: float) -> None:
    """What stands on the features of a pretrained network, up to the outputs."""
    if dropout:
        net.dropout(dropout)
    if units:
        net.dense(units)
        if dropout:
            net.dropout(dropout)


def seen(recipe: Recipe, classes: int) -> list[str]:
    """Names of the layers that Grad-CAM can look at, first to last; the last is the usual one."""
    if recipe.pretrained:
        return [block.look for block in backbones.KNOWN[recipe.architecture].blocks]
    return [layer.name for layer in layer_table(recipe, classes) if layer.kind in CONVOLUTIONS]


@cache
def smallest_size(architecture: str) -> int:
    """The smallest side in pixels of a picture from which something is left before the last layers."""
    if architecture in backbones.KNOWN:
        return backbones.SMALLEST
    size = 1
    while True:
        try:
            BUILDERS[architecture](Sketch(size))
        except ValueError:
            size += 1
        else:
            return size

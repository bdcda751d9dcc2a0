"""How much memory a training needs, from the description of its network alone.

The numbers were measured: nine trainings of six networks with 32 to 512 pictures in a step (docs/training.md). What a
layer gives out is kept for the way back; libraries add copies, borders and room to compute in, some more than others,
so that the answer is a range and not a number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from app.domain import whitening
from app.domain.recipe import Recipe
from app.domain.sketch import Layer

MEGABYTE = 2**20
IN_MEMORY = 384 * MEGABYTE  # a larger set of pictures is mapped from a file
PROGRAM = (680 * MEGABYTE, 790 * MEGABYTE)  # libraries, compiled functions, threads
OUTPUTS = (0.95, 1.7)  # times what the layers give out
COPIES = (6, 9)  # of the weights: gradients, moments of the optimiser, best states
# Of a pretrained network only the outputs of its blocks are described, and each block has many layers.
BLOCK_FROZEN, BLOCK_LEARNS = (2.0, 20.0), (10.0, 40.0)
SMALLEST_PICTURE = 32


@dataclass(frozen=True)
class Footprint:
    """Bytes: of the pictures (``mapped``: in a file), of the weights, of a step, and of everything from low to high."""

    pictures: int
    mapped: bool
    weights: int
    step: int
    low: int
    high: int


def of(recipe: Recipe, layers: Sequence[Layer], images: int, batch: int, learned: int = 0) -> Footprint:
    """What a training of ``layers`` needs.

    Args:
        recipe: size of the pictures, number format and steps that are gathered; the batch size is given apart.
        layers: of its network, see ``architectures.layer_table``.
        images: that are read, test set included.
        batch: pictures in a step.
        learned: that one model learns from; with ZCA whitening what is fitted on them is counted.
    """
    pictures = images * recipe.image_size**2 * 3
    mapped = pictures > IN_MEMORY
    parameters = 4 * sum(layer.parameters for layer in layers)
    outputs = sum(prod(layer.shape) for layer in layers)
    small = 4 if recipe.precision == "float32" else 2  # "auto" may choose either
    large = 2 if recipe.precision == "mixed" else 4
    factors = OUTPUTS
    if recipe.pretrained:
        factors = BLOCK_LEARNS if recipe.unfrozen_blocks else BLOCK_FROZEN
    held = 0 if mapped else pictures
    if recipe.accumulation > 1:  # all pictures of one change are handed over together, and the gradients are summed up
        held += min((recipe.accumulation - 1) * batch, images) * recipe.image_size**2 * 3 + parameters
    low, high = (
        program + held + fitted + copies * parameters + round(factor * outputs * batch * width)
        for program, fitted, copies, factor, width in zip(
            PROGRAM, whitening.memory(recipe, learned), COPIES, factors, (small, large), strict=True
        )
    )
    return Footprint(pictures, mapped, parameters, round(factors[1] * outputs * batch * large), low, high)

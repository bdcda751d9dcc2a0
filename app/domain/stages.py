"""The stages of a training: one, or first the head of a pretrained network alone and then some of its blocks too."""

from dataclasses import dataclass, replace

from app.domain import backbones
from app.domain.recipe import Augmentation, Recipe


@dataclass(frozen=True)
class Stage:
    """A part of a training with its own rate and epochs.

    Attributes:
        number: counted from 1.
        recipe: the values of this stage; its schedule begins anew.
        frozen: blocks of the pretrained network that do not learn; None for a network without any.
        cached: what these blocks give is computed once for each picture.
        copies: changed copies of each training picture that are computed too.
    """

    number: int
    recipe: Recipe
    frozen: int | None = None
    cached: bool = False
    copies: int = 0


def stages(recipe: Recipe) -> tuple[Stage, ...]:
    """Of a recipe, first to last."""
    if not recipe.pretrained:
        return (Stage(1, recipe),)
    blocks = len(backbones.KNOWN[recipe.architecture].blocks)
    copies = recipe.feature_copies if recipe.all_changes.active else 0
    # What was computed once cannot be changed again.
    still = replace(recipe, augmentation=Augmentation(), class_augmentation="")
    first = Stage(1, still, blocks, cached=True, copies=copies)
    if not recipe.unfrozen_blocks:
        return (first,)
    fine = replace(recipe, epochs=recipe.fine_epochs, learning_rate=recipe.fine_rate)
    frozen = blocks - min(recipe.unfrozen_blocks, blocks)
    return first, Stage(2, fine, frozen, cached=frozen > 0 and not recipe.all_changes.active)

"""Which recipes are worth trying where nobody has said anything: one that knows photographs, one that does not.

A pretrained network is far better on photographs of things, with hundreds of pictures as with thousands. On pictures
that are unlike photographs and all taken in the same way, such as cells under a microscope, a small network from
scratch that sees them turned and mirrored is better (docs/log.md). Size and number of the pictures do not tell which
they are; validation does. So both are trained, and the better one is kept.
"""

from dataclasses import replace

from app.domain.presets import PRESETS
from app.domain.recipe import Recipe

NAME = "best"  # in place of the name of a preset, on the command line
FEW, TINY, MANY = 300, 64, 3000  # images, pixels, images
_EPOCHS = 30  # of a network from scratch with more than a few pictures; all in about a minute


def recommended(images: int, side: float) -> str:
    """The name of the preset to begin with where only one is to be trained.

    With few pictures only folds use all of them for checking. A network that knows photographs says little of tiny
    pictures: on handwritten digits it is worse than one that begins from nothing.

    Args:
        images: labelled images that can be trained on.
        side: mean of the longer sides of the pictures in pixels.
    """
    if side <= TINY:
        return "wbc-plus" if images <= FEW else "cifar-plus"
    return "transfer-few" if images <= FEW else "transfer"


def candidates(images: int, side: float) -> tuple[Recipe, ...]:
    """The recipes to try, the recommended one first; all are validated in the same way.

    Args:
        images, side: as for ``recommended``.
    """
    if images <= FEW:
        names = ("transfer-few", "wbc-plus")
    elif side <= TINY:
        names = ("transfer", "cifar-plus")
    else:
        names = ("transfer", "wbc-plus" if images <= MANY else "deepconv-plus")
    first = recommended(images, side)
    folds = 5 if images <= FEW else 0
    made = []
    for name in sorted(names, key=lambda one: one != first):
        recipe = PRESETS[name].recipe
        if not recipe.pretrained and images > FEW:
            recipe = replace(recipe, epochs=_EPOCHS)
        made.append(replace(recipe, folds=folds, validation_share=0.2))
    return tuple(made)

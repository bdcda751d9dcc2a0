"""Which recipes are tried where nobody has said anything: one that knows photographs, one that does not.

A pretrained network is far better on photographs of things, with hundreds of pictures as with thousands. On pictures
that are unlike photographs and all taken in the same way, such as cells under a microscope, a small network from
scratch that sees them turned and mirrored is better (docs/log.md). Size and number of the pictures do not tell which
they are; validation does. So they are trained one after the other, and the better one is kept. The next one is left
out where it could not win, and its epochs are bounded by what they cost.
"""

from dataclasses import replace

from app.domain import metrics
from app.domain.presets import PRESETS
from app.domain.recipe import Recipe
from app.domain.stats import exact

NAME = "best"  # in place of the name of a preset
FEW, TINY, MANY = 300, 64, 3000  # images, pixels, images
SECONDS = 85.0  # of all trainings together, on two cores
FIRST = SECONDS / 4  # of these for a network from scratch that is tried before a pretrained one
FOLDS, SHARE = 5, 0.2
SURE = 0.9  # no other recipe is tried once the part that is right is above this, beyond doubt
ENOUGH = 10  # epochs that a network from scratch must have time for where it is tried first
FEWEST_EPOCHS, FEWEST_FINE = 5, 3  # of a network from scratch, and of a second stage: fewer are not worth beginning
_EPOCHS = 30  # of a network from scratch with more than few pictures
# Seconds on two cores (docs/log.md), until something is measured: for a pixel in an epoch from scratch, for a pixel
# that a pretrained network sees once, and before the first step.
_PACE = {"conv2-plus": 1.5e-7, "cifar4-plus": 3.4e-7, "deepconv-plus": 3.4e-7}
_FINE = 1e-7  # in an epoch of a second stage
_ONCE, _START = 1e-7, 4.0


def candidates(images: int, side: float, smallest: int = FOLDS) -> tuple[Recipe, ...]:
    """The recipes to try, in this order; all are validated in the same way.

    With few pictures only folds use all of them for checking. A network that knows photographs says little of tiny
    pictures: on handwritten digits it is worse than one that begins from nothing, which is tried first there. Of many
    tiny pictures that one would see too little in its part of the time, and the last blocks of a pretrained one learn
    from so many as well.

    Args:
        images: labelled images that can be trained on.
        side: mean of the longer sides of the pictures in pixels.
        smallest: images of the smallest class; no class can have fewer than there are folds.
    """
    if images <= FEW:
        names = ["transfer-few", "wbc-plus"]
    elif side <= TINY:
        names = ["transfer-tiny", "cifar-plus"]
    else:
        names = ["transfer", "wbc-plus" if images <= MANY else "deepconv-plus"]
    if side <= TINY:
        names.reverse()
    folds = (min(FOLDS, smallest) if smallest > 1 else FOLDS) if images <= FEW else 0
    made: list[Recipe] = []
    for name in names:
        recipe = PRESETS[name].recipe
        if not recipe.pretrained:
            recipe = replace(recipe, epochs=recipe.epochs if folds else _EPOCHS)
        if not recipe.pretrained and not made:  # the first leaves time for the next, which takes longer
            epoch = images * pace(recipe)
            if epoch * ENOUGH > FIRST and not folds:
                continue
            recipe = within(recipe, epoch, FIRST)
        made.append(replace(recipe, folds=folds, validation_share=SHARE))
    return tuple(made)


def meant(recipe: Recipe, first: Recipe) -> bool:
    """True for the values that the form begins with: nothing but the seed was changed, so all are to be tried."""
    return recipe.preset == NAME and replace(recipe, preset=first.preset, seed=first.seed) == first


def settled(right: int, images: int) -> bool:
    """True when nothing is left to win: no other recipe need be tried.

    Even one without a mistake could not be told from luck: the pictures that change are fewer than McNemar's exact test
    needs at 5 %, which are 6. And what is right is surely enough: its 95 % interval (Wilson) begins above ``SURE``.

    Args:
        right, images: of the validation.
    """
    interval = metrics.wilson(right, images)
    return interval is not None and images - right < exact.fewest_changes() and interval.low >= SURE


def pace(recipe: Recipe) -> float:
    """Seconds for one picture in an epoch of the last stage, about, on two cores; for where nothing was measured."""
    fine = _FINE if recipe.unfrozen_blocks else 0.0
    return _PACE.get(recipe.architecture, fine) * recipe.image_size**2


def about(recipe: Recipe, learned: int, images: int) -> float:
    """Seconds of a training, about, on two cores; for where nothing was measured.

    Args:
        learned: images that its models learn from, all models together.
        images: of the whole training.
    """
    epochs = recipe.fine_epochs if recipe.unfrozen_blocks else recipe.epochs
    return _START + once(recipe) * images + pace(recipe) * learned * epochs


def once(recipe: Recipe) -> float:
    """Seconds for one picture beside the epochs, about, on two cores; for where nothing was measured."""
    return _ONCE * recipe.image_size**2 if recipe.pretrained else 0.0


def bounded(recipe: Recipe, learned: int, picture: float, spent: float, before: float = 0.0) -> Recipe:
    """``recipe`` with as many epochs as fit into what is left of the time, or into as long as was spent before.

    Args:
        learned: images that its models learn from, all models together.
        picture: seconds for one of them in an epoch, of the last stage where there are two.
        spent: seconds of the trainings before it.
        before: seconds that it takes beside its epochs.
    """
    return within(recipe, learned * picture, max(SECONDS - spent, spent) - before)


def within(recipe: Recipe, epoch: float, seconds: float) -> Recipe:
    """``recipe`` with as many epochs as fit into ``seconds``, but not too few; ``epoch``: what one takes."""
    most = int(seconds / epoch) if epoch else recipe.all_epochs
    if recipe.unfrozen_blocks:
        return replace(recipe, fine_epochs=min(recipe.fine_epochs, max(most, FEWEST_FINE)))
    return replace(recipe, epochs=min(recipe.epochs, max(most, FEWEST_EPOCHS)))

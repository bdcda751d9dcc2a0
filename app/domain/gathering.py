"""Smaller steps that change the weights by as many pictures as before: their gradients are gathered."""

from app.domain.recipe import FIELDS, Recipe


def in_steps_of(batch: int, recipe: Recipe, learned: int = 0) -> dict[str, int]:
    """``batch_size`` and ``accumulation`` for steps of ``batch`` pictures.

    Args:
        batch: pictures of one step, at most those of ``recipe``.
        learned: pictures that there are to learn from; a step never has more. 0: enough.
    """
    now = min(recipe.batch_size, learned) if learned else recipe.batch_size
    steps = round(now * recipe.accumulation / batch)
    return {"batch_size": batch, "accumulation": min(steps, int(FIELDS["accumulation"].high))}

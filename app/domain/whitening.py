"""How large the statistics of ZCA whitening become: the limit for all who ask, and the memory they take.

A picture of d numbers is whitened with min(n, d) directions of d numbers each, for n training pictures.
"""

from math import isqrt

from app.domain import sizes
from app.domain.errors import Invalid
from app.domain.recipe import Recipe
from app.domain.recipe_fields import ZCA

MOST = 32_000_000  # numbers of all directions: 128 MB in memory and in each saved model
_BYTES = 4  # of each
UNEVEN = 1.25  # a model may learn from so many times what was expected, because groups are not torn apart
_COPIES = (2, 5)  # of the directions: as fitted, as the network has them, and the file that is written
_SQUARES = (2, 5)  # of the matrix whose directions are looked for, in float64, while that is done


def numbers(size: int, learned: int) -> int:
    """Of the directions for pictures of ``size`` pixels, fitted on ``learned`` of them."""
    width = 3 * size * size
    return width * min(width, learned)


def largest(learned: int, most: float = MOST) -> int:
    """The largest size of pictures whose directions stay within the limit."""
    few, any_number = int(most) // (3 * max(learned, 1)), isqrt(int(most)) // 3
    return isqrt(max(few, any_number))


def check(recipe: Recipe, learned: int, most: float = MOST) -> None:
    """Raises Invalid (``zca_too_large``) where ``learned`` pictures give more than ``most`` numbers."""
    if recipe.fitted_step == ZCA and numbers(recipe.image_size, learned) > most:
        needed, room = sizes.apart(_BYTES * numbers(recipe.image_size, learned), _BYTES * int(most))
        size = largest(learned, most)
        raise Invalid(
            "zca_too_large", image_size=recipe.image_size, images=learned, needed=needed, room=room, most=size
        )


def memory(recipe: Recipe, learned: int) -> tuple[int, int]:
    """Bytes, from low to high."""
    if recipe.fitted_step != ZCA:
        return 0, 0
    side = min(3 * recipe.image_size**2, learned)
    kept, square = _BYTES * numbers(recipe.image_size, learned), 8 * side * side
    low, high = (copies * kept + more * square for copies, more in zip(_COPIES, _SQUARES, strict=True))
    return low, high

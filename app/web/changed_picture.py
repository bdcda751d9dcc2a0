"""A picture as a test shows it to the network, made by the code that the worker uses."""

import io

import numpy as np
from PIL import Image

from app.domain import resize
from app.domain.alterations import Alteration
from app.domain.recipe import Recipe

LARGEST = 192  # pixels; larger inputs are shown at that size
QUALITY = 90


def jpeg(data: bytes, recipe: Recipe, alteration: Alteration | None) -> bytes:
    """The square that the network gets of one of our own copies, changed; without a change as it is."""
    with Image.open(io.BytesIO(data)) as image:
        size = np.array([image.size], dtype=np.int64)
        array = np.asarray(image.convert("RGB"), dtype=np.uint8)
    square = resize.fit(array, min(recipe.image_size, LARGEST), recipe.resize_mode, recipe.pad_color)
    shown = square if alteration is None else alteration.apply(square[None], size)[0]
    output = io.BytesIO()
    Image.fromarray(shown).save(output, "JPEG", quality=QUALITY, subsampling=0)
    return output.getvalue()

"""Pictures of what the augmentation does, made by the code that the training uses.

Up to ``LARGEST`` pixels a tile is exactly what the network would be given. A larger input is shown at that size, which
changes nothing that can be seen: all movements are parts of the picture.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.domain import augment, augment_pixels, mixing, resize
from app.domain.errors import Invalid
from app.domain.recipe import Augmentation, Recipe
from app.domain.text import N_

TILES = 8  # changed pictures beside the original
LARGEST = 192
QUALITY = 92
Tiles = NDArray[np.uint8]


@dataclass(frozen=True)
class Operation:
    """One operation by itself: the fields of ``Augmentation`` that belong to it."""

    name: str
    label: str
    fields: tuple[str, ...]


OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("rotation", N_("Turn"), ("rotation",)),
        Operation("width_shift", N_("Shift sideways"), ("width_shift",)),
        Operation("height_shift", N_("Shift up and down"), ("height_shift",)),
        Operation("shear", N_("Shear"), ("shear",)),
        Operation("zoom", N_("Zoom"), ("zoom_low", "zoom_high")),
        Operation("channel_shift", N_("Shift of the colours"), ("channel_shift",)),
        Operation("brightness", N_("Brightness"), ("brightness_low", "brightness_high")),
        Operation("contrast", N_("Contrast"), ("contrast_low", "contrast_high")),
        Operation("blur", N_("Blur"), ("blur",)),
        Operation("noise", N_("Noise"), ("noise",)),
        Operation("erase", N_("Erased rectangle"), ("erase",)),
        Operation("mixup", N_("MixUp"), ("mixup",)),
        Operation("cutmix", N_("CutMix"), ("cutmix",)),
        Operation("horizontal_flip", N_("Mirror left and right"), ("horizontal_flip",)),
        Operation("vertical_flip", N_("Mirror up and down"), ("vertical_flip",)),
    )
}


def alone(augmentation: Augmentation, operation: Operation) -> Augmentation:
    """``augmentation`` with everything but one operation switched off."""
    values = {name: getattr(augmentation, name) for name in operation.fields}
    neutral = Augmentation(fill_mode=augmentation.fill_mode, fill_value=augmentation.fill_value)
    return replace(neutral, **values)


def active(augmentation: Augmentation) -> list[Operation]:
    """The operations that change something, in their order."""
    return [operation for operation in OPERATIONS.values() if alone(augmentation, operation).active]


def tiles(data: bytes, recipe: Recipe, seed: int, other: bytes = b"", others: Augmentation | None = None) -> Tiles:
    """The picture as the network gets it, and ``TILES`` changed ones.

    Args:
        data: one of our own copies, PNG or JPEG.
        recipe: size, resize mode, colour of the border and augmentation are used.
        seed: of the draws.
        other: the picture that MixUp and CutMix mix in; without it nothing is mixed.
        others: the changes of that one, where it is of a class that has other ones.

    Returns:
        (1 + TILES, size, size, 3); ``size`` is the recipe's, at most ``LARGEST``.
    """
    square = _square(data, recipe)
    both = [_shown(recipe, spec, len(square)) for spec in (recipe.augmentation, others or recipe.augmentation)]
    draws, beside = (augment.draw(spec, TILES, len(square), np.random.default_rng(seed)) for spec in both)
    return np.concatenate([square[None], _changed(square, draws, _square(other, recipe) if other else None, beside)])


def extremes(data: bytes, recipe: Recipe, name: str, other: bytes = b"") -> Tiles:
    """One operation alone at its two limits; a mirrored picture has only one.

    Raises:
        Invalid: ``field_choice`` for an unknown operation.
    """
    operation = OPERATIONS.get(name)
    if operation is None:
        raise Invalid("field_choice", value=name[:40], choices=", ".join(OPERATIONS))
    square = _square(data, recipe)
    draws = _limits(alone(_shown(recipe, recipe.augmentation, len(square)), operation), len(square))
    return _changed(square, draws, _square(other, recipe) if other else None, draws)


def sprite(pictures: Tiles) -> bytes:
    """The tiles in one row, as a JPEG."""
    output = io.BytesIO()
    Image.fromarray(np.concatenate(list(pictures), axis=1)).save(output, "JPEG", quality=QUALITY, subsampling=0)
    return output.getvalue()


def _square(data: bytes, recipe: Recipe) -> Tiles:
    with Image.open(io.BytesIO(data)) as image:
        array = np.asarray(image.convert("RGB"), dtype=np.uint8)
    return resize.fit(array, min(recipe.image_size, LARGEST), recipe.resize_mode, recipe.pad_color)


def _shown(recipe: Recipe, spec: Augmentation, size: int) -> Augmentation:
    """Changes for a tile of ``size`` pixels; the blur is told in pixels, and so are shifts from 1 on."""
    return replace(
        spec,
        blur=spec.blur * size / recipe.image_size,
        width_shift=_shift(spec.width_shift, recipe.image_size),
        height_shift=_shift(spec.height_shift, recipe.image_size),
    )


def _shift(shift: float, size: int) -> float:
    """A shift in pixels as a part of the side; a picture that is shifted out of sight stays so."""
    return shift / size if 1 <= shift < size else shift


def _changed(square: Tiles, draws: augment.Draws, other: Tiles | None, beside: augment.Draws) -> Tiles:
    """The picture after ``draws``, mixed with another one after those ``beside``."""
    changed = augment.apply(np.repeat(square[None], len(draws), axis=0), draws)
    if other is not None and draws.augmentation.mixes:
        others = augment.apply(np.repeat(other[None], len(draws), axis=0), beside)
        changed = mixing.apply(changed, others, draws.mixing)
    return np.rint(changed).clip(0, 255).astype(np.uint8)


def _limits(spec: Augmentation, size: int) -> augment.Draws:
    """Both ends of every range in place of random draws between them."""

    def ends(low: float, high: float) -> NDArray[np.float64]:
        return np.array([low, high], dtype=np.float64)

    def both(limit: float) -> NDArray[np.float64]:
        return ends(-limit, limit)

    mirrored = spec.horizontal_flip or spec.vertical_flip
    zoom = ends(spec.zoom_low, spec.zoom_high)
    matrices = augment.matrices(
        size,
        rotation=both(spec.rotation),
        shift=np.stack([both(augment.in_pixels(one, size)) for one in (spec.width_shift, spec.height_shift)], axis=1),
        shear=both(spec.shear),
        zoom=np.stack([zoom, zoom], axis=1),
        flip=np.tile([spec.horizontal_flip, spec.vertical_flip], (2, 1)),
    )
    some = augment.draw(spec, 2, size, np.random.default_rng(0))
    limits = {
        augment_pixels.CHANNEL_SHIFT: both(spec.channel_shift),
        augment_pixels.BRIGHTNESS: ends(spec.brightness_low, spec.brightness_high),
        augment_pixels.CONTRAST: ends(spec.contrast_low, spec.contrast_high),
        augment_pixels.BLUR: ends(spec.blur / 2, spec.blur),
        augment_pixels.NOISE: ends(spec.noise / 2, spec.noise),
    }
    for column, values in limits.items():
        some.pixels[:, column] = values
    if spec.erase:  # of both, and not by chance
        some = augment.draw(replace(spec, erase=1.0), 2, size, np.random.default_rng(0))
    if spec.mixup:
        some.mixing[:, mixing.PIXELS] = ends(0.75, 0.5)
    draws = replace(some, matrices=matrices)
    return draws.part(slice(1)) if mirrored else draws


_FORMS = {
    "rotation": "±{:g}°",
    "shear": "±{:g}°",
    "channel_shift": "±{:g}",
    "width_shift": "±{part:g} %",
    "height_shift": "±{part:g} %",
    "erase": "{part:g} %",
    "blur": "≤ {:g} px",
    "noise": "≤ {:g}",
}


def caption(augmentation: Augmentation, operation: Operation) -> str:
    """The limits of an operation in figures, such as "±40°" or "0.8 – 1.2"; nothing for a mirrored picture."""
    values: Sequence[float | bool] = [getattr(augmentation, name) for name in operation.fields]
    if len(values) == 2:
        return f"{values[0]:g} – {values[1]:g}"
    if isinstance(values[0], bool):
        return ""
    if operation.name.endswith("_shift") and operation.name != "channel_shift" and values[0] >= 1:
        return f"±{values[0]:g} px"
    return _FORMS.get(operation.name, "{:g}").format(values[0], part=values[0] * 100)

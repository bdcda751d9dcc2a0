"""Random changes of training pictures: the draws, their matrices and a warp in NumPy.

The operations, their order and their parameters are those of Keras' ``ImageDataGenerator``
(``keras/src/legacy/preprocessing/image.py``): rotation, shift, shear and zoom as one affine map, then the channel
shift, the flips and the brightness. Behind them come those that it does not have (``augment_pixels``, ``mixing``). The
training warps the same draws in one compiled kernel (``worker.ml.warp``); the preview uses ``apply``.

One difference is deliberate: in Keras 3 a ``width_shift`` moves a picture up and down, because the legacy code swaps
the axes of its matrix after it has filled in the shifts. Here it moves left and right, as its documentation says.
With equal ranges, which all posts use, the draws have the same distribution.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.domain import augment_pixels, mixing
from app.domain.recipe import Augmentation

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Draws:
    """What happens to each of n pictures.

    Attributes:
        matrices: (n, 6) float32 rows a, b, c, d, e, f: the pixel at column x and row y of the result comes from
            column ``a x + b y + c`` and row ``d x + e y + f`` of the picture. Flips are part of it.
        pixels: (n, augment_pixels.COLUMNS) float32, what happens to colours afterwards.
        mixing: (n, mixing.COLUMNS) float32, how much of another picture of the batch.
        augmentation: the settings that the values were drawn from; those of all classes together where they differ.
    """

    matrices: Float32
    pixels: Float32
    mixing: Float32
    augmentation: Augmentation

    def __len__(self) -> int:
        return len(self.matrices)

    def only(self, chosen: NDArray[np.bool_]) -> "Draws":
        """The same with nothing done to the pictures that are not ``chosen``, (n,)."""
        return self.or_else(draw(Augmentation(), 1, 2, np.random.default_rng(0)), chosen)

    def or_else(self, others: "Draws", chosen: NDArray[np.bool_]) -> "Draws":
        """These for the pictures that are ``chosen``, (n,), and ``others`` (of as many, or of one) for the rest."""
        mine = chosen[:, None]
        return replace(
            self,
            matrices=np.where(mine, self.matrices, others.matrices),
            pixels=np.where(mine, self.pixels, others.pixels),
            mixing=np.where(mine, self.mixing, others.mixing),
        )

    def at(self, places: NDArray[np.int64]) -> "Draws":
        """The draws of the pictures at ``places``, which may name one several times."""
        return replace(self, matrices=self.matrices[places], pixels=self.pixels[places], mixing=self.mixing[places])

    def part(self, which: slice) -> "Draws":
        """The draws of some of the pictures."""
        return replace(
            self, matrices=self.matrices[which], pixels=self.pixels[which], mixing=self.mixing[which]
        )  # fmt: skip


def draw(augmentation: Augmentation, n: int, size: int, rng: np.random.Generator) -> Draws:
    """Random changes for ``n`` square pictures of ``size`` pixels. The same generator state gives the same draws."""
    spec = augmentation

    def both(limit: float) -> Float64:
        return rng.uniform(-limit, limit, n)

    matrix = matrices(
        size,
        rotation=both(spec.rotation),
        shift=np.stack([both(in_pixels(spec.width_shift, size)), both(in_pixels(spec.height_shift, size))], axis=1),
        shear=both(spec.shear),
        zoom=rng.uniform(spec.zoom_low, spec.zoom_high, (n, 2)),
        flip=(rng.random((n, 2)) < 0.5) & np.array([spec.horizontal_flip, spec.vertical_flip]),
    )
    pixels = augment_pixels.draw(spec, n, size, rng)
    return Draws(matrix, pixels, mixing.draw(spec, n, size, rng), spec)


def in_pixels(shift: float, size: int) -> float:
    """A shift below 1 is a part of the side; 1 and more is a number of pixels, as Keras reads it.

    Drawn is any number up to it, as Keras does for a float (of an integer n it takes whole pixels below n only).
    """
    return shift * size if shift < 1 else shift


def matrices(
    size: int, *, rotation: Float64, shift: Float64, shear: Float64, zoom: Float64, flip: NDArray[np.bool_]
) -> Float32:
    """Affine maps from result to picture for square pictures of ``size`` pixels, about their centre.

    Args:
        size: side of the pictures in pixels.
        rotation, shear: (n,) degrees.
        shift: (n, 2) pixels, horizontal and vertical.
        zoom: (n, 2) factors, horizontal and vertical; above 1 shows more of the surroundings.
        flip: (n, 2), horizontal and vertical; mirrored after everything else.

    Returns:
        (n, 6) float32, see ``Draws.matrices``.
    """
    cos, sin = np.cos(np.deg2rad(rotation)), np.sin(np.deg2rad(rotation))
    cos_shear, sin_shear = np.cos(np.deg2rad(shear)), np.sin(np.deg2rad(shear))
    # The product of the matrices rotation, shift, shear and zoom, in this order.
    a, b = cos * zoom[:, 0], (-cos * sin_shear - sin * cos_shear) * zoom[:, 1]
    d, e = sin * zoom[:, 0], (-sin * sin_shear + cos * cos_shear) * zoom[:, 1]
    move_x = cos * shift[:, 0] - sin * shift[:, 1]
    move_y = sin * shift[:, 0] + cos * shift[:, 1]
    sign = np.where(flip, -1.0, 1.0)
    a, d, b, e = a * sign[:, 0], d * sign[:, 0], b * sign[:, 1], e * sign[:, 1]
    centre = (size - 1) / 2
    c, f = move_x + centre - a * centre - b * centre, move_y + centre - d * centre - e * centre
    return np.stack([a, b, c, d, e, f], axis=1).astype(np.float32)


def apply(images: NDArray[np.uint8], draws: Draws) -> Float32:
    """The pictures after the drawn changes, without the mixing, which takes other pictures.

    Args:
        images: (n, size, size, 3) uint8.
        draws: for n pictures of this size.

    Returns:
        (n, size, size, 3) float32 between 0 and 255.
    """
    spec = draws.augmentation
    return augment_pixels.apply(warp(images, draws.matrices, spec.fill_mode, spec.fill_value), spec, draws.pixels)


def warp(images: NDArray[np.uint8], matrix: Float32, fill_mode: str, fill_value: float) -> Float32:
    """Bilinear affine warp that fills what lies outside as ``scipy.ndimage.affine_transform`` with order 1 does.

    Args:
        images: (n, size, size, 3) uint8.
        matrix: (n, 6) float32, see ``Draws.matrices``.
        fill_mode: ``nearest``, ``constant``, ``reflect`` or ``wrap`` (scipy's, whose period is size - 1).
        fill_value: outside of the picture with ``constant``.

    Returns:
        (n, size, size, 3) float32.
    """
    n, size = images.shape[:2]
    rows, columns = np.meshgrid(np.arange(size, dtype=np.float64), np.arange(size, dtype=np.float64), indexing="ij")
    a, b, c, d, e, f = (matrix[:, i, None, None].astype(np.float64) for i in range(6))
    x, y = a * columns + b * rows + c, d * columns + e * rows + f
    inside = (x >= 0) & (x <= size - 1) & (y >= 0) & (y <= size - 1)
    x, y = _inside(x, size, fill_mode), _inside(y, size, fill_mode)
    left, top = (np.minimum(np.floor(v), size - 2).astype(np.intp) for v in (x, y))
    part_x, part_y = ((v - low).astype(np.float32)[..., None] for v, low in ((x, left), (y, top)))
    picture = np.arange(n)[:, None, None]

    def pixel(row: NDArray[np.intp], column: NDArray[np.intp]) -> Float32:
        return images[picture, row, column].astype(np.float32)

    upper = _between(pixel(top, left), pixel(top, left + 1), part_x)
    lower = _between(pixel(top + 1, left), pixel(top + 1, left + 1), part_x)
    result = _between(upper, lower, part_y)
    if fill_mode == "constant":
        result[~inside] = fill_value
    return result


def _between(first: Float32, second: Float32, part: Float32) -> Float32:
    # In this form an even area stays exactly even, which the whole-number step of the brightness needs.
    return first + (second - first) * part


def _inside(position: Float64, size: int, fill_mode: str) -> Float64:
    """The position within 0 to size - 1 whose value stands at ``position``."""
    last = size - 1
    if fill_mode == "reflect":
        folded = np.mod(position + 0.5, 2 * size)
        position = np.minimum(folded, 2 * size - folded) - 0.5
    elif fill_mode == "wrap":
        outside = (position < 0) | (position > last)
        position = np.where(outside, np.mod(position, last), position)
    return np.clip(position, 0, last)

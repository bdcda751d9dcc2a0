"""Heat maps of the picture itself, which need no layer: integrated gradients and occlusion.

``score`` gives the values before the softmax (m, classes) of pictures (m, size, size, 3) float32 from 0 to 255. Maps
are (n, k, cells, cells), 0 and more, not scaled, of k classes by their positions.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from app.domain.explaining import Method

STEPS = 32  # of the way from the black picture
AT_ONCE = 8
FINEST = 56  # cells on a side: single pixels of a large picture are too fine to be seen
GRID = 12  # cells on a side of an occlusion map; the square covers 2 x 2 of them

Score = Callable[[Any], Any]


def shape(size: int, method: Method) -> tuple[int, int]:
    """Height and width of the maps of pictures of ``size`` pixels."""
    side = GRID if method is Method.OCCLUSION else -(-size // _cell(size))
    return side, side


def integrated_gradients(score: Score, pictures: Any, classes: Any) -> Any:
    """Sundararajan and others (2017), from black, in the middle of each of 32 steps; the positive part."""
    return tf.nn.relu(attributions(score, pictures, classes))


def attributions(score: Score, pictures: Any, classes: Any) -> Any:
    """What the pixels of each cell add to a class, with its sign; the sum is its distance from the black picture's."""
    cell = _cell(int(pictures.shape[1]))
    shares = (np.arange(STEPS, dtype=np.float32) + 0.5) / STEPS
    parts = tf.constant(shares.reshape(-1, AT_ONCE, 1, 1, 1))

    def of_class(pair: Any) -> Any:
        picture, position = pictures[pair[0]], pair[1]

        def of_part(part: Any) -> Any:
            on_the_way = part * picture[None]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(on_the_way)
                value = tf.reduce_sum(tf.gather(score(on_the_way), position, axis=1))
            return tf.reduce_sum(tape.gradient(value, on_the_way), axis=0)

        gradients = tf.reduce_sum(tf.map_fn(of_part, parts, fn_output_signature=tf.float32), axis=0) / STEPS
        return _cells(tf.reduce_sum(gradients * picture, axis=-1), cell)

    return _each(pictures, classes, of_class)


def occlusion(score: Score, pictures: Any, classes: Any) -> Any:
    """Zeiler and Fergus (2014): how far a class falls when a square of the picture's mean colour covers a place.

    The square moves by half its side; a cell gets the mean of all squares that cover it, and its positive part.
    """
    masks, weights = squares(int(pictures.shape[1]))
    rows = tf.constant(masks.reshape(GRID - 1, GRID - 1, *masks.shape[1:], 1))

    def of_picture(picture: Any) -> Any:
        grey = tf.reduce_mean(picture, axis=(0, 1))

        def of_row(row: Any) -> Any:
            return score(tf.where(row, grey, picture[None]))

        covered = tf.reshape(tf.map_fn(of_row, rows, fn_output_signature=tf.float32), (len(masks), -1))
        fall = tf.gather(score(picture[None]) - covered, classes, axis=1)
        return tf.reshape(tf.einsum("sk,sc->kc", fall, tf.constant(weights)), (-1, GRID, GRID))

    return tf.nn.relu(tf.map_fn(of_picture, pictures, fn_output_signature=tf.float32))


def squares(size: int) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """The covering squares (121, size, size), and the weight (121, 144) of each in each cell of the map."""
    edges = np.rint(np.linspace(0, size, GRID + 1)).astype(int)
    masks = np.zeros(((GRID - 1) ** 2, size, size), np.bool_)
    cells = np.zeros((len(masks), GRID, GRID), np.float32)
    for place in range(len(masks)):
        row, column = divmod(place, GRID - 1)
        masks[place, edges[row] : edges[row + 2], edges[column] : edges[column + 2]] = True
        cells[place, row : row + 2, column : column + 2] = 1
    weights: NDArray[np.float32] = (cells / cells.sum(axis=0)).reshape(len(masks), -1)
    return masks, weights


def _cell(size: int) -> int:
    return -(-size // FINEST)


def _cells(values: Any, cell: int) -> Any:
    """Sums over squares of ``cell`` pixels; the last ones may be smaller."""
    side = int(values.shape[0])
    missing = -side % cell
    padded = tf.pad(values, ((0, missing), (0, missing)))
    count = (side + missing) // cell
    return tf.reduce_sum(tf.reshape(padded, (count, cell, count, cell)), axis=(1, 3))


def _each(pictures: Any, classes: Any, made: Callable[[Any], Any]) -> Any:
    """``made`` of each pair of a picture's place and a class, as (n, k, cells, cells)."""
    count, many = tf.shape(pictures)[0], tf.shape(classes)[0]
    pairs = (tf.repeat(tf.range(count), many), tf.tile(classes, (count,)))
    maps = tf.map_fn(made, pairs, fn_output_signature=tf.float32)
    return tf.reshape(maps, (count, many, *shape(int(pictures.shape[1]), Method.INTEGRATED)))

"""Rows laid out on a plane so that near ones stay near, by neighbours that attract and samples that repel.

The idea is that of UMAP (McInnes and others 2018) with the kernel 1 / (1 + d²) of t-SNE: weights of neighbours as
UMAP draws them, then descent with negative samples, in whole arrays.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from app.domain import clusters

NEAR = 15
WIDTH = 50  # leading directions that distances are measured in
PARTS = 8  # steps of one round, each with a share of the edges
REPEL = 2  # samples for each edge, each of which counts for REPELLED / REPEL
REPELLED = 5.0
FARTHEST = 4.0  # a single push
ROUNDS, FEW_ROUNDS, MANY = 400, 150, 20_000  # rounds below and above so many rows

Floats = NDArray[np.float32]
Places = NDArray[np.int64]


def first_view(few: Floats) -> Floats:
    """The two leading directions (n, 2): there at once."""
    plane = np.zeros((len(few), 2), dtype=np.float32)
    width = min(2, few.shape[1])
    plane[:, :width] = few[:, :width]
    return plane


def lay_out(few: Floats, go_on: Callable[[int, int], bool], *, seed: int = 0) -> Floats | None:
    """Places (n, 2) of rows (n, width); None when ``go_on(done, total)``, asked each round, said no."""
    rows = np.ascontiguousarray(few[:, :WIDTH])
    plane = first_view(rows)
    if len(rows) < 4:
        return plane
    rng = np.random.default_rng(seed)
    plane = plane * np.float32(5 / max(float(plane.std()), 1e-6))
    plane += rng.normal(0, 1e-2, plane.shape).astype(np.float32)
    heads, tails, weights = edges(*clusters.neighbours(rows, NEAR))
    rounds = ROUNDS if len(rows) <= MANY else FEW_ROUNDS
    for number in range(rounds):
        if not go_on(number, rounds):
            return None
        speed = np.float32(1 - number / rounds)
        active = np.flatnonzero(rng.random(len(weights), dtype=np.float32) < weights)
        for part in np.array_split(rng.permutation(active), PARTS):
            _step(plane, heads[part], tails[part], speed, rng)
    return plane


def edges(places: Places, distances: Floats) -> tuple[Places, Places, Floats]:
    """Pairs of neighbours (each once) with weights from 0 to 1: how likely one is near the other."""
    nearest = distances[:, :1]
    wanted = np.log2(distances.shape[1])
    low, high = np.zeros(len(places), dtype=np.float32), np.full(len(places), 1e3, dtype=np.float32)
    beyond = np.maximum(distances - nearest, 0)
    for _ in range(24):  # a width for each row at which its neighbours add up to the same
        width = (low + high) / 2
        total = np.exp(-beyond / np.maximum(width, 1e-6)[:, None]).sum(axis=1)
        low, high = np.where(total < wanted, width, low), np.where(total < wanted, high, width)
    weights = np.exp(-beyond / np.maximum(high, 1e-6)[:, None]).ravel()
    one, other = np.repeat(np.arange(len(places)), places.shape[1]), places.ravel()
    pairs, owner = np.unique(np.minimum(one, other) * len(places) + np.maximum(one, other), return_inverse=True)
    apart = np.ones(len(pairs), dtype=np.float64)  # that neither is a neighbour of the other
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(len(pairs)))
    apart = np.multiply.reduceat(1 - weights[order].astype(np.float64), starts)
    return pairs // len(places), pairs % len(places), (1 - apart).astype(np.float32)


def _step(plane: Floats, heads: Places, tails: Places, speed: np.float32, rng: np.random.Generator) -> None:
    moves = np.zeros((2, len(plane)))
    apart = plane[heads] - plane[tails]
    pull = -2 / (1 + np.einsum("ij,ij->i", apart, apart))
    push = np.clip(pull[:, None] * apart, -FARTHEST, FARTHEST)
    for axis in range(2):
        moves[axis] += np.bincount(heads, push[:, axis], len(plane)) - np.bincount(tails, push[:, axis], len(plane))
    for ends in (heads, tails)[:REPEL]:
        apart = plane[ends] - plane[rng.integers(0, len(plane), len(ends))]
        square = np.einsum("ij,ij->i", apart, apart)
        force = np.float32(REPELLED / REPEL) * 2 / ((np.float32(1e-2) + square) * (1 + square))
        push = np.clip(force[:, None] * apart, -FARTHEST, FARTHEST)
        for axis in range(2):
            moves[axis] += np.bincount(ends, push[:, axis], len(plane))
    plane += (speed * moves.T).astype(np.float32)

"""Draws white blood cells as a microscope shows them after staining: a stand-in for pictures we may not ship.

Everything is made of soft-edged shapes on a grid of twice the final size, in floating point. What tells the three kinds
apart is what tells the real ones apart: the number and form of the lobes of the nucleus, the granules, the size of the
cell and the colour of its plasma. All of it varies, and the kinds overlap a little.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image, ImageFilter

SIDE = 100
_SCALE = 2
_GRID = SIDE * _SCALE
_Y, _X = np.mgrid[0:_GRID, 0:_GRID].astype(np.float32) / _SCALE  # coordinates in final pixels

Array = np.ndarray


@dataclass(frozen=True)
class CellKind:
    """How one kind of cell looks. Ranges are (low, high) of a uniform draw, lengths in pixels, colours RGB 0..255."""

    name: str
    radius: tuple[float, float]
    plasma: tuple[int, int, int]
    granules: tuple[int, int, int]
    granule_strength: tuple[float, float]
    granule_size: tuple[float, float]
    nucleus: tuple[int, int, int]
    lobes: tuple[int, ...]  # one of these numbers; 1 is a kidney
    lobe_weights: tuple[float, ...]


CELL_KINDS = (
    CellKind(
        "neutrophil", (22, 29), (224, 196, 207), (198, 130, 152), (0.10, 0.5), (0.7, 1.0), (95, 57, 134),
        (2, 3, 4, 5), (0.22, 0.33, 0.28, 0.17),
    ),
    CellKind(
        "eosinophil", (23, 30), (226, 190, 192), (211, 106, 88), (0.25, 0.85), (1.0, 1.5), (99, 61, 138),
        (2, 3), (0.75, 0.25),
    ),
    CellKind(
        "monocyte", (25, 33), (200, 186, 207), (172, 144, 180), (0.08, 0.45), (0.6, 1.0), (111, 76, 150),
        (1, 2), (0.86, 0.14),
    ),
)  # fmt: skip


def draw_cell(kind: CellKind, rng: np.random.Generator) -> Array:
    """One picture, uint8 of shape (100, 100, 3)."""
    canvas = _background(rng)
    for _ in range(rng.integers(3, 8)):
        canvas = _red_cell(canvas, rng)
    canvas = _white_cell(canvas, kind, rng)
    if rng.random() < 0.25:
        canvas = _red_cell(canvas, rng)  # one lies at the rim, partly over the cell
    return _photograph(canvas, rng)


def _background(rng: np.random.Generator) -> Array:
    base = np.array([238, 230, 226], np.float32) + rng.normal(0, 5, 3).astype(np.float32)
    return np.asarray(base + _noise(rng, 6)[..., None] * 5 + _noise(rng, 50)[..., None] * 2)


def _noise(rng: np.random.Generator, cells: int) -> Array:
    """Smooth noise of unit size: ``cells`` random values per side, enlarged."""
    small = Image.fromarray(rng.standard_normal((cells, cells)).astype(np.float32))
    return np.asarray(small.resize((_GRID, _GRID), Image.Resampling.BICUBIC))


def _depth(rng: np.random.Generator, center: tuple[float, float], radius: float, wobble: float) -> Array:
    """How deep each point lies inside an uneven disc, in pixels; negative outside."""
    dx, dy = _X - center[0], _Y - center[1]
    angle = np.arctan2(dy, dx)
    rim = np.ones_like(angle)
    for waves in range(2, 6):
        rim += wobble / waves * rng.normal() * np.cos(waves * angle + rng.uniform(0, 2 * np.pi))
    return np.asarray(radius * rim - np.hypot(dx, dy))


def _cover(depth: Array, softness: float = 1.0) -> Array:
    """Share of each point that a shape covers: 0 outside, 1 inside, a ramp of ``softness`` pixels between."""
    return np.clip(depth / softness + 0.5, 0, 1)


def _paint(canvas: Array, color: Array | tuple[int, int, int], cover: Array) -> Array:
    return np.asarray(canvas + (np.asarray(color, np.float32) - canvas) * cover[..., None])


def _red_cell(canvas: Array, rng: np.random.Generator) -> Array:
    """A disc without a nucleus, paler in the middle; it stays out of the middle of the picture."""
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(38, 66)
    center = (50 + distance * np.cos(angle), 50 + distance * np.sin(angle))
    radius = rng.uniform(12, 16)
    depth = _depth(rng, center, radius, 0.06)
    color = np.array([222, 164, 160], np.float32) + rng.normal(0, 6, 3).astype(np.float32)
    canvas = _paint(canvas, color, _cover(depth, 1.5) * 0.85)
    canvas = _paint(canvas, color * 0.86, _cover(depth, 1.5) * _cover(2.2 - depth, 2.5) * 0.6)
    return _paint(canvas, (238, 208, 202), _cover(depth - radius * rng.uniform(0.45, 0.65), radius * 0.5) * 0.8)


def _white_cell(canvas: Array, kind: CellKind, rng: np.random.Generator) -> Array:
    center = (50 + rng.normal(0, 4), 50 + rng.normal(0, 4))
    radius = rng.uniform(*kind.radius)
    depth = _depth(rng, center, radius, 0.08)
    inside = _cover(depth, 1.6)
    plasma = np.array(kind.plasma, np.float32) + rng.normal(0, 7, 3).astype(np.float32)
    canvas = _paint(canvas, plasma, inside * rng.uniform(0.8, 0.95))
    canvas = _paint(canvas, plasma * 0.85, inside * _cover(1.8 - depth, 2.0) * 0.5)
    canvas = _granules(canvas, kind, inside, rng)
    if kind.name == "monocyte":
        canvas = _bubbles(canvas, center, radius, rng)
    return _nucleus(canvas, kind, center, radius, rng)


def _granules(canvas: Array, kind: CellKind, inside: Array, rng: np.random.Generator) -> Array:
    """Small coloured grains all over the plasma."""
    cells = int(SIDE / (2.0 * rng.uniform(*kind.granule_size)))
    strength = rng.uniform(*kind.granule_strength)
    grains = np.clip(_noise(rng, cells) * 0.9 + 0.25, 0, 1)
    patches = np.clip(_noise(rng, 9) * 0.3 + 0.85, 0.2, 1)
    color = np.array(kind.granules, np.float32) + rng.normal(0, 10, 3).astype(np.float32)
    return _paint(canvas, color, inside * grains * patches * strength)


def _bubbles(canvas: Array, center: tuple[float, float], radius: float, rng: np.random.Generator) -> Array:
    """The clear vacuoles of a monocyte."""
    for _ in range(rng.integers(0, 6)):
        angle, distance = rng.uniform(0, 2 * np.pi), radius * rng.uniform(0.55, 0.85)
        place = (center[0] + distance * np.cos(angle), center[1] + distance * np.sin(angle))
        canvas = _paint(canvas, (226, 224, 234), _cover(_depth(rng, place, rng.uniform(1.0, 2.2), 0.1), 1.2) * 0.6)
    return canvas


def _nucleus(
    canvas: Array, kind: CellKind, center: tuple[float, float], radius: float, rng: np.random.Generator
) -> Array:
    lobes = int(rng.choice(kind.lobes, p=kind.lobe_weights))
    depth = _kidney(center, radius, rng) if lobes == 1 else _lobes(lobes, center, radius, rng)
    cover = _cover(depth, 1.4)
    color = np.array(kind.nucleus, np.float32) + rng.normal(0, 7, 3).astype(np.float32)
    canvas = _paint(canvas, color, cover * rng.uniform(0.86, 0.97))
    lace = np.clip(_noise(rng, 22) * 0.5 + _noise(rng, 45) * 0.4, -1, 1)  # chromatin: darker clumps, lighter gaps
    canvas = canvas + lace[..., None] * cover[..., None] * (16 if lobes == 1 else 11)
    return _paint(canvas, color * 0.72, cover * _cover(1.4 - depth, 1.6) * 0.5)


def _kidney(center: tuple[float, float], radius: float, rng: np.random.Generator) -> Array:
    """A large bean: a thick arc."""
    turn, span = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.25)
    bend, width = radius * rng.uniform(0.26, 0.42), radius * rng.uniform(0.36, 0.48)
    depth = np.full((_GRID, _GRID), -np.inf, np.float32)
    for angle in np.linspace(turn - span, turn + span, 9):
        place = (center[0] + bend * np.cos(angle), center[1] + bend * np.sin(angle))
        depth = np.maximum(depth, width - np.hypot(_X - place[0], _Y - place[1]))
    return np.asarray(depth + _noise(rng, 7) * 0.9)


def _lobes(count: int, center: tuple[float, float], radius: float, rng: np.random.Generator) -> Array:
    """Round lobes on an arc, joined by thin bridges."""
    arc = rng.uniform(0.75, 1.05) * (np.pi if count == 2 else 0.45 * np.pi * (count - 1))
    angles = rng.uniform(0, 2 * np.pi) + np.linspace(0, arc, count) + rng.normal(0, 0.16, count)
    distances = radius * rng.uniform(0.36, 0.54, count)
    size = radius * {2: 0.39, 3: 0.33, 4: 0.285, 5: 0.26}[count]
    places = [
        (center[0] + away * np.cos(angle), center[1] + away * np.sin(angle))
        for angle, away in zip(angles, distances, strict=True)
    ]
    depth = np.full((_GRID, _GRID), -np.inf, np.float32)
    for place in places:
        depth = np.maximum(depth, _depth(rng, place, size * rng.uniform(0.85, 1.2), 0.16))
    for start, end in pairwise(places):
        depth = np.maximum(depth, rng.uniform(0.9, 2.6) - _distance_to_line(start, end))
    return np.asarray(depth + _noise(rng, 12) * 0.4)


def _distance_to_line(start: tuple[float, float], end: tuple[float, float]) -> Array:
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = np.clip(((_X - start[0]) * dx + (_Y - start[1]) * dy) / (dx * dx + dy * dy + 1e-6), 0, 1)
    return np.asarray(np.hypot(_X - start[0] - along * dx, _Y - start[1] - along * dy))


def _photograph(canvas: Array, rng: np.random.Generator) -> Array:
    """What slide, lamp, lens and camera add: stain, uneven light, blur, noise."""
    stain = 1 + rng.normal(0, 0.035, 3).astype(np.float32)
    contrast = rng.uniform(0.82, 1.12)
    picture = (canvas * stain - 200) * contrast + 200
    turn = rng.uniform(0, 2 * np.pi)
    slope = (np.cos(turn) * (_X - 50) + np.sin(turn) * (_Y - 50)) / 50
    picture = picture * (rng.uniform(0.86, 1.04) + rng.uniform(0, 0.07) * slope)[..., None]
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 2.4)))
    small = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)
    noisy = small + rng.normal(0, rng.uniform(1.0, 4.0), small.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)

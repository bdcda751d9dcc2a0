"""The padding alarm on trained networks: on a set whose padding gives the class away, and on one where it does not."""

import numpy as np
import pytest

from app.domain import borders
from app.domain.recipe import Recipe
from app.domain.resize import fit
from worker.ml import explain
from worker.ml.train import FoldPlan, fit_folds

pytestmark = pytest.mark.ml
SIZE, TRAIN, HELD = 48, 80, 48


def pictures(*, telling):
    """Discs on noise, filled up to squares. ``telling``: wide pictures are of one class and tall ones of the other, and
    the colour of the disc is drawn; else the colour is the class and the shape is drawn."""
    rng = np.random.default_rng(0)
    labels = np.arange(TRAIN + HELD) % 2
    drawn = rng.integers(0, 2, len(labels))
    shapes, made = [], []
    for wide, red in zip(*((labels, drawn) if telling else (drawn, labels)), strict=True):
        short = int(rng.integers(45, 75))
        width, height = (100, short) if wide else (short, 100)
        picture = rng.integers(90, 160, (height, width, 3)).astype(np.uint8)
        y, x = np.mgrid[0:height, 0:width]
        across, down = rng.uniform(0.3, 0.7, 2) * (width, height)
        picture[(y - down) ** 2 + (x - across) ** 2 < rng.uniform(10, 16) ** 2] = (
            (230, 60, 60) if red else (60, 220, 80)
        )
        made.append(fit(picture, SIZE, "pad", "#000000"))
        shapes.append((width, height))
    return np.stack(made), labels.astype(np.int64), shapes


def tallies(*, telling):
    """Of the right answers of each class: how they look at the padding."""
    made, labels, shapes = pictures(telling=telling)
    recipe = Recipe(
        architecture="cifar4-plus", image_size=SIZE, batch_size=16, epochs=5, patience=0, precision="float32",
        learning_rate=0.003, seed=1, resize_mode="pad",
    )  # fmt: skip
    plan = FoldPlan(0, np.arange(TRAIN), np.arange(TRAIN, TRAIN + HELD))
    (result,) = fit_folds(made, labels, [plan], recipe, ["a", "b"])
    said = result.probabilities.argmax(axis=1)
    right = np.flatnonzero(said == labels[TRAIN:])
    assert len(right) > 0.9 * HELD  # it has learned
    maps = explain.Explainer(result.model).maps(made[TRAIN:])
    looks: dict[int, list[borders.Look | None]] = {0: [], 1: []}
    for place in right.tolist():
        heat = maps[place, said[place]]
        width, height = shapes[TRAIN + place]
        part = borders.padding(width, height, (heat.shape[0], heat.shape[1]))
        looks[int(said[place])].append(borders.look(heat, part))
    return [borders.tally([one for one in each if one is not None]) for each in looks.values()]


def test_padding_alarm__rings_when_the_padding_gives_the_class_away():
    assert any(one is not None and one.rings for one in tallies(telling=True))


def test_padding_alarm__is_silent_when_it_does_not():
    found = tallies(telling=False)
    assert not any(one is not None and one.rings for one in found)
    assert all(one is not None and one.energy < one.area for one in found)

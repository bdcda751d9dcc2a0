"""Does a recipe work from end to end? One call for tests and for ``python -m worker.ml --smoke``."""

import io
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from app.domain.explaining import suited
from app.domain.recipe import Recipe
from worker.ml import data, explain, predict, saving
from worker.ml.train import FoldPlan, fit_folds


@dataclass(frozen=True)
class Check:
    """What came out of ``check_recipe``.

    Attributes:
        architecture, parameters: of the network.
        loss: of the one epoch.
        difference: largest difference between probabilities before saving and after loading.
        map_shape: of one Grad-CAM, (classes, height, width).
        finite: everything that was computed is a number.
    """

    architecture: str
    parameters: int
    loss: float
    difference: float
    map_shape: tuple[int, ...]
    finite: bool

    @property
    def passed(self) -> bool:
        """Equal predictions after loading, and only finite numbers."""
        return self.finite and self.difference == 0.0


def check_recipe(recipe: Recipe, classes: int = 3, images: int = 8) -> Check:
    """Build, train one epoch on noise, save, load, predict and explain.

    The pictures are files that are not square, so that the recipe's way of resizing is gone through too.

    Args:
        recipe: its number of epochs is ignored.
        classes: number of classes.
        images: number of training pictures; half as many are for validation.
    """
    rng = np.random.default_rng(recipe.seed)
    count = images + images // 2
    shape = (recipe.image_size + 7, recipe.image_size * 2 // 3, 3)
    files = [_png(rng.integers(0, 256, shape, dtype=np.uint8)) for _ in range(count)]
    pictures = data.load(count, files.__getitem__, recipe)
    labels = np.arange(count, dtype=np.int64) % classes
    plan = FoldPlan(0, np.arange(images), np.arange(images, count))
    names = [f"class {number}" for number in range(classes)]
    (result,) = fit_folds(pictures, labels, [plan], replace(recipe, epochs=1), names)
    loaded = saving.load(saving.dump(result.model))
    before, after = (predict.probabilities(model, pictures) for model in (result.model, loaded))
    maps = explain.Explainer(loaded, None, suited(explain.conv_layers(loaded))).maps(pictures[:2])
    finite = all(bool(np.isfinite(values).all()) for values in (before, maps, result.best.loss))
    parameters = sum(weight.size for weight in loaded.weights)
    difference = float(np.abs(before - after).max())
    return Check(recipe.architecture, parameters, result.best.loss, difference, maps.shape[1:], finite)


def _png(picture: data.Pictures) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()

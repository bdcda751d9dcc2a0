"""The posts' own way to train, written down from their text: ``fit``, with ImageDataGenerator where they need it.

The benchmark's peer. The networks are those of ``worker.ml.models``, which are the posts', so that only the way of
training differs: float32, augmentation picture by picture in a thread of Python, a new model for each fold, and a
file of weights at each new best epoch.
"""

import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from numpy.typing import NDArray

from app.domain.recipe import Recipe
from worker.ml import models
from worker.ml.train import FoldPlan

OPTIMIZERS = {"rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam}


class Program:
    """One model of a post with its generator.

    Args:
        recipe: a preset "as in the post".
        classes: number of outputs.
        pictures: (n, size, size, 3) uint8.
        labels: (n,) positions of the classes.
    """

    def __init__(self, recipe: Recipe, classes: int, pictures: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        self.recipe, self.classes = recipe, classes
        # Post 004 divides the bytes as they are, which makes float64 of them; its generator makes float32.
        doubled = recipe.architecture == "deepconv" and not recipe.augmentation.active
        self._x = pictures / 255.0 if doubled else pictures.astype(np.float32) / 255
        self._y = keras.utils.to_categorical(labels, classes)
        self._generator = _generator(recipe)
        self._model = self._compiled()

    def _compiled(self) -> Any:
        model = models.build(self.recipe, self.classes)
        optimizer = OPTIMIZERS[self.recipe.optimizer](self.recipe.learning_rate)
        model.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
        return model

    def epochs(self, validation: tuple[Any, Any], epochs: int, keepers: Sequence[Any] = ()) -> float:
        """Train some epochs as the post does, which validates after each; the last loss.

        Args:
            validation: (n, size, size, 3) uint8 pictures and (n,) labels.
            epochs: how many, in one call of ``fit``.
            keepers: keep the best weights in a file, in those posts that do.
        """
        given = (validation[0] / np.float32(255), keras.utils.to_categorical(validation[1], self.classes))
        batch = self.recipe.batch_size
        if not self.recipe.augmentation.active:
            done = self._model.fit(self._x, self._y, batch, epochs, verbose=0, validation_data=given)
            return float(done.history["loss"][-1])
        flow = self._generator.flow(self._x, self._y, batch_size=batch)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the old scipy namespace that the generator uses
            done = self._model.fit(flow, epochs=epochs, verbose=0, validation_data=given, callbacks=list(keepers))
        return float(done.history["loss"][-1])

    def folds(self, plans: list[FoldPlan], epochs: int, folder: Path) -> float:
        """Train a new model for each fold, with validation and a file for the best epoch; all seconds."""
        started = time.perf_counter()
        for plan in plans:
            model = self._compiled()
            file = folder / f"fold{plan.fold}.weights.h5"
            keeper = keras.callbacks.ModelCheckpoint(file, save_best_only=True, save_weights_only=True)
            flow = self._generator.flow(self._x[plan.train], self._y[plan.train], batch_size=self.recipe.batch_size)
            given = (self._x[plan.validation], self._y[plan.validation])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(flow, validation_data=given, epochs=epochs, verbose=0, callbacks=[keeper])
            model.load_weights(file)
        return time.perf_counter() - started


def _generator(recipe: Recipe) -> Any:
    spec = recipe.augmentation
    return ImageDataGenerator(
        rotation_range=spec.rotation,
        width_shift_range=spec.width_shift,
        height_shift_range=spec.height_shift,
        shear_range=spec.shear,
        zoom_range=[spec.zoom_low, spec.zoom_high],
        horizontal_flip=spec.horizontal_flip,
        fill_mode=spec.fill_mode,
        data_format="channels_last",
    )

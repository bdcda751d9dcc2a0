"""Changes of single classes where a training applies them: in its steps, and in the features of changed copies."""

import numpy as np
import pytest
import tensorflow as tf

from app.domain.recipe import Recipe
from worker.ml import frozen, train
from worker.ml.frozen import Rows, Source

pytestmark = pytest.mark.ml

LABELS = np.arange(16, dtype=np.int64) % 2
PICTURES = np.random.default_rng(0).integers(20, 90, (16, 32, 32, 3)).astype(np.uint8)
BRIGHTER = {"b": {"brightness_low": 2, "brightness_high": 2.5}}


def test_features__of_copies_are_changed_as_the_class_of_their_picture_is():
    recipe = Recipe(architecture="efficientnet-lite0", feature_copies=2, image_size=32)
    recipe = recipe.updated({"class_augmentation": BRIGHTER})
    learned = np.array([1, 2, 4, 5, 13])
    source = Source(PICTURES, LABELS, ("a", "b"), np.arange(16), learned)
    base = frozen.Base(lambda given, training: tf.reduce_mean(given, axis=(1, 2)), lambda given: given, recipe)
    rows = Rows.room(source, 2, (3,))
    frozen.compute(base, source, rows, lambda *_: None, lambda: False)
    brighter = rows.given[learned, 1:] / rows.given[learned, :1]
    np.testing.assert_allclose(brighter[LABELS[learned] == 0], 1, atol=0.01)
    assert (brighter[LABELS[learned] == 1] > 1.9).all()


def test_training__shows_the_pictures_of_a_class_as_its_own_changes_want_it():
    recipe = Recipe(architecture="conv2-plus", image_size=32, batch_size=16, epochs=1, precision="float32")
    plan = train.FoldPlan(0, np.arange(12), np.arange(12, 16))
    wanted = [
        recipe,
        *(recipe.updated({"class_augmentation": own}) for own in (BRIGHTER, BRIGHTER | {"a": BRIGHTER["b"]})),
    ]
    losses = []
    for one in wanted:
        (result,) = train.fit_folds(PICTURES, LABELS, [plan], one, ["a", "b"])
        losses.append(round(result.epochs[0].loss, 3))
    assert len(set(losses)) == 3

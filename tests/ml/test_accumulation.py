"""Steps that are gathered for one change of the weights learn what one step of the whole batch learns."""

import json
from dataclasses import replace

import numpy as np
import pytest

from app.domain.recipe import Recipe
from app.domain.recipe_fields import OWN
from tests.ml.test_train import BASE, PLANS, fit

pytestmark = pytest.mark.ml

LAYERS = [{"layer": "conv", "filters": 4}, "relu", "pool", "flatten", {"layer": "dense", "units": 8}]
PLAIN = replace(
    BASE, architecture=OWN, layers=json.dumps(LAYERS), optimizer="sgd", schedule="cosine", averaging=0.9,
    label_smoothing=0.1, class_balance="weights",
)  # fmt: skip


def largest_difference(first: Recipe, second: Recipe) -> float:
    """Between the weights of two trainings of 20 pictures: with 12 in a change the last one of an epoch has 8."""
    (one,), (other,) = fit(first, PLANS[:1]), fit(second, PLANS[:1])
    assert [epoch.loss for epoch in one.epochs] == pytest.approx([epoch.loss for epoch in other.epochs], abs=1e-4)
    pairs = zip(one.model.weights, other.model.weights, strict=True)
    return max(float(np.abs(ours - theirs).max()) for ours, theirs in pairs)


def test_accumulation__equals_a_larger_batch_without_batch_normalisation():
    whole = replace(PLAIN, batch_size=12)
    # 6 + 6, then 6 + 2: each picture counts alike, not each step.
    assert largest_difference(whole, replace(PLAIN, batch_size=6, accumulation=2)) < 1e-5

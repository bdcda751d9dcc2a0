"""Several devices that share each batch give what one device gives. Two processors stand in for graphics cards."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.record import only_full
from worker.devices import Card, Devices, _cards

ROOT = Path(__file__).resolve().parents[2]

# Devices can only be divided before TensorFlow begins, so this runs in a process of its own.
PROGRAM = """
import json, sys
import numpy as np
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 3)
from app.domain.recipe import Recipe
from worker.ml import checkpoint, train

class Keep(train.Silent):
    parts = {}
    def wants_state(self, fold):
        return not self.parts
    def state(self, state):
        self.parts.update(checkpoint.dump(state))

order = json.loads(sys.argv[1])
recipe = Recipe.from_json(order["recipe"])
labels = np.arange(40) % 2
pictures = np.random.default_rng(0).integers(0, 120, (40, 16, 16, 3)) + 110 * labels[:, None, None, None]
plan = [train.FoldPlan(0, np.arange(25), np.arange(25, 40))]
answers = []
for devices in order["devices"]:
    keep = Keep()
    keep.parts = {}
    begin = train.Begin(devices=tuple(devices))
    (result,) = train.fit_folds(pictures.astype(np.uint8), labels, plan, recipe, ["a", "b"], keep, begin)
    answers.append({"epochs": [epoch.metrics() for epoch in result.epochs], "said": result.probabilities.tolist()})
    state = checkpoint.load(keep.parts, recipe, 2, 15)
    begin = train.Begin({0: state}, devices=tuple(order["then"]))
    (result,) = train.fit_folds(pictures.astype(np.uint8), labels, plan, recipe, ["a", "b"], None, begin)
    answers.append({"epochs": [epoch.metrics() for epoch in result.epochs], "said": result.probabilities.tolist()})
print(json.dumps(answers))
"""


def answers(recipe: dict[str, Any], devices: list[list[str]], then: list[str]) -> list[Any]:
    order = json.dumps({"recipe": recipe, "devices": devices, "then": then})
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, order], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return list(json.loads(done.stdout.splitlines()[-1]))


def flat(answer: Any) -> list[float]:
    numbers = [value for epoch in answer["epochs"] for value in epoch.values()]
    return numbers + [value for row in answer["said"] for value in row]


@pytest.mark.ml
@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "devices"),
    [
        # 25 pictures in batches of 8: the last batch has one picture for two devices.
        (
            {
                "architecture": "cifar4-plus",
                "augmentation": {"rotation": 20, "horizontal_flip": True},
                "class_augmentation": {"b": {"brightness_low": 0.5}},
                "normalisation": "samplewise-zca",
                "zca_epsilon": 5,
            },
            2,
        ),
        pytest.param(
            {
                "architecture": "cifar4",
                "logit_dropout": 0.5,
                "optimizer": "rmsprop",
                "normalisation": "samplewise",
                "batch_size": 4,
                "accumulation": 2,
            },
            2,
            marks=only_full,
        ),
    ],
    ids=["whitened", "dropout"],
)
def test_mirrored__equals_one_device_and_goes_on_from_its_states(values, devices):
    recipe = {"image_size": 16, "batch_size": 8, "epochs": 2, "patience": 0, "precision": "float32"} | values
    several = [f"CPU:{number}" for number in range(devices)]
    one, one_then_several, shared, shared_then_several = answers(recipe, [[], several], several)
    assert flat(one) == pytest.approx(flat(shared), abs=2e-3)
    assert flat(one) == pytest.approx(flat(one_then_several), abs=2e-3)
    assert shared == shared_then_several, "a training on several devices did not go on to the last bit"


# --- sharing out, without TensorFlow ---------------------------------------------------------------------------------


def cards(count: int) -> tuple[Card, ...]:
    return tuple(Card(f"card {number}", 2**30) for number in range(count))


def test_devices__are_divided_by_the_places_one_at_least():
    four = Devices(cards(4), 2)
    with four.lent() as first, four.lent() as second:
        assert (first, second) == ("0,1", "2,3")
    with four.lent() as again:
        assert again == "0,1"
    with Devices(cards(4), 1).lent() as alone:
        assert alone == "0,1,2,3"


def test_devices__more_trainings_than_cards_share_them_evenly():
    two = Devices(cards(2), 3)
    with two.lent() as first, two.lent() as second, two.lent() as third:
        assert (first, second, third) == ("0", "1", "0")


def test_devices__without_cards_nothing_is_hidden():
    with Devices((), 1).lent() as none:
        assert none is None


def test_cards__memory_comes_from_the_driver_where_it_knows_the_same_cards():
    named = [{"device_name": "A"}, {}]
    assert _cards(named, [Card("NVIDIA A", 5), Card("NVIDIA B", 6)]) == [Card("NVIDIA A", 5), Card("NVIDIA B", 6)]
    assert _cards(named, []) == [Card("A", 0), Card("GPU", 0)]

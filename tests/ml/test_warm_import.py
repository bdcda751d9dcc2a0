"""What a process of the worker loads."""

import subprocess
import sys

import pytest

from app.config import child_environment

pytestmark = pytest.mark.ml

PROGRAM = """
import importlib.util, sys
import worker.warm
print(sorted({"keras", "tensorflow", "pandas", "sklearn"} & set(sys.modules)))
print(importlib.util.find_spec("sklearn") is not None)
"""


def test_warm__loads_nothing_that_a_training_never_uses_and_hides_nothing_for_ever():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=child_environment()
    )
    assert done.stdout.splitlines() == ["['keras', 'tensorflow']", "True"]


def test_warm__what_is_loaded_is_not_looked_through_again():
    program = "import gc, worker.warm; print(gc.get_freeze_count() > 100_000, len(gc.get_objects()) < 1_000)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=child_environment()
    )
    assert done.stdout.split() == ["True", "True"]

"""What the machine has, and which number format a training uses on it."""

import functools
import os
import platform
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from app.domain import backbones

FLOAT32 = "float32"
MIXED = "mixed_bfloat16"
LOW = backbones.LOW  # of a pretrained network that also answers in it; all that learns is kept in float32
PRECISIONS = (FLOAT32, MIXED, LOW)
THREADS = 4  # of a deterministic training


def prepare(*, deterministic: bool = False) -> None:
    """Let GPUs give out memory as it is needed, so that a training beside another one can start.

    Must be called before the first operation of the process; later calls change nothing.

    Args:
        deterministic: operations of this process give the same numbers each time. Sums depend on how many threads
            share them, so a fixed number of threads is used, whatever the machine has.
    """
    if deterministic:
        tf.config.experimental.enable_op_determinism()
        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    for device in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(device, True)
        except RuntimeError:  # TensorFlow is running already: the caller decided for the whole process
            return


def cards() -> tuple[str, ...]:
    """The graphics cards that this process may use, by the names that operations are placed with."""
    found = tf.config.list_logical_devices("GPU") if tf.config.list_physical_devices("GPU") else []
    return tuple(card.name.removeprefix("/device:") for card in found)


def resolve_precision(choice: str) -> str:
    """``float32`` or ``mixed_bfloat16`` for a recipe's ``auto``, ``float32`` or ``mixed``.

    ``auto`` takes bfloat16 where the processor or the graphics card computes in it; elsewhere it would be slower.
    """
    if choice == "mixed":
        return MIXED
    if choice == FLOAT32:
        return FLOAT32
    return MIXED if _has_bfloat16() else FLOAT32


def answers_low() -> bool:
    """True where the processor passes pictures through a pretrained network in bfloat16, in half the time."""
    return not tf.config.list_physical_devices("GPU") and _has_bfloat16()


@functools.cache
def _has_bfloat16() -> bool:
    cards = tf.config.list_physical_devices("GPU")
    if cards:
        capability = tf.config.experimental.get_device_details(cards[0]).get("compute_capability", (0, 0))
        return tuple(capability) >= (8, 0)
    return bool({"avx512_bf16", "amx_bf16"} & _cpu_flags())


@functools.cache
def _cpu_flags() -> frozenset[str]:
    source = Path("/proc/cpuinfo")
    if not source.exists():
        return frozenset()
    for line in source.read_text().splitlines():
        if line.startswith("flags"):
            return frozenset(line.split(":", 1)[1].split())
    return frozenset()


def describe(precision: str = "auto") -> dict[str, Any]:
    """Machine, devices and library versions, as a run records them; plain values for JSON."""
    cards = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(card).get("device_name", card.name) for card in cards]
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "system": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "gpus": details,
        "precision": resolve_precision(precision),
    }


def _processor() -> str:
    source = Path("/proc/cpuinfo")
    if source.exists():
        for line in source.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()

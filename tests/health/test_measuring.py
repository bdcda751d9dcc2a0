"""Measuring pictures in a process of its own, some at a time."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from typing import cast

import pytest

from app.domain.picture_facts import measure
from tests.health.pictures import photo, saved
from worker import measuring
from worker.measuring import Measurer
from worker.parts import Context

DEADLY = b"a file that the decoder dies of"


def _measure(data: bytes) -> object:
    if data == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    return measure(data)


@pytest.fixture
def measurer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Measurer]:
    monkeypatch.setattr(measuring, "measure", _measure)
    made = Measurer(cast("Context", multiprocessing.get_context("fork")))  # it takes the process with the change above
    yield made
    made.close()


def test_measure__broken_picture_costs_no_other(measurer):
    files = [saved(photo(0)), b"no picture", saved(photo(1))[:100], saved(photo(2))]
    assert measurer.measure(files) == [measure(files[0]), None, None, measure(files[3])]


def test_measure__picture_that_the_process_dies_of_costs_no_other(measurer):
    files = [saved(photo(0)), DEADLY, saved(photo(2))]
    assert measurer.measure(files) == [measure(files[0]), None, measure(files[2])]
    assert measurer.measure(files[:1]) == [measure(files[0])]


def test_measure__process_that_was_ended_while_it_had_nothing_to_do_costs_no_picture(measurer):
    files = [saved(photo(0))]
    assert measurer.measure(files) == [measure(files[0])]
    (process,) = multiprocessing.active_children()
    process.kill()
    process.join()
    assert measurer.measure(files) == [measure(files[0])]

"""The data of the compare page with 20,000 answers and 100 classes, beside other work on the same processor."""

import time
from collections.abc import Callable
from functools import partial

import pytest

from app.services import answers
from app.web.compare_query import CompareQuery
from benchmarks import compare
from tests.chaos.record import only_full

ALLOWED = 8  # times the reference; about one time is usual


def seconds(work: Callable[[], object]) -> float:
    """Of the processor: the machine may be busy."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def reference() -> list[str]:
    """Takes a processor as long as one look, whether it is a fast one or a slow one."""
    return sorted(str(7919 * number % 200_003) for number in range(200_000))


@only_full
@pytest.mark.slow
def test_compare__data_of_20000_answers_in_time(database):
    compare.fill(database, 10_000)
    kept = answers.Kept()
    compare.look(database, kept, CompareQuery())
    looks, references = [], []
    for query in (CompareQuery(), CompareQuery(show="all", truth=7), CompareQuery(page=20)):
        references.append(seconds(reference))
        looks.append(seconds(partial(compare.look, database, kept, query)))
    assert min(looks) < ALLOWED * min(references)

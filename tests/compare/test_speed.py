"""The data of the compare page with 20,000 answers and 100 classes, in processor time: the machine may be busy."""

import time

import pytest

from app.services import answers
from app.web.compare_query import CompareQuery
from benchmarks import compare


@pytest.mark.slow
def test_compare__data_of_20000_answers_in_time(database):
    compare.fill(database, 10_000)
    kept = answers.Kept()
    compare.look(database, kept, CompareQuery())
    times = []
    for query in (CompareQuery(), CompareQuery(show="all", truth=7), CompareQuery(page=20)):
        begin = time.process_time()
        compare.look(database, kept, query)
        times.append(time.process_time() - begin)
    assert min(times) < 0.25  # a tenth of a second on a quiet machine

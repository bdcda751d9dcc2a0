"""A real worker beside a project that it can train in a second."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.bench import Bench, one_worker


@pytest.fixture(scope="package")
def bench(tmp_path_factory: pytest.TempPathFactory, empty_sqlite: Path) -> Iterator[Bench]:
    with one_worker(tmp_path_factory.mktemp("search"), empty_sqlite) as made:
        yield made

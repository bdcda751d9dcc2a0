"""What several modules of these tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.bench import Desk, answering


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, empty_sqlite: Path) -> Iterator[Desk]:
    """For tests that leave its worker as it was. It is started once: it imports TensorFlow for several seconds."""
    with answering(tmp_path_factory.mktemp("desk"), empty_sqlite) as made:
        yield made

"""Servers that fault tests share. What a test breaks it makes for itself or puts right again."""

from collections.abc import Iterator

import pytest

from tests import servers
from tests.chaos import machines
from tests.chaos.machines import Broker, Postgres


@pytest.fixture
def broker() -> Iterator[Broker]:
    """A Redis-protocol server of the test's own."""
    try:
        with machines.broker() as made:
            yield made
    except servers.Missing as missing:
        pytest.skip(f"NOT TESTED WITH REDIS: {missing}")


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of the test's own."""
    try:
        with machines.postgres() as made:
            yield made
    except servers.Missing as missing:
        pytest.skip(f"NOT TESTED ON POSTGRESQL: {missing}")

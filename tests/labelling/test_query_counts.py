"""Pages of a project ask the database the same small number of questions, however many images it has."""

import random

import pytest
import sqlalchemy as sa

from benchmarks import big_project
from benchmarks.scale import pages

MOST = {"gallery": 9, "grid": 7, "counts": 6, "search": 7, "label": 30, "page": 14, "history": 8, "overview": 9}
OTHERS = 14  # queries of any other page


@pytest.fixture
def asked(client):
    """Asks for a page; how many statements that took."""
    statements = []
    engine = client.app.state.miwake.database.engine

    @sa.event.listens_for(engine, "before_cursor_execute")
    def count(_connection, _cursor, statement, *_rest):
        statements.append(statement)

    def ask(address):
        statements.clear()
        assert client.get(address).status_code == 200
        return len(statements)

    return ask


def test_pages__need_few_queries_and_no_more_for_more_images(asked, database, store):
    small, large = (big_project.make(database, store, count) for count in (2500, 7500))
    draws = [pages(big, random.Random(1)) for big in (small, large)]
    for name in draws[0]:
        for draw in draws:
            asked(draw[name]())  # the first request of a page may fill a cache
        few, many = (asked(draw[name]()) for draw in draws)
        assert many <= few + ("place" in name), name  # a long way asks once where it leads
        assert many <= MOST.get(name.split(",")[0].split(":")[0].split(" ")[0], OTHERS), (name, many)

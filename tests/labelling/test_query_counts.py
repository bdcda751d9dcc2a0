"""Pages of a project ask the database the same small number of questions, however many images it has."""

import random

import pytest
import sqlalchemy as sa

from benchmarks import big_extras, big_project
from benchmarks.scale import get, pages

MOST = {"gallery": 13, "grid": 7, "counts": 6, "search": 7, "label": 32, "items": 28, "page": 17, "history": 10}
MOST |= {"health": 21, "overview": 9}
OTHERS = 14  # queries of any other page


@pytest.fixture
def asked(client):
    """Asks for a page; how many statements that took."""
    statements = []
    engine = client.app.state.miwake.database.engine

    @sa.event.listens_for(engine, "before_cursor_execute")
    def count(_connection, _cursor, statement, *_rest):
        statements.append(statement)

    def ask(name, address):
        statements.clear()
        assert get(client, name, address).status_code == 200
        return len(statements)

    return ask


def test_pages__need_few_queries_and_no_more_for_more_images(asked, database, store):
    small, large = (big_project.make(database, store, count) for count in (2500, 7500))
    for big in (small, large):
        big_extras.fill(database, store, big)
    draws = [pages(big, random.Random(1)) for big in (small, large)]
    for name in draws[0]:
        for draw in draws:
            asked(name, draw[name]())  # the first request of a page may fill a cache
        few, many = (asked(name, draw[name]()) for draw in draws)
        assert many <= few + 1, name  # one more: where a long way leads, or what is left of a long order
        assert many <= MOST.get(name.split(",")[0].split(":")[0].split(" ")[0], OTHERS), (name, many)

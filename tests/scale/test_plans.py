"""No page looks at all images of a project: what SQLite says of the way to each answer."""

import random
import re

import pytest
import sqlalchemy as sa

from app.db.lookups import by_lookup
from benchmarks import big_extras, big_project
from benchmarks.scale import get, pages

# The whole table, or an index by nothing but the project; that of the names is left where a page is full.
WALK = re.compile(
    r"^(SCAN image\b(?!_)|"
    r"SEARCH image USING (COVERING )?INDEX (?!ix_image_project_id_name_order)\S+ \(project_id=\?\)$)"
)


@pytest.fixture
def walks(client):
    """Asks for a page; the statements for which all images of the project are looked at."""
    engine = client.app.state.miwake.database.engine
    asked = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def remember(_connection, _cursor, statement, parameters, *_rest):
        if statement.startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")):
            asked.append((statement, parameters))

    def ask(name, address):
        for _ in range(2):  # the first request of a page may fill what is kept in memory
            asked.clear()
            assert get(client, name, address).status_code == 200
        with engine.connect() as connection:
            raw = connection.connection.cursor()
            for statement, parameters in tuple(asked):
                plan = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
                if any(WALK.match(line) for line in plan):
                    yield statement, plan
            raw.close()

    return ask


def test_pages__look_at_no_more_images_than_they_show(walks, database, store):
    big = big_project.make(database, store, 2500)
    big_extras.fill(database, store, big)
    draw = random.Random(2)
    found = {name: list(walks(name, address())) for name, address in pages(big, draw).items()}
    assert not {name: plans for name, plans in found.items() if plans}


@pytest.mark.postgres
def test_by_lookup__ends_with_its_statements(postgres_database):
    """What comes later in the same transaction is planned as PostgreSQL would by itself."""
    with postgres_database.read() as session:
        ways = sa.text("SELECT current_setting('enable_hashjoin'), current_setting('enable_mergejoin')")
        with by_lookup(session):
            assert tuple(session.execute(ways).one()) == ("off", "off")
        assert tuple(session.execute(ways).one()) == ("on", "on")

"""The same comparison from a PostgreSQL server."""

import pytest

from app.domain.enums import PredictionRole
from app.services import answers, comparable, projects, runs
from app.web import compare_page
from app.web.compare_query import CompareQuery
from tests.chaos.record import only_full
from tests.compare import factory


@only_full
@pytest.mark.postgres
def test_compare__on_postgresql(postgres_database, store):
    with postgres_database.write() as session:
        factory.fill(session, store)
    with postgres_database.read() as session:
        project = projects.by_slug(session, "blood")
        found = [runs.by_number(session, project.id, number) for number in (1, 2)]
        assert comparable.roles(session, found) == [PredictionRole.TEST, PredictionRole.VALIDATION]
        query = CompareQuery(show="lost")
        page = compare_page.build(session, answers.Kept(), project, found, query, [PredictionRole.TEST], "en")
        flips = page.shown.pairing.flips
        assert (flips.gained, flips.lost, flips.wrong, flips.right) == (8, 1, 2, 13)
        assert (page.found.looks, page.listing.total) == (4, 1)

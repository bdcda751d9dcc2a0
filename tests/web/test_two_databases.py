"""What SQLite and PostgreSQL answer to values that they cannot hold, and to two people at once."""

import threading

import pytest
import sqlalchemy as sa

from app.db.models import Project
from app.domain.errors import NotFound, Unusable
from app.services import classes, projects, runs

HUGE = 10**30


@pytest.fixture
def made(any_database):
    with any_database.write() as session:
        return projects.create(session, name="血球")


@pytest.mark.parametrize("number", [2**63, HUGE])
def test_huge_number__is_refused_or_not_found(any_database, made, number):
    with pytest.raises((Unusable, NotFound)), any_database.read() as session:
        runs.by_number(session, made.id, number)


def test_half_letter__is_refused(any_database):
    with pytest.raises((Unusable, NotFound)), any_database.read() as session:
        projects.by_slug(session, "half \ud800")


def test_nul__is_refused(any_database):
    with pytest.raises((Unusable, NotFound)), any_database.read() as session:
        projects.by_slug(session, "a\x00b")


def together(*calls):
    """Run ``calls`` at the same time and give their errors."""
    errors, start = [], threading.Barrier(len(calls))

    def run(call):
        start.wait()
        try:
            call()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_ensure__the_same_new_class_from_two_imports(any_database, made):
    def one():
        with any_database.write() as session:
            classes.ensure(session, session.get_one(Project, made.id), [f"class {n}" for n in range(20)])

    assert together(one, one, one) == []
    with any_database.read() as session:
        listed = classes.listed(session, made)
    assert len(listed) == 20
    assert len({item.position for item in listed}) == 20


def test_create__the_same_name_by_four_people_at_once_gives_four_addresses(any_database):
    def one():
        with any_database.write() as session:
            projects.create(session, name="血球")

    assert together(one, one, one, one) == []
    with any_database.read() as session:
        slugs = sorted(session.scalars(sa.select(Project.slug)))
    assert slugs == ["血球", "血球-2", "血球-3", "血球-4"]

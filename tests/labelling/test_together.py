"""Labels of many people at the same time: one transaction, and still each on its own."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from app.db import together
from app.db.models import ChangeSet, Image, LabelEvent, Project
from app.db.session import after_commit
from app.domain.enums import LabelSource
from app.domain.errors import NotFound
from app.services import labels, marks
from app.services.labels import LabelChange
from tests.labelling.factories import class_ids, make_images, make_project
from tests.waiting import until

WRITERS = 12


@pytest.fixture
def place(database):
    """A project with an image for each writer: its id, its classes and its images."""
    with database.write() as session:
        project = make_project(session)
        return project.id, class_ids(session, project), make_images(session, project, WRITERS)


@pytest.fixture
def commits(database):
    """The commits that reached the database."""
    found = []
    sa.event.listen(database.engine, "commit", lambda _connection: found.append(1))
    return found


def at_once(database, works):
    """Do all works while the first of them holds the line; what each returned or raised."""
    begun, waits = threading.Event(), threading.Event()
    line = database._together._line

    def slow(session):
        begun.set()
        assert waits.wait(60)
        return works[0](session)

    def result(work):
        try:
            return database.write_together(work)
        except (RuntimeError, NotFound, labels.LabelConflict, sa.exc.DBAPIError) as error:
            return error

    with ThreadPoolExecutor(len(works)) as threads:
        first = threads.submit(result, slow)
        assert begun.wait(60)
        rest = []
        for work in works[1:]:
            rest.append(threads.submit(result, work))
            until(lambda: len(line) == len(rest))
        waits.set()
        return [one.result(60) for one in (first, *rest)]


def giving(place, number, version=0, then=None):
    """A work that labels the image of a writer."""
    project_id, classes, images = place

    def work(session):
        change = LabelChange(images[number], classes[(number + version) % 2], version)
        act: marks.Who = {"source": LabelSource.LABEL_MODE, "actor": f"p{number}", "request_id": f"r{number}-{version}"}
        made = labels.assign(session, project_id, [change], **act)
        if then is not None:
            then(session)
        return made.image_count

    return work


def labelled(database, place):
    """The numbers of the writers whose image has a label, by the images and by the log, which agree."""
    with database.read() as session:
        versions = dict(session.execute(sa.select(Image.id, Image.label_version)).all())
        logged = dict(session.execute(sa.select(LabelEvent.image_id, LabelEvent.version)).all())
        assert session.scalar(sa.select(sa.func.count()).select_from(ChangeSet)) == len(logged)
    assert {image: version for image, version in versions.items() if version} == logged
    return [number for number, image in enumerate(place[2]) if image in logged]


def test_writes_at_once__share_a_commit_and_are_all_there(database, place, commits):
    assert at_once(database, [giving(place, number) for number in range(WRITERS)]) == [1] * WRITERS
    assert len(commits) == 2  # the first alone, then all that waited for it
    assert labelled(database, place) == list(range(WRITERS))


def test_more_than_fit__take_turns(database, place, commits, monkeypatch):
    monkeypatch.setattr(together, "MOST", 4)
    assert at_once(database, [giving(place, number) for number in range(WRITERS)]) == [1] * WRITERS
    assert len(commits) == 4
    assert labelled(database, place) == list(range(WRITERS))


def test_error__takes_back_its_own_rows_only(database, place):
    said = []

    def fail(session):
        after_commit(session, lambda: said.append("never"))
        raise RuntimeError("of one writer")

    works = [giving(place, number) for number in range(5)]
    works[2] = giving(place, 2, then=fail)
    works[3] = giving(place, 3, version=7)
    first, second, third, fourth, fifth = at_once(database, works)
    assert [first, second, fifth] == [1, 1, 1]
    assert str(third) == "of one writer"
    assert isinstance(fourth, labels.LabelConflict)
    assert labelled(database, place) == [0, 1, 4]
    assert said == []


def test_after_commit__is_called_when_the_write_is_on_the_disk(database, place, settings):
    seen = []

    def look():
        with sqlite3.connect(settings.data_dir / "miwake.sqlite3") as other:
            seen.append(other.execute("SELECT count(*) FROM label_event").fetchone()[0])
        other.close()

    database.write_together(giving(place, 0, then=lambda session: after_commit(session, look)))
    assert seen == [1]


def test_transaction_that_is_lost__is_acknowledged_to_nobody(database, place):
    """SQLite ends the whole transaction by itself on a full disk; nobody may hear that his label is kept."""

    def end(session):
        session.connection().connection.dbapi_connection.execute("ROLLBACK")
        raise RuntimeError("disk full")

    works = [giving(place, number) for number in range(5)]
    works[3] = giving(place, 3, then=end)
    first, *rest = at_once(database, works)
    assert first == 1
    assert all(isinstance(one, Exception) for one in rest), rest
    assert labelled(database, place) == [0]
    assert database.write_together(giving(place, 1, 0)) == 1  # the line goes on


def test_commit_that_fails__is_acknowledged_to_nobody(database, place):
    failing = threading.Event()

    def refuse(_connection):
        if failing.is_set():
            raise RuntimeError("the disk is gone")

    sa.event.listen(database.engine, "commit", refuse)
    works = [giving(place, number) for number in range(4)]
    works[1] = giving(place, 1, then=lambda _session: failing.set())
    first, *rest = at_once(database, works)
    assert first == 1
    assert [str(one) for one in rest] == ["the disk is gone"] * 3
    failing.clear()
    assert labelled(database, place) == [0]
    assert database.write_together(giving(place, 2)) == 1


def test_guarded_database__asks_before_each_write(database, place):
    def refuse(_session):
        raise RuntimeError("no longer ours")

    with pytest.raises(RuntimeError, match="no longer ours"):
        database.guarded(refuse).write_together(giving(place, 0))
    assert database.write_together(giving(place, 1)) == 1
    assert labelled(database, place) == [1]


def test_other_writes__get_in_between_labels(database, place):
    """People who label without a pause leave room for an import or a job: it waits for one of them, not for all."""
    passed: list[int] = []
    over = threading.Event()

    def label(number):
        version = 0
        while not over.is_set():
            assert database.write_together(giving(place, number, version)) == 1
            version += 1
            places[number] = version

    def giving_turns(count):
        for _ in range(count):
            before = sum(places.values())
            with database.write() as session:
                session.execute(sa.update(Project).values(description="of another"))
                passed.append(sum(places.values()) - before)

    places = dict.fromkeys(range(6), 0)
    with ThreadPoolExecutor(len(places)) as threads:
        labelling = [threads.submit(label, number) for number in places]
        try:
            until(lambda: min(places.values()) > 2)
            giving_turns(30)
        finally:
            over.set()
        assert [one.result(60) for one in labelling] == [None] * len(places)
    # Those of one transaction, one of each writer; without a front of the line they are hundreds.
    assert max(passed) <= 4 * len(places)


def test_labels_over_http__of_many_at_once_are_all_kept(client, rows, database):
    """Each answered label is in the log, with versions without a gap."""
    rounds = 4

    def work(number):
        image = rows.images[number]
        for version in range(rounds):
            body = {"request_id": f"{number}-{version}", "source": "label", "class_id": rows.classes[version % 2]}
            answer = client.post(
                rows.path + "/labels", json=body | {"changes": [{"image_id": image, "version": version}]}
            )
            assert answer.json()["images"] == [
                {"image_id": image, "class_id": rows.classes[version % 2], "version": version + 1}
            ]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(min(8, len(rows.images)))))
    with database.read() as session:
        found = session.execute(
            sa.select(LabelEvent.image_id, sa.func.count(), sa.func.max(LabelEvent.version)).group_by(
                LabelEvent.image_id
            )
        ).all()
    assert sorted(found) == [(image, rounds, rounds) for image in sorted(rows.images[:8])]

"""Who labelled how much, and how long a label takes."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.db.models import ChangeSet
from app.domain.enums import LabelSource
from app.services import label_pace
from tests.labelling.bench import Bench

START = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)


@pytest.fixture
def bench(database) -> Bench:
    return Bench(database, 12)


def at(bench, seconds):
    """The newest act was this long after the first."""
    with bench.database.write() as session:
        newest = sa.select(sa.func.max(ChangeSet.id)).scalar_subquery()
        moment = START + timedelta(seconds=seconds)
        session.execute(sa.update(ChangeSet).where(ChangeSet.id == newest).values(created_at=moment))


def look(bench, reader="mika"):
    with bench.database.read() as session:
        return label_pace.look(session, bench.project_id, reader)


def label(bench, seconds, *images, to=0, actor="mika", source=LabelSource.LABEL_MODE):
    bench.assign(*[(bench.images[image], bench.classes[to]) for image in images], actor=actor, source=source)
    at(bench, seconds)


def test_time__is_that_since_the_act_before_without_pauses(bench):
    label(bench, 0, 0)  # nothing before it
    label(bench, 3, 1)
    label(bench, 4, 2, actor="健")  # his first
    label(bench, 12, 3, 4, 5, to=1)  # nine seconds for three
    label(bench, 500, 6)  # a pause
    bench.mark("note", "?", bench.images[6])
    at(bench, 510)
    label(bench, 512, 7, to=1, actor="mika")
    label(bench, 514, 8, source=LabelSource.IMPORT)
    pace = look(bench)
    assert {bench.classes.index(key): (time.labels, time.seconds) for key, time in pace.times.items()} == {
        0: (1, 3.0),
        1: (4, 11.0),
    }
    assert pace.everybody.minutes_for_100 == pytest.approx(100 * 14 / 5 / 60)
    assert (pace.own.labels, look(bench, "健").own.minutes_for_100) == (5, None)


def test_counts__are_those_of_the_present_labels(bench):
    label(bench, 0, 0, 1, 2, actor="mika")
    label(bench, 100_000, 2, to=1, actor="健")
    label(bench, 100_001, 3, to=1, actor="server", source=LabelSource.IMPORT)
    pace = look(bench)
    assert [(person.name, person.images) for person in pace.people] == [("mika", 2), ("健", 1)]
    assert pace.images == {bench.classes[0]: 2, bench.classes[1]: 1}
    assert [count for _, count in pace.days] == [1, 2]
    assert pace.people[1].last == START + timedelta(seconds=100_000)


def test_page__says_it_and_a_new_project_has_none(bench, client):
    assert "Nobody has labelled anything here yet" in client.get("/p/cells/pace").text
    label(bench, 0, 0, actor="健 <b>")
    label(bench, 6, 1, actor="健 <b>")
    page = client.get("/p/cells/pace").text
    for text in ("健 &lt;b&gt;", "Minutes for 100 labels", "10.0", "2026-11-20", "by=%E5%81%A5"):
        assert text in page

"""An import whose job failed goes on behind what it has recorded."""

import pytest
import sqlalchemy as sa

from app.db.models import Image, ImportEntry
from app.db.run_models import Job
from app.domain.enums import JobState
from app.domain.errors import OutOfSpace
from app.services import import_sources, imports, jobs
from tests.imports.pages import begin, rows, uploaded, work
from tests.imports.pictures import picture, zip_of

JSON = {"Accept": "application/json"}


@pytest.fixture
def failed(client, place, settings, database, monkeypatch):
    """The addresses of an import of five pictures whose disk was full behind the second one."""
    urls = begin(client, place, name="細胞.zip", source="zip", total=0)
    data = zip_of({f"猫/{number}.png": picture(number) for number in range(5)})
    client.post(urls["zip"], content=data, headers={"Content-Type": "application/zip"})
    monkeypatch.setattr(import_sources, "BATCH_FILES", 2)
    keep, room = imports.keep, iter([True])

    def keep_if_there_is_room(*args, **options):
        if not next(room, False):
            raise OutOfSpace(folder="store")
        return keep(*args, **options)

    with monkeypatch.context() as full:
        full.setattr(imports, "keep", keep_if_there_is_room)
        with pytest.raises(OutOfSpace):
            work(client, settings)
    with database.write() as session:
        claim = jobs.claim(session, session.scalars(sa.select(Job.id)).one(), "worker", 60.0)
        assert claim is not None
        jobs.fail(session, claim.job_id, claim.attempt, "worker_lost", {"attempts": 3})
    return urls


def test_again__goes_on_and_doubles_nothing(client, failed, settings, database):
    page = client.get(failed["report"]).text
    for text in ("Try again", "End this import", "nothing is sent again or doubled"):
        assert text in page
    assert len(rows(database, sa.select(Image.id))) == 2
    answer = client.post(failed["again"])
    assert answer.url.raw_path.decode() == failed["report"]
    assert "Try again" not in answer.text
    assert client.post(failed["again"], headers=JSON).status_code == 202  # it waits already, and that is fine
    assert rows(database, sa.select(Job.state)) == [(JobState.QUEUED,)]
    assert work(client, settings)
    assert len(rows(database, sa.select(Image.id))) == 5
    assert len(rows(database, sa.select(ImportEntry.id))) == 5
    refused = client.post(failed["again"], headers=JSON)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "import_finished")


def test_again__is_refused_once_the_zip_is_gone(client, failed, settings, database):
    (waiting,) = uploaded(settings)
    waiting.unlink()
    refused = client.post(failed["again"], headers=JSON)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "import_zip_gone")
    assert rows(database, sa.select(Job.state)) == [(JobState.FAILED,)]


def test_again__has_nothing_to_do_where_no_worker_was_asked(client, place):
    refused = client.post(begin(client, place)["again"], headers=JSON)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "import_without_job")


def test_end__of_a_failed_import_keeps_what_came_and_lets_it_be_taken_back(client, failed):
    page = client.post(failed["finish"]).text
    assert "2 pictures that nobody has touched since" in page

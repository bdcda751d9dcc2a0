"""Files that contradict the image that is there: what the report offers, and following the folder."""

import time
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from app.db.models import ChangeSet, Image, ImportBatch, LabelClass
from app.domain.enums import LabelSource
from app.services import import_mend
from app.services.marks import Who
from tests.imports import services
from tests.imports.pages import begin, rows, send
from tests.imports.pictures import picture


def sent(client, place, *paths_of_pictures):
    urls = begin(client, place, total=len(paths_of_pictures))
    files = [(path.rpartition("/")[2], picture(number)) for path, number in paths_of_pictures]
    send(client, urls["files"], files, [path for path, _number in paths_of_pictures])
    client.post(urls["finish"])
    return urls["report"]


def state(database):
    query = sa.select(LabelClass.name, Image.split).outerjoin(LabelClass, LabelClass.id == Image.class_id)
    return [tuple(row) for row in rows(database, query.order_by(Image.id))]


def test_follow__one_file_then_all_and_undone(client, place, database):
    sent(client, place, ("train/cat/1.png", 1), ("train/cat/2.png", 2), ("train/cat/3.png", 3), ("test/cat/4.png", 4))
    report = sent(client, place, ("owl/1.png", 1), ("犬/2.png", 2), ("validation/cat/3.png", 3), ("train/cat/4.png", 4))
    page = client.get(report).text
    assert "4 files contradict the images that are there" in page
    assert "Give it the class “犬”" in page
    assert "Move it to validation" in page
    entry = page.split('name="entry" value="')[1].split('"')[0]
    page = client.post(f"{report}/follow", data={"request_id": "follow-01", "entry": entry}).text
    assert "1 image was changed" in page
    assert "3 files contradict" in page
    assert state(database) == [("owl", "train"), ("cat", "train"), ("cat", "train"), ("cat", "test")]
    page = client.post(f"{report}/follow", data={"request_id": "follow-02"}).text
    assert state(database) == [("owl", "train"), ("犬", "train"), ("cat", "validation"), ("cat", "test")]
    assert "1 file contradicts" in page  # the pinned test image stays where it is
    last = rows(database, sa.select(ChangeSet.id).where(ChangeSet.field == "split", ChangeSet.image_count > 0))[-1][0]
    client.post(f"/p/{place}/history/{last}", data={"request_id": "back"})
    assert state(database)[2] == ("cat", "train")


def wait_until_it_waits(session):
    """PostgreSQL tells who waits for a row; SQLite lets nobody begin to write meanwhile."""
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    end = time.monotonic() + 60
    while session.get_bind().dialect.name == "postgresql" and not session.scalar(waiting):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_follow__two_at_the_same_time_change_each_image_once(any_tools):
    project_id, first = services.begin(any_tools)
    services.add(any_tools, first, {"train/cat/1.png": picture(1), "train/cat/2.png": picture(2)})
    second = services.another(any_tools, project_id)
    services.add(any_tools, second, {"owl/1.png": picture(1), "validation/cat/2.png": picture(2)})

    def follow(session, name):
        who: Who = {"source": LabelSource.GALLERY, "actor": name, "request_id": f"follow {name}"}
        return import_mend.follow(session, session.get_one(ImportBatch, second), None, who)

    def other():
        with any_tools.database.write() as session:
            return follow(session, "ken")

    with ThreadPoolExecutor(1) as pool:
        with any_tools.database.write() as session:
            mine = import_mend.offers(session, session.get_one(ImportBatch, second))
            assert (len(mine), follow(session, "mika")) == (2, 2)
            late = pool.submit(other)
            wait_until_it_waits(session)
        assert late.result(60) == 0
    with any_tools.database.write() as session:
        assert follow(session, "mika") == 2  # the answer was lost, and the request comes again
    query = sa.select(ChangeSet.actor).where(ChangeSet.source == LabelSource.GALLERY)
    assert [actor for (actor,) in rows(any_tools.database, query)] == ["mika", "mika"]

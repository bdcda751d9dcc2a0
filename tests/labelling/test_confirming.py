"""Many pictures that a model is sure of: shown by class and threshold, the wrong ones left out, the rest one change."""

import re

import pytest
import sqlalchemy as sa

from app.db.models import ChangeSet, Image
from app.domain.enums import ImageState, LabelSource, Split
from app.main import create_app
from app.services import confirming, labels, leases
from app.services.labels import LabelChange
from app.services.suggestions import Source
from app.storage.arrays import Arrays
from tests.conftest import ORIGIN, Client
from tests.features.factory import add_pictures
from tests.inspect import factory
from tests.labelling.test_suggested_queues import say

SURE = [0.99, 0.98, 0.5, 0.97, 0.96, 0.95, 0.94]  # of the second class


@pytest.fixture
def rows(database, store):
    """Twenty images of which a run said something of seven."""
    made = add_pictures(database, store, 20)
    say(database, store, made, SURE)
    return made


def shown(text: str) -> list[int]:
    return [int(found) for found in re.findall(r'name="image" value="(\d+):0"', text)]


def save(client, rows, places, left=(), **more):
    data = {
        "class_id": rows.classes[1], "least": 0.9, "request_id": "c1",
        "image": [f"{rows.images[place]}:0" for place in places], "leave": [rows.images[place] for place in left],
    }  # fmt: skip
    return client.post(f"{rows.path}/label/sure", data={**data, **more})


def test_grid__shows_the_surest_first_and_nothing_below_the_threshold(client, rows):
    page = client.get(f"{rows.path}/label/sure")
    assert shown(page.text) == [rows.images[place] for place in (0, 1, 3, 4, 5, 6)]
    assert "Run 3 says it." in page.text
    assert shown(client.get(f"{rows.path}/label/sure?class={rows.classes[1]}&least=0.4").text)[-1] == rows.images[2]
    assert "No picture is left" in client.get(f"{rows.path}/label/sure?class={rows.classes[0]}").text


def test_grid__leaves_out_test_images_excluded_ones_and_what_somebody_else_has(client, database, rows):
    with database.write() as session:
        session.execute(sa.update(Image).where(Image.id == rows.images[0]).values(split=Split.TEST))
        session.execute(sa.update(Image).where(Image.id == rows.images[1]).values(state=ImageState.EXCLUDED))
        leases.take(session, rows.project_id, [rows.images[3]], "somebody")
    assert shown(client.get(f"{rows.path}/label/sure").text) == [rows.images[place] for place in (4, 5, 6)]


def test_grid__of_two_readers_has_no_image_twice(client, settings, database, store):
    made = add_pictures(database, store, 160)
    say(database, store, made, [0.99] * 150)
    with Client(create_app(settings), base_url=ORIGIN, headers={"Origin": ORIGIN}) as second:
        first, other, last = (shown(one.get(f"{made.path}/label/sure").text) for one in (client, second, client))
        assert (len(first), len(other)) == (60, 60)
        assert not set(first) & set(other)
        assert last == first  # one's own stay one's own
        assert client.post(f"{made.path}/label/items", json={"hold": other, "limit": 0}).json()["lost"] == other
        save(client, made, [], image=[f"{image_id}:0" for image_id in first])
        mine = shown(client.get(f"{made.path}/label/sure").text)
    assert len(mine) == 30
    assert not set(mine) & {*first, *other}


def test_confirm__is_one_change_that_is_taken_back_as_a_whole(client, database, rows):
    page = save(client, rows, (0, 1, 3, 4), left=(3,))
    assert "3 pictures were labelled." in page.text
    assert shown(page.text) == [rows.images[5], rows.images[6]]  # what was clicked away does not come again
    assert re.findall(r'<span class="count">(\d+)</span></label>', page.text) == ["0", "2", "0"]
    with database.read() as session:
        marked, given = session.scalars(sa.select(ChangeSet).order_by(ChangeSet.id)).all()
        assert (marked.field, given.source, given.image_count) == ("unsure", LabelSource.SUGGESTION, 3)
        found = session.execute(sa.select(Image.class_id, Image.unsure).order_by(Image.id).limit(5)).all()
    right = rows.classes[1]
    assert found == [(right, False), (right, False), (None, False), (None, True), (right, False)]
    save(client, rows, (0, 1, 3, 4), left=(3,))  # sent twice by a bad line
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ChangeSet)) == 2
    shown_then = {"class_id": rows.classes[1], "least": 0.9}
    back = client.post(f"{rows.path}/label/sure/undo/{given.id}", data={"request_id": "u", **shown_then})
    once_more = [int(found) for found in re.findall(r'name="image" value="(\d+):', back.text)]
    assert once_more == [rows.images[place] for place in (0, 1, 4, 5, 6)]
    again = client.post(f"{rows.path}/label/sure/undo/{given.id}", data={"request_id": "u2", **shown_then})
    assert (again.status_code, "Confirm many" in again.text) == (409, True)
    with database.read() as session:
        assert session.scalars(sa.select(Image.class_id).where(Image.class_id.is_not(None))).all() == []


def test_confirm__writes_nothing_when_somebody_labelled_one_meanwhile(client, database, rows):
    with database.write() as session:
        labels.assign(
            session, rows.project_id, [LabelChange(rows.images[1], rows.classes[2])],
            source=LabelSource.LABEL_MODE, actor="ken", request_id="k",
        )  # fmt: skip
    answer = save(client, rows, (0, 1), left=(4,))
    assert answer.status_code == 409
    assert shown(answer.text) == [rows.images[place] for place in (0, 3, 4, 5, 6)]
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ChangeSet)) == 1


def test_confirm__refuses_what_makes_no_sense(client, rows):
    for more in ({"image": ["1"]}, {"least": 2}, {"class_id": 10**20}, {"request_id": ""}):
        assert save(client, rows, (0,), **more).status_code == 422, more
    assert client.get(f"{rows.path}/label/sure?class=999").status_code == 422
    assert client.get(f"{rows.path}/label/sure?least=nan").status_code == 422


def test_trial__counts_what_the_run_made_of_pictures_it_had_not_seen(database, store):
    with database.write() as session:
        made = factory.project(session, store)
        run = factory.run(session, store, made, folds=5)
    with database.read() as session:
        source, item = Source("run", run.number, 0, 0), made.classes[0].id
        found = confirming.trial(session, made.project.id, source, item, 0.0)
        some = confirming.trial(session, made.project.id, source, item, 0.9)
        assert found is not None
        assert some is not None
        assert 0 < found.right < found.total
        assert some.total < found.total
        assert confirming.trial(session, made.project.id, Source("similar", 30, 1, 2), item, 0.5) is None


def test_grid__is_whole_though_many_of_the_surest_were_put_off(database, store):
    rows = add_pictures(database, store, 90, slug="many")
    say(database, store, rows, [0.99 - place / 1000 for place in range(90)])
    with database.write() as session:
        session.execute(sa.update(Image).where(Image.id.in_(rows.images[:40])).values(unsure=True))
    with database.read() as session:
        found = confirming.page(session, Arrays(store), rows.project_id, rows.classes[1], 0.5, "a")
    assert [one.row.id for one in found] == rows.images[40:]

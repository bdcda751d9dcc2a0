"""The pages of like pictures and of the map, without a browser."""

import struct

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.models import Image
from app.db.run_models import Job
from app.domain.enums import ImageState, JobKind, JobState, Split
from app.services import feature_map, feature_space, features
from app.storage.arrays import Arrays
from tests.conftest import ORIGIN
from tests.features.factory import add_features, add_pictures, clouds, label


@pytest.fixture
def rows(database, store):
    """Sixty pictures with features and a map; ten of them have a label."""
    made = add_pictures(database, store, 60)
    values, owner = clouds(60)
    add_features(database, store, made, values)
    label(database, made, range(10), owner)
    return made


def make_map(database, store, rows):
    with database.write() as session:
        space = feature_space.load(session, Arrays(store), rows.project_id)
        assert space is not None
        found = feature_map.compute(space, lambda done, total: True)
        assert found is not None
        sha256 = store.put(feature_space.packed(found, rows.project_id))
        info = {"space": "other"}
        feature_space.keep(session, store, rows.project_id, features.MAP, sha256=sha256, count=60, info=info)
        return found


def test_similar__lists_the_nearest_first(client, rows):
    page = client.get(f"{rows.path}/similar", params={"to": rows.images[5]})
    assert page.status_code == 200
    assert "More like this" in page.text
    answer = client.get(f"{rows.path}/similar/ids", params={"to": rows.images[5], "count": 20}).json()
    assert answer["total"] == 20
    ids = [row[0] for row in answer["rows"]]
    assert ids[0] == rows.images[5]
    _values, owner = clouds(60)
    kinds = [owner[rows.images.index(one)] for one in ids]
    assert kinds == sorted(kinds, key=lambda kind: kind != owner[5])  # all of its own kind come first
    second = client.get(f"{rows.path}/similar/ids", params={"to": rows.images[5], "count": 20, "offset": 10}).json()
    assert [row[0] for row in second["rows"]] == ids[10:]
    only = client.get(f"{rows.path}/similar/counts", params={"to": rows.images[5], "class": "none"}).json()
    assert only == {"total": 50}


def test_similar__garbage_is_refused(client, rows):
    area = ("area=1,2", "area=1,2,3,4,5,70000", "area=1,2,3,4,5")
    for query in ("", "to=x", "to=1&group=2", *area, "to=1&class=3", "to=" + "9" * 20):
        for name in ("similar", "similar/ids", "similar/counts"):
            answer = client.get(f"{rows.path}/{name}?{query}", headers={"Accept": "application/json"})
            assert answer.status_code == 422, query
            assert answer.json()["error"]["code"] in ("filter_invalid", "list_missing")


def test_similar__before_there_are_features_one_button_orders_them(client, database, store):
    rows = add_pictures(database, store, 3, slug="new")
    page = client.get(f"{rows.path}/similar", params={"to": rows.images[0]})
    assert "3 pictures have not been looked at" in page.text
    sent = {"to": str(rows.images[0])}
    answer = client.post(f"{rows.path}/features", data=sent, headers={"Origin": ORIGIN}, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{rows.path}/similar?to={rows.images[0]}"
    with database.read() as session:
        assert session.scalars(sa.select(Job.kind)).all() == [JobKind.FEATURES]
    assert client.get(f"{rows.path}/features").json()["over"] is False
    with database.write() as session:
        failed = {
            "state": JobState.FAILED,
            "error_code": "backbone_missing",
            "error_params": {"name": "x", "package": "x"},
        }
        session.execute(sa.update(Job).values(**failed))
    page = client.get(f"{rows.path}/similar", params={"to": rows.images[0]})
    assert page.status_code == 200
    assert 'role="alert"' in page.text


def test_map__first_view_then_groups(client, database, store, rows):
    page = client.get(f"{rows.path}/map")
    assert "This is a first view" in page.text
    make_map(database, store, rows)
    page = client.get(f"{rows.path}/map", headers={"Accept-Language": "ja"})
    assert "グループ 1" in page.text
    answer = client.post(f"{rows.path}/map", headers={"Origin": ORIGIN}, follow_redirects=False)
    assert answer.status_code == 303
    assert client.get(f"{rows.path}/map/state").json()["over"] is False
    with database.read() as session:
        assert session.scalars(sa.select(Job.kind)).all() == [JobKind.MAP]


def test_map__points_are_the_images_in_use(client, database, store, rows):
    made = make_map(database, store, rows)
    with database.write() as session:
        session.execute(sa.update(Image).where(Image.id == rows.images[0]).values(state=ImageState.EXCLUDED))
        session.execute(sa.update(Image).where(Image.id == rows.images[1]).values(split=Split.TEST))
    content = client.get(f"{rows.path}/map/points").content
    (count,) = struct.unpack_from("<I", content)
    assert count == 59
    assert len(content) == 4 + 59 * (4 + 4 + 2 + 2 + 2 + 2 + 1 + 1 + 1 + 1)
    ids = np.frombuffer(content, "<u4", 59, 4)
    assert ids.tolist() == rows.images[1:]
    x = np.frombuffer(content, "<u2", 59, 4 + 8 * 59)
    assert x.tolist() == made["places"][1:, 0].tolist()
    classes = np.frombuffer(content, "<u2", 59, 4 + 12 * 59)
    assert (classes[:9] > 0).all()
    assert (classes[9:] == 0).all()
    splits = np.frombuffer(content, "u1", 59, 4 + 17 * 59)
    assert splits.tolist() == [3] + [0] * 58


def test_area__is_what_the_polygon_holds(client, database, store, rows):
    made = make_map(database, store, rows)
    x, y = made["places"][:, 0].astype(int), made["places"][:, 1].astype(int)
    middle = int(np.median(x))
    corners = f"0,0,{middle},0,{middle},65535,0,65535"
    answer = client.get(f"{rows.path}/similar/ids", params={"area": corners}).json()
    inside = [one for one, left in zip(made["ids"].tolist(), x.tolist(), strict=True) if left < middle]
    assert [row[0] for row in answer["rows"]] == inside
    largest = client.get(f"{rows.path}/similar/ids", params={"group": 0}).json()
    assert largest["total"] == int((made["groups"] == 0).sum())
    assert len(y) == 60


def test_pages__of_an_empty_project(client, database, store):
    rows = add_pictures(database, store, 0, slug="empty")
    assert "There are no images yet" in client.get(f"{rows.path}/map").text
    assert client.get(f"{rows.path}/map/points").content == b"\0\0\0\0"

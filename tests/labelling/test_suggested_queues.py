"""Orders that models choose: least certain first, disagreement of folds; what is asked for more; never test images."""

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.models import Image
from app.db.run_models import Job, Run
from app.domain.enums import JobKind, Split
from app.services import feature_space, features, queues, suggesting, suggestions
from app.services.queues import Order, Queue, Wish
from app.storage.arrays import Arrays
from app.web import suggested
from tests.features.factory import add_features, add_pictures, clouds, label
from tests.labelling.test_queues import OPEN


@pytest.fixture
def arrays(store) -> Arrays:
    return Arrays(store)


@pytest.fixture
def rows(database, store):
    """Forty unlabelled images."""
    return add_pictures(database, store, 40)


def say(database, store, rows, margins, spreads=None):
    """A run that said something of the first images: with these margins, of class 1."""
    count = len(margins)
    made = {
        "ids": np.array(rows.images[:count]),
        "classes": np.full(count, rows.classes[1]),
        "confidence": np.array(margins, dtype=np.float32),
        "margin": np.array(margins, dtype=np.float32),
    }
    if spreads is not None:
        made["spread"] = np.array(spreads, dtype=np.float32)
    info = {"kind": "run", "number": 3, "right": 30, "total": 40}
    with database.write() as session:
        features.row_of(session, rows.project_id, features.RUN)
        sha256 = store.put(feature_space.packed(made, rows.project_id))
        feature_space.keep(session, store, rows.project_id, features.RUN, sha256=sha256, count=count, info=info)


def drawn(database, arrays, rows, order, holder="a"):
    with database.read() as session:
        said = suggestions.said(session, arrays, rows.project_id)
    found = queues.draw(database, rows.project_id, Queue(order, OPEN), Wish(holder, 100), said)
    return [rows.images.index(row.id) for row in found]


def test_uncertain__begins_with_the_smallest_margin_and_never_shows_a_test_image(database, store, arrays, rows):
    say(database, store, rows, [0.5, 0.1, 0.9, 0.3, 0.2])
    with database.write() as session:
        session.execute(sa.update(Image).where(Image.id == rows.images[4]).values(split=Split.TEST))
    label(database, rows, [3], [0, 0, 0, 2])
    assert drawn(database, arrays, rows, Order.UNCERTAIN) == [1, 0, 2]
    assert drawn(database, arrays, rows, Order.UNCERTAIN, "b") == []  # the other person has them
    assert drawn(database, arrays, rows, Order.DISAGREE) == []


def test_disagreement__shows_what_folds_see_differently(database, store, arrays, rows):
    say(database, store, rows, [0.5] * 4, [0.2, 0, 0.7, 0.4])
    assert drawn(database, arrays, rows, Order.DISAGREE) == [2, 3, 0]


def test_orders_of_models__are_empty_before_one_spoke(database, arrays, rows):
    assert drawn(database, arrays, rows, Order.UNCERTAIN) == []


def test_items__bring_the_suggestion_and_who_says_it(client, database, store, rows):
    say(database, store, rows, [0.5, 0.25])
    assert "draw the test set before" in client.get(f"{rows.path}/label?queue=uncertain").text
    assert "draw the test set before" not in client.get(f"{rows.path}/label").text
    items = client.post(f"{rows.path}/label/items?queue=uncertain", json={"limit": 5}).json()["items"]
    assert [item["suggestion"] for item in items] == [
        {"class_id": rows.classes[1], "confidence": value, "kind": "run", "number": 3} for value in (0.25, 0.5)
    ]
    accepted = {"source": "suggestion", "class_id": rows.classes[1], "request_id": "a"}
    changes = [{"image_id": items[0]["id"], "version": 0}]
    assert client.post(f"{rows.path}/labels", json={**accepted, "changes": changes}).json()["count"] == 1
    assert "suggestion accepted" in client.get(f"{rows.path}/history").text


def test_head__is_fitted_again_while_somebody_labels(client, database, store, arrays, rows):
    values, owner = clouds(40)
    add_features(database, store, rows, values)
    label(database, rows, range(12), owner)
    client.get(f"{rows.path}/label")  # the fit begins after this answer
    with database.read() as session:
        assert not suggesting.due(session, rows.project_id)
        found = suggestions.of_images(session, arrays, rows.project_id, rows.images)
    assert set(found) == set(rows.images[12:])
    text = client.get(f"{rows.path}/label?queue=uncertain").text
    assert '"kind": "similar"' in text


def test_ask__orders_features_before_a_run_and_only_once(client, database, rows):
    page = client.get(f"{rows.path}/label?queue=uncertain")
    assert "Look at the pictures" in page.text
    for _ in range(2):
        assert "are being made" in client.post(f"{rows.path}/label/suggest?queue=uncertain").text
    with database.read() as session:
        assert session.scalars(sa.select(Job.kind)).all() == [JobKind.FEATURES]
        assert suggested.asking(session, rows.project_id).job is not None
        assert session.scalar(sa.select(sa.func.count()).select_from(Run)) == 0
    assert "are being made" not in client.get(f"{rows.path}/label?queue=all").text

"""Images unlike their class, and pairs that may be copies, by features."""

import numpy as np
import pytest

from app.services import feature_findings
from app.storage.arrays import Arrays
from tests.features.factory import add_features, add_pictures, clouds, label


@pytest.fixture
def arrays(store):
    return Arrays(store)


def test_outliers__wrong_labels_and_strangers(database, store, arrays):
    rows = add_pictures(database, store, 150)
    values, owner = clouds(150)
    values[7] = np.abs(np.random.default_rng(5).normal(scale=6, size=1280))  # like nothing else
    add_features(database, store, rows, values)
    given = owner.copy()
    given[20] = (given[20] + 1) % 3
    label(database, rows, range(150), given)
    with database.read() as session:
        found = feature_findings.outliers(session, arrays, rows.project_id)
    assert found[0].image_id == rows.images[20]
    assert (found[0].class_id, found[0].looks_like) == (rows.classes[given[20]], rows.classes[owner[20]])
    assert rows.images[7] in [one.image_id for one in found]
    assert len(found) <= 4


def test_outliers__of_few_images_are_none(database, store, arrays):
    rows = add_pictures(database, store, 8)
    with database.read() as session:
        assert feature_findings.outliers(session, arrays, rows.project_id) == []
    values, owner = clouds(8)
    add_features(database, store, rows, values)
    label(database, rows, range(8), owner)
    with database.read() as session:
        assert feature_findings.outliers(session, arrays, rows.project_id) == []


def test_pairs__are_those_that_nearly_agree(database, store, arrays):
    rows = add_pictures(database, store, 90)
    values, _owner = clouds(90, spread=0.8)
    values[40] = values[11] + np.random.default_rng(0).normal(scale=0.05, size=1280)
    values[70] = values[12]
    add_features(database, store, rows, values)
    with database.read() as session:
        found = feature_findings.pairs(session, arrays, rows.project_id)
    assert [(one.one, one.other) for one in found] == [
        (rows.images[12], rows.images[70]),
        (rows.images[11], rows.images[40]),
    ]
    assert found[0].likeness == pytest.approx(1, abs=1e-3)

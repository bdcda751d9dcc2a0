"""Images unlike their class, by features."""

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.run_models import Job
from app.domain.enums import JobKind
from app.services import feature_findings, features, health_check, jobs
from app.storage.arrays import Arrays
from tests.features.factory import add_features, add_pictures, clouds, label
from tests.jobs import processes
from worker import runner


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


@pytest.mark.parametrize(
    ("before", "again"), [({"features": False, "turned": True}, 1), ({"features": True}, 0), (None, 0)]
)
def test_features__that_are_there_have_the_project_checked_again(settings, database, store, before, again):
    """What only they tell is found without anybody pressing "Check now"."""
    rows = add_pictures(database, store, 20)
    add_features(database, store, rows, clouds(20)[0])
    with database.write() as session:
        if before is not None:
            health_check.store(session, rows.project_id, [], before, 20)
        job = features.request(session, rows.project_id)
        claim = jobs.claim(session, job.id, "w", 60)
    assert isinstance(claim, jobs.Claim)
    runner.run(processes.parts(settings, database, store), claim)
    with database.read() as session:
        asked = session.scalars(sa.select(Job).where(Job.kind == JobKind.FACTS)).all()
        assert [one.spec["turned"] for one in asked] == [True] * again
        assert session.get_one(Job, job.id).state == "done"

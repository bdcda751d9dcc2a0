"""Features, neighbours and suggestions as services, on SQLite and PostgreSQL."""

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.feature_models import FeatureBlock, FeaturePlace
from app.db.models import Image
from app.domain import space
from app.domain.enums import ImageState, JobKind, Split
from app.services import features, maintenance, neighbours, references, suggesting, suggestions
from app.storage.arrays import Arrays
from tests.features.factory import add_features, add_pictures, array_row, clouds, label


@pytest.fixture
def arrays(store):
    return Arrays(store)


def test_missing__only_pictures_in_use_without_features(any_database, store):
    rows = add_pictures(any_database, store, 10)
    values, _owner = clouds(10)
    with any_database.write() as session:
        session.execute(sa.update(Image).where(Image.id == rows.images[0]).values(state=ImageState.EXCLUDED))
        first = features.missing(session, rows.project_id)
        assert len(first) == 9
        assert features.add_block(session, first[:4], "a" * 64) == 4
        assert features.add_block(session, first[:4], "b" * 64) == 0  # another job was quicker
        assert features.add_block(session, first[2:6], "c" * 64) == 2
        assert features.missing(session, rows.project_id) == first[6:]
        assert features.counts(session, rows.project_id) == (6, 9)
        places = features.places(session, rows.project_id)
        assert [(digest[0], row) for _, digest, row in places] == [*(("a", n) for n in range(4)), ("c", 2), ("c", 3)]
    assert len(values) == 10


def test_request__one_job_until_it_begins(database, store):
    rows = add_pictures(database, store, 3)
    with database.write() as session:
        assert not features.wanted(session, rows.project_id)
        job = features.request(session, rows.project_id)
        assert job.kind == JobKind.FEATURES
        assert features.request(session, rows.project_id).id == job.id
        assert features.wanted(session, rows.project_id)
        state = features.state(session, rows.project_id)
        assert (state.done, state.total, state.missing, state.job_id) == (0, 3, 3, job.id)


def test_neighbours__of_one_and_of_several(any_database, store, arrays):
    rows = add_pictures(any_database, store, 120)
    values, owner = clouds(120)
    with any_database.read() as session:
        assert neighbours.nearest(session, arrays, rows.project_id, rows.images[:1]) is None
    add_features(any_database, store, rows, values)
    with any_database.read() as session:
        found = neighbours.nearest(session, arrays, rows.project_id, [rows.images[5]], 30)
        both = neighbours.nearest(session, arrays, rows.project_id, [rows.images[5], rows.images[6]], 30)
        assert neighbours.nearest(session, arrays, rows.project_id, [10**9]) is None
    assert found is not None
    assert both is not None
    assert found[0].image_id == rows.images[5]
    assert found[0].likeness == pytest.approx(1.0, abs=1e-3)
    kinds = [owner[rows.images.index(one.image_id)] for one in found]
    assert kinds == [owner[5]] * 30
    assert {one.image_id for one in both[:2]} == {rows.images[5], rows.images[6]}
    raw = values.astype(np.float32)
    unit = space.unit(raw - space.centre(raw))
    np.testing.assert_allclose([one.likeness for one in found], np.sort(unit @ unit[5])[::-1][:30], atol=2e-3)


def test_neighbours__without_excluded_and_unreadable_pictures(database, store, arrays):
    rows = add_pictures(database, store, 20)
    values, _owner = clouds(20)
    values[3] = 0  # could not be read
    add_features(database, store, rows, values)
    with database.write() as session:
        session.execute(sa.update(Image).where(Image.id == rows.images[4]).values(state=ImageState.EXCLUDED))
    with database.read() as session:
        found = neighbours.nearest(session, arrays, rows.project_id, [rows.images[0]])
        assert found is not None
        assert {one.image_id for one in found} == set(rows.images) - {rows.images[3], rows.images[4]}
        assert neighbours.nearest(session, arrays, rows.project_id, [rows.images[3]]) is None


def test_suggestions__of_few_labels_are_right_and_say_how_sure(any_database, store, arrays):
    rows = add_pictures(any_database, store, 200)
    values, owner = clouds(200, spread=1.2)
    add_features(any_database, store, rows, values)
    label(any_database, rows, range(9), owner)
    with any_database.read() as session:
        assert not suggesting.due(session, rows.project_id)
    label(any_database, rows, range(9, 30), owner, "y")
    with any_database.read() as session:
        assert suggesting.due(session, rows.project_id)
    assert suggesting.refresh(any_database, store, arrays, rows.project_id)
    with any_database.read() as session:
        assert not suggesting.due(session, rows.project_id)
        found = suggestions.of_images(session, arrays, rows.project_id, rows.images)
        assert set(found) == set(rows.images[30:])
        right = [rows.classes[owner[place]] == found[rows.images[place]].class_id for place in range(30, 200)]
        assert np.mean(right) > 0.95
        source = found[rows.images[50]].source
        assert (source.kind, source.number, source.total) == ("similar", 30, 30)
        assert source.right >= 27
        unsure = suggestions.uncertain(session, arrays, rows.project_id, 10)
        sure = suggestions.sure(session, arrays, rows.project_id, 10, class_id=rows.classes[1], least=0.5)
        assert max(one.confidence for one in unsure) < min(one.confidence for one in sure)
        assert {one.class_id for one in sure} == {rows.classes[1]}
        assert sum(suggestions.counts(session, arrays, rows.project_id).values()) == 170


def test_suggestions__never_of_labelled_test_or_excluded_images(database, store, arrays):
    rows = add_pictures(database, store, 60)
    values, owner = clouds(60)
    add_features(database, store, rows, values)
    with database.write() as session:
        tested = sa.update(Image).where(Image.id.in_(rows.images[40:50]))
        session.execute(tested.values(split=Split.TEST))
        session.execute(sa.update(Image).where(Image.id == rows.images[50]).values(state=ImageState.EXCLUDED))
    label(database, rows, [*range(20), *range(40, 44)], owner)
    assert suggesting.refresh(database, store, arrays, rows.project_id)
    label(database, rows, range(20, 30), owner, "later")
    row = array_row(database, rows, features.HEAD)
    assert row is not None
    assert row.info["number"] == 20  # labels of test images teach nothing
    expected = set(rows.images[30:40]) | set(rows.images[51:])
    with database.read() as session:
        for found in (
            suggestions.uncertain(session, arrays, rows.project_id, 500),
            suggestions.sure(session, arrays, rows.project_id, 500),
            suggestions.of_images(session, arrays, rows.project_id, rows.images).values(),
        ):
            assert {one.image_id for one in found} == expected


def test_suggestions__while_newer_ones_take_their_place_there_are_none(database, store):
    rows = add_pictures(database, store, 40)
    values, owner = clouds(40)
    add_features(database, store, rows, values)
    label(database, rows, range(20), owner)
    assert suggesting.refresh(database, store, Arrays(store), rows.project_id)
    row = array_row(database, rows, features.HEAD)
    assert row is not None
    assert row.sha256
    store.delete(row.sha256)
    with database.read() as session:
        assert suggestions.sure(session, Arrays(store), rows.project_id) == []
    assert suggesting.refresh(database, store, Arrays(store), rows.project_id)
    with database.read() as session:
        assert len(suggestions.sure(session, Arrays(store), rows.project_id)) == 20


def test_suggestions__none_before_there_are_two_classes(database, store, arrays):
    rows = add_pictures(database, store, 30)
    values, owner = clouds(30)
    add_features(database, store, rows, values)
    label(database, rows, range(15), np.zeros(30, dtype=int))
    assert not suggesting.refresh(database, store, arrays, rows.project_id)
    with database.read() as session:
        assert suggestions.uncertain(session, arrays, rows.project_id) == []
        assert suggestions.of_images(session, arrays, rows.project_id, rows.images) == {}
    assert len(owner) == 30


def test_cleaning__forgets_features_that_no_image_needs(database, store):
    rows = add_pictures(database, store, 20)
    add_features(database, store, rows, clouds(20)[0], block=10)
    with database.read() as session:
        kept = references.kept(session)
        blocks = session.scalars(sa.select(FeatureBlock.sha256)).all()
    assert len(blocks) == 2
    assert {bytes.fromhex(one) for one in blocks} < kept
    with database.write() as session:
        session.execute(sa.delete(Image).where(Image.id.in_(rows.images[:10])))
    with database.read() as session:
        (block, *_others) = session.scalars(sa.select(FeatureBlock.sha256).order_by(FeatureBlock.id))
    maintenance.clean(database, store)
    store.delete(block)  # as the cleaning does when it is a day old
    with database.read() as session:
        found = neighbours.nearest(session, Arrays(store), rows.project_id, [rows.images[15]])
        assert found is not None
        assert {one.image_id for one in found} == set(rows.images[10:])
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(FeaturePlace)) == 10
        assert len(session.scalars(sa.select(FeatureBlock.id)).all()) == 1

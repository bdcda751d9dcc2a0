"""How many doubts stand is counted anew only where images changed, and is what a count of all of them gives."""

import random

import pytest
import sqlalchemy as sa

from app.domain.enums import Field, LabelSource, Split
from app.services import doubted, gallery, labels, marks, split_moves
from app.services.gallery import ImageFilter
from benchmarks import big_extras, big_project

pytestmark = pytest.mark.slow

COUNT = 10_000  # images: three blocks of ids


@pytest.fixture
def big(any_database, store):
    made = big_project.make(any_database, store, COUNT)
    big_extras.fill(any_database, store, made)
    return made


def counted(session, big):
    """As counted from all doubts."""
    return doubted.count(session, big.project_id, gallery.conditions(big.project_id, ImageFilter()))


def test_doubts__are_counted_right_after_any_change(any_database, big):
    draw = random.Random(6)
    seen = set()
    for turn in range(10):
        with any_database.read() as session:
            doubts = [doubt.image_id for doubt in doubted.doubts(session, big.project_id)]
            assert doubted.in_use(session, big.project_id) == counted(session, big) > 0
            seen.add(len(doubts))
        ids = tuple(draw.sample(doubts, 5))
        some = ImageFilter(state=None, ids=ids)
        who: marks.Who = {"source": LabelSource.GALLERY, "actor": "a", "request_id": str(turn)}
        with any_database.write() as session:
            if turn % 4 == 0:
                labels.assign_matching(session, big.project_id, some, draw.choice(big.class_ids), **who)
            elif turn % 4 == 1:
                marks.put(session, big.project_id, some, marks.Mark(Field.EXCLUDED, "blurred"), **who)
            elif turn % 4 == 2:
                split_moves.set_split(session, big.project_id, ids, Split.TEST, **who)
            else:
                labels.undo(session, big.project_id, actor="a", request_id=str(turn))
            assert doubted.in_use(session, big.project_id) == counted(session, big)  # and seen before it is durable
    assert len(seen) > 3


def test_doubts__that_were_taken_back_with_their_transaction_stand(any_database, big):
    with any_database.read() as session:
        before = doubted.in_use(session, big.project_id)
        ids = tuple(doubt.image_id for doubt in doubted.doubts(session, big.project_id)[:3])
    who: marks.Who = {"source": LabelSource.GALLERY, "actor": "a", "request_id": "1"}
    with any_database.write() as session:
        split_moves.set_split(session, big.project_id, ids, Split.TEST, **who)
        assert doubted.in_use(session, big.project_id) == before - 3
        session.rollback()
    with any_database.read() as session:
        assert doubted.in_use(session, big.project_id) == before


def test_doubts__of_images_that_did_not_change_are_not_asked_again(any_database, big):
    asked: list[str] = []

    def count(_connection, _cursor, statement, *_rest):
        if statement != "BEGIN":
            asked.append(statement)

    with any_database.read() as session:
        doubted.in_use(session, big.project_id)
    with any_database.read() as session:
        sa.event.listen(any_database.engine, "before_cursor_execute", count)
        doubted.in_use(session, big.project_id)
        first = len(asked)
        doubted.in_use(session, big.project_id)
    assert len(asked) - first <= 1  # the same page asks again: it knows the run
    del asked[first:]
    assert not any("FROM image " in statement for statement in asked)
    assert len(asked) == 3  # the run, the classes that are offered no more, the blocks

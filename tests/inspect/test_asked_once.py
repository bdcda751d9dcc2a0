"""A page asks the tables once for what all its parts need, and never keeps it longer than the page."""

import sqlalchemy as sa

from app.db.models import Image
from app.db.run_models import Prediction
from app.domain.enums import PredictionRole
from app.services import answers, packs, relabelled, report


def test_states__are_asked_once_by_a_page_and_never_kept(database, packed, statements):
    def asked() -> int:
        return sum("sum(prediction.predicted)" in one for one in statements)

    with database.read() as session:
        statements.clear()
        before = packs.states(session, packed)
        assert packs.state(session, packed, PredictionRole.VALIDATION) == packs.together(
            one for (role, _), one in before.items() if role is PredictionRole.VALIDATION
        )
        assert packs.states(session, packed) == before
        assert asked() == 1
    with database.write() as session:
        newest = session.scalar(sa.select(sa.func.max(Prediction.id)))
        session.execute(sa.delete(Prediction).where(Prediction.id == newest))
        assert packs.states(session, packed) != before, "what writes asks each time"
    with database.read() as session:
        assert packs.states(session, packed) != before, "the next page asks again"


def test_report__images_by_split_are_those_that_were_packed(client, database, store, packed, statements):
    with database.read() as session:
        rows = report.splits(session, packed)
        statements.clear()
        assert report.result(session, packed, answers.Kept(store)).counts == rows
        assert not any("count(*)" in one and "FROM run_item" in one for one in statements)


def test_recounts__from_blocks_as_from_rows(database, store, packed):
    with database.write() as session:
        first, second, *_, last = session.scalars(sa.select(Image).order_by(Image.id)).all()
        assert first.class_id != last.class_id
        first.class_id, second.class_id = last.class_id, None
    with database.read() as session:
        found = relabelled.items(session, packed, store)
        assert found == relabelled.items(session, packed)
        assert sorted(class_id for _, class_id in found) == [0, last.class_id]
        count, parts = relabelled.recounts(session, answers.Kept(store), packed)
        assert (count, parts) == relabelled.recounts(session, answers.Kept(), packed)
        assert count == 2
        assert sum(part.original.total - part.today.total for part in parts) == 1

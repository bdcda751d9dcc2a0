"""Label events of another project are removed, and SQLite gives their ids again: runs still know what came later."""

import pytest
import sqlalchemy as sa

from app.db.models import ImportBatch, LabelEvent
from app.domain.enums import LabelSource, PredictionRole
from app.services import answers, compare, deletion, import_undo, labels, removal, runs
from tests import factories
from tests.inspect import factory


@pytest.mark.parametrize("way", ["project deleted", "import taken back"])
def test_labels__changed_after_a_run_are_seen_also_when_newer_events_are_gone(any_database, store, tmp_path, way):
    with any_database.write() as session:
        made = factory.project(session, store, train=4, test=2)
        other = factories.make_project(session)
        factories.add_images(session, store, other, 20, label_class=other.classes[0])
        run = factory.run(session, store, made, folds=2, epochs=1)
        run.label_watermark = session.scalar(sa.select(sa.func.max(LabelEvent.id)))
    with any_database.write() as session:
        if way == "project deleted":
            deletion.request(session, other.id, tmp_path)
        else:
            taken = session.scalar(sa.select(ImportBatch.id).where(ImportBatch.project_id == other.id))
            who = {"actor": "ken", "reason": "r", "request_id": "undo-1234"}
            assert import_undo.take_back(session, taken, everything=True, **who).removed == 20
    if way == "project deleted":
        removal.run(any_database, store, other.id, lambda _session: None, lambda _done, _total: True)
    with any_database.write() as session:
        change = labels.LabelChange(made.test[0].id, made.classes[1].id)
        labels.assign(session, made.project.id, [change], source=LabelSource.REVIEW, actor="ken", request_id="later")
    with any_database.read() as session:
        row = runs.by_number(session, made.project.id, run.number)
        assert compare.load(session, answers.Kept(), [row], PredictionRole.TEST).sides[0].relabelled == 1

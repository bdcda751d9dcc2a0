"""Blocks of features that two trainings compute at the same time."""

import sqlalchemy as sa

from app.db.feature_models import FeatureBlock, FeaturePlace
from app.services import features
from app.services.results import Writer
from tests.features.factory import add_pictures
from tests.jobs import rows
from worker import orders, writing

METHOD = "network-32-float16"


def test_store__one_picture_that_another_training_added_costs_no_other_its_features(any_database, store, monkeypatch):
    project_id = add_pictures(any_database, store, 1).project_id
    (job_id,) = rows.make(any_database, project_id)
    attempt = rows.claim(any_database, job_id).attempt
    theirs, *ours = digests = [f"{number:064x}" for number in range(4)]
    with any_database.write() as session:
        features.add_block(session, [theirs], "a" * 64, METHOD)
    add_block, looked = features.add_block, []

    def blind_at_first(session, *given):
        looked.append(given)
        if len(looked) == 1:  # the other has added it between the look and the writing
            block = FeatureBlock(method=METHOD, count=len(digests), sha256="b" * 64)
            session.add(block)
            session.flush()
            places = [
                {"canonical_sha256": digest, "method": METHOD, "block_id": block.id, "row": row}
                for row, digest in enumerate(digests)
            ]
            session.execute(sa.insert(FeaturePlace), places)
        return add_block(session, *given)

    monkeypatch.setattr(features, "add_block", blind_at_first)
    with any_database.write() as session:
        message = orders.FeatureBlock(digests=tuple(digests), sha256="c" * 64, method=METHOD)
        assert writing.store(session, Writer(job_id, attempt, 1), message) == []
    with any_database.read() as session:
        query = sa.select(FeaturePlace.canonical_sha256, FeatureBlock.sha256).join(FeatureBlock)
        found = {digest: block[0] for digest, block in session.execute(query)}
    assert found == {theirs: "a"} | dict.fromkeys(ours, "c")

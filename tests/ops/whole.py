"""A project with labelled images and a training that is done, and ways to damage it."""

import os
import time

import numpy as np
import sqlalchemy as sa

from app.db.models import Image
from app.db.session import Database
from app.domain.enums import PredictionRole
from app.domain.recipe import Recipe
from app.services import jobs, results, runs
from app.services.results import Writer
from app.storage import LocalStore
from tests import factories

OLD = time.time() - 3 * 86_400


def make_whole(database, store):
    with database.write() as session:
        made = factories.make_project(session)
        for place, label_class in enumerate(made.classes):
            factories.add_images(session, store, made, 6, label_class=label_class, first=10 * place)
    with database.write() as session:
        run = runs.create(session, made, Recipe(), actor="tester")
        job_id, run_id = run.job_id, run.id
    with database.write() as session:
        claim = jobs.claim(session, job_id, "w:1", 30)
    assert claim is not None
    writer = Writer(job_id, claim.attempt, run_id)
    with database.write() as session:
        items = session.execute(sa.text(f"SELECT id, split FROM run_item WHERE run_id = {run_id}")).all()
        ids = np.array([row.id for row in items if row.split == "validation"])
        epoch = {"fold": 0, "epoch": 1, "loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.5}
        results.add_epoch(session, writer, {**epoch, "learning_rate": 0.1, "seconds": 1.0})
        judged = np.full((len(ids), 3), 1 / 3, np.float32)
        results.add_predictions(session, writer, 0, PredictionRole.VALIDATION, ids, judged)
        results.end_fold(session, writer, 0, {"best_epoch": 1, "weights_sha256": store.put(b"weights")})
        jobs.finish(session, job_id, claim.attempt)
    return run


def codes(found):
    return sorted(one.code for one in found)


def change(database: Database, model, where, **values):
    with database.write() as session:
        session.execute(sa.update(model).where(where).values(**values))


def first_image(database: Database) -> Image:
    with database.read() as session:
        image = session.scalar(sa.select(Image).order_by(Image.id))
        assert image is not None
        return image


def age(store: LocalStore) -> None:
    """Let all files be old."""
    for path in store.root.rglob("*"):
        if path.is_file():
            os.utime(path, (OLD, OLD))

"""What a training left behind, in a form that can be compared with another one of the same recipe and images."""

import hashlib
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from app.db.run_models import EpochMetric, Explanation, Prediction, RunFold, RunItem
from app.db.session import Database


@dataclass(frozen=True)
class Left:
    """Rows by their keys, without times and without ids of rows."""

    folds: dict[int, Any]
    epochs: dict[tuple[int, int], Any]
    predictions: dict[tuple[int, int, str], str]
    maps: dict[tuple[int, int, int], str]


def left(database: Database, run_id: int) -> Left:
    """Everything but times that the training of a run left."""
    with database.read() as session:
        folds = session.scalars(sa.select(RunFold).where(RunFold.run_id == run_id))
        epochs = session.scalars(sa.select(EpochMetric).where(EpochMetric.run_id == run_id))
        images = {
            row.id: row.image_id
            for row in session.execute(sa.select(RunItem.id, RunItem.image_id).where(RunItem.run_id == run_id))
        }
        said = session.scalars(sa.select(Prediction).where(Prediction.run_id == run_id))
        maps = session.scalars(sa.select(Explanation).where(Explanation.run_id == run_id))
        return Left(
            {one.fold: (one.best_epoch, one.stop_reason, one.metrics, one.weights_sha256) for one in folds},
            {
                (one.fold, one.epoch): (one.loss, one.accuracy, one.val_loss, one.val_accuracy, one.learning_rate)
                for one in epochs
            },
            {
                (images[one.item_id], one.fold, one.role): hashlib.sha256(one.probabilities).hexdigest()[:16]
                for one in said
            },
            {(images[one.item_id], one.fold, one.class_position): one.sha256 for one in maps},
        )


def differences(expected: Left, seen: Left) -> list[str]:
    """What is not equal, in words; empty when all is."""
    found = []
    for item in fields(Left):
        one, other = getattr(expected, item.name), getattr(seen, item.name)
        wrong = sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
        if wrong:
            first = f"{wrong[0]}: {one.get(wrong[0])} and not {other.get(wrong[0])}"
            found.append(f"{item.name}: {len(wrong)} of {len(one)} differ; {first}")
    return found


def resumed(database: Database, run_id: int) -> int:
    """Epochs that the last attempt did not have to train again, of all models."""
    with database.read() as session:
        numbers = list(session.scalars(sa.select(EpochMetric.attempt).where(EpochMetric.run_id == run_id)))
    return sum(number < max(numbers) for number in numbers)

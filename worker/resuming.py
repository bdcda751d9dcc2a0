"""What earlier attempts, or other jobs of the same run, have left that need not be computed again."""

import dataclasses
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.run_models import Prediction, RunFold
from app.domain.enums import PredictionRole
from app.services import results
from worker.orders import Checkpointed, Finished, Plan, TrainOrder

PRECISION = "precision"  # key of ``Run.environment``: the number format in which the run was begun


def fill(session: Session, order: TrainOrder, run_id: int, environment: dict[str, Any]) -> TrainOrder:
    """``order`` with its finished models, and with the states from which the others go on.

    A model is finished when its row has weights and all its predictions are there. Call it after the job was claimed:
    from then on nobody else writes these rows.
    """
    wanted = [plan for plan in order.plans if order.only is None or plan.fold in order.only]
    finished = _finished(session, order, run_id, wanted)
    resume = {
        row.fold: Checkpointed(row.fold, row.epoch, dict(row.blobs), row.size)
        for row in results.checkpoints(session, run_id)
        if row.fold not in finished and any(plan.fold == row.fold for plan in wanted)
    }
    begun = bool(finished or resume or order.only)
    precision = str(environment.get(PRECISION, "")) if begun else ""
    return dataclasses.replace(order, finished=finished, resume=resume, precision=precision)


def kept(order: TrainOrder) -> dict[int, int | None]:
    """What ``results.clear`` must leave."""
    return {fold: saved.epoch for fold, saved in order.resume.items()} | dict.fromkeys(order.finished)


def _finished(session: Session, order: TrainOrder, run_id: int, plans: list[Plan]) -> dict[int, Finished]:
    there = sa.select(RunFold.fold, RunFold.weights_sha256, RunFold.seconds).where(
        RunFold.run_id == run_id, RunFold.weights_sha256.is_not(None), RunFold.stop_reason != ""
    )
    rows = {row.fold: row for row in session.execute(there)}
    places = {int(item_id): place for place, item_id in enumerate(order.items.ids)}
    found = {}
    for plan in plans:
        if (row := rows.get(plan.fold)) is None:
            continue
        said = _said(session, order, run_id, plan.fold, places)
        validation, test = said[plan.validation], said[order.test]
        if np.isnan(validation).any() or np.isnan(test).any():
            continue  # a model that was finished by an older version, or by hand: it is trained again
        found[plan.fold] = Finished(plan.fold, row.weights_sha256, row.seconds or 0.0, validation, test)
    return found


def _said(session: Session, order: TrainOrder, run_id: int, fold: int, places: dict[int, int]) -> NDArray[np.float32]:
    """(images of the run, classes): probabilities of one model; NaN where it said nothing."""
    classes = len(order.class_names)
    said = np.full((len(places), classes), np.nan, np.float32)
    roles = [PredictionRole.VALIDATION, PredictionRole.TEST, PredictionRole.TEST_FOLD]
    query = sa.select(Prediction.item_id, Prediction.probabilities).where(
        Prediction.run_id == run_id, Prediction.fold == fold, Prediction.role.in_(roles)
    )
    for row in session.execute(query):
        said[places[row.item_id]] = np.frombuffer(row.probabilities, "<f4", classes)
    return said

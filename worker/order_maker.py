"""Rows to orders: what the child of a job has to know, read in one short transaction."""

from dataclasses import replace
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.config import Settings
from app.db.run_models import Run, RunClass, RunFold, RunItem
from app.domain import backbones
from app.domain.enums import Split
from app.domain.errors import NotFound
from app.domain.explaining import Method
from app.domain.recipe import Recipe
from app.domain.views import NONE
from app.services import best_weights, features, looking, predictions
from worker import resuming
from worker.files import FileOrder
from worker.looking_orders import LookOrder
from worker.order_items import Items
from worker.orders import ExplainOrder, Plan, PredictOrder, PrepareOrder, TrainOrder

MEAN = -1


def train_order(session: Session, run_id: int, settings: Settings, only: tuple[int, ...] | None = None) -> TrainOrder:
    """The training of a run, or of some of its folds, from its frozen rows; what is done already is left out.

    Raises:
        NotFound: there is no such run (any more).
    """
    run = _run(session, run_id)
    columns = (RunItem.id, RunItem.canonical_sha256, RunItem.label, RunItem.split, RunItem.fold)
    rows = session.execute(sa.select(*columns).where(RunItem.run_id == run_id).order_by(RunItem.id)).all()
    splits = np.array([row.split for row in rows])
    folds = np.array([-1 if row.fold is None else row.fold for row in rows])
    models = session.scalars(sa.select(RunFold.fold).where(RunFold.run_id == run_id).order_by(RunFold.fold))
    names = session.scalars(sa.select(RunClass.name).where(RunClass.run_id == run_id).order_by(RunClass.position))
    order = TrainOrder(
        storage=settings.patient_store_address,
        scratch=str(settings.data_dir.absolute()),
        recipe=run.recipe,
        class_names=tuple(names),
        items=_items(rows),
        plans=tuple(_plan(fold, splits, folds) for fold in models),
        test=np.flatnonzero(splits == Split.TEST),
        only=only,
        weights=str(settings.weights_folder),
        start=str((run.origin or {}).get("weights_sha256", "")),
    )
    if (run.origin or {}).get("outputs") == "kept":
        order = replace(order, start_classes=order.class_names)
    recipe = Recipe.from_json(run.recipe)
    if recipe.pretrained:
        known = {method: features.of_run(session, run_id, method) for method in backbones.methods(recipe)}
        order = replace(order, features=known)
    return resuming.fill(session, order, run_id, run.environment)


def _plan(fold: int, splits: np.ndarray[Any, Any], folds: np.ndarray[Any, Any]) -> Plan:
    """K-fold: an image is validated in its fold. Hold-out: no image has a fold, and the splits say it."""
    held = folds == fold if (folds >= 0).any() else splits == Split.VALIDATION
    return Plan(fold, np.flatnonzero(~held & (splits != Split.TEST)), np.flatnonzero(held))


def explain_order(session: Session, spec: dict[str, Any], settings: Settings) -> ExplainOrder:
    """The heat maps that a person asked for.

    Raises:
        NotFound: the run, one of its images or its weights are not there.
    """
    run = _run(session, spec["run_id"])
    columns = (RunItem.id, RunItem.canonical_sha256, RunItem.label)
    wanted = sa.select(*columns).where(RunItem.run_id == run.id, RunItem.id.in_(spec["item_ids"]))
    rows = session.execute(wanted.order_by(RunItem.id)).all()
    if len(rows) != len(set(spec["item_ids"])):
        raise NotFound("explain_item_missing")
    return ExplainOrder(
        storage=settings.patient_store_address,
        recipe=run.recipe,
        items=_items(rows),
        class_positions=(spec["class_position"],) * len(rows),
        weights=weights(session, run.id, spec["fold"]),
        fold=spec["fold"],
        layer=spec["layer"] or None,
        method=spec.get("method", Method.GRAD_CAM),
    )


def predict_order(session: Session, spec: dict[str, Any], settings: Settings) -> PredictOrder:
    """One picture that somebody tries, for all models of a run.

    Raises:
        NotFound: the run or its weights are not there.
    """
    run = _run(session, spec["run_id"])
    return PredictOrder(
        storage=settings.patient_store_address,
        recipe=run.recipe,
        picture=spec[predictions.PICTURE],
        weights=weights(session, run.id, MEAN),
        layer=spec["layer"],
        most_maps=predictions.MOST_MAPS,
        method=spec.get("method", Method.GRAD_CAM),
        position=spec.get("position"),
        views=spec.get("views", NONE),
    )


def look_order(session: Session, spec: dict[str, Any], settings: Settings) -> LookOrder:
    """What a layer says of a picture.

    Raises:
        NotFound: the run is not there.
    """
    run = _run(session, spec["run_id"])
    storage = settings.patient_store_address
    return LookOrder(storage, run.recipe, spec["model"], spec["picture_of_run"], spec[looking.LAYER])


def file_order(session: Session, spec: dict[str, Any], settings: Settings) -> FileOrder:
    """A file of one of the models of a run, for Keras alone.

    Raises:
        NotFound: the run is not there.
    """
    run = _run(session, spec["run_id"])
    return FileOrder(settings.patient_store_address, run.recipe, spec[best_weights.WEIGHTS], dict(spec["about"]))


def prepare_order(session: Session, run_id: int, settings: Settings) -> PrepareOrder:
    """The models of a run, to be made ready.

    Raises:
        NotFound: the run or its weights are not there.
    """
    run = _run(session, run_id)
    return PrepareOrder(settings.patient_store_address, run.recipe, weights(session, run.id, MEAN))


def weights(session: Session, run_id: int, fold: int) -> tuple[str, ...]:
    """The hashes of the models of a run, or of one fold. Raises NotFound when there is none."""
    query = sa.select(RunFold.weights_sha256).where(RunFold.run_id == run_id, RunFold.weights_sha256.is_not(None))
    if fold != MEAN:
        query = query.where(RunFold.fold == fold)
    found = tuple(digest for digest in session.scalars(query.order_by(RunFold.fold)) if digest)
    if not found:
        raise NotFound("weights_missing", run=run_id, fold=fold + 1)
    return found


def _run(session: Session, run_id: int) -> Run:
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound("run_missing", number=run_id)
    return run


def _items(rows: Any) -> Items:
    ids = np.array([row.id for row in rows], dtype=np.int64)
    labels = np.array([row.label for row in rows], dtype=np.int32)
    return Items(ids, [row.canonical_sha256 for row in rows], labels)

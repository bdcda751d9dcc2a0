"""A search for a learning rate from its row to its end."""

import time
from collections.abc import Sequence

import numpy as np
from sqlalchemy.orm import Session

from app.config import Settings
from app.domain import backbones
from app.domain.recipe import Recipe
from app.domain.stages import stages
from app.services import features, jobs, origins, rates
from app.services.jobs import Claim
from worker import writing
from worker.lease import Lease
from worker.order_items import Items
from worker.orders import FeatureBlock, Message, Progress
from worker.parts import Parts
from worker.rate_orders import RateOrder, Swept
from worker.supervisor import End, Supervisor


def run(parts: Parts, claim: Claim, lease: Lease) -> End:
    """Train for a moment on some of the pictures that a training would learn from; the losses are the result."""
    with parts.database.read() as session:
        order = _order(session, claim, parts.settings)
    begun: list[tuple[float, int]] = []  # when how many steps were done

    def write(said: Sequence[Message]) -> None:
        with parts.database.write() as session:
            jobs.fence(session, claim.job_id, claim.attempt)
            for message in said:
                if isinstance(message, Swept):
                    values = {rates.LOSSES: list(message.losses), rates.DIVERGED: message.diverged}
                    jobs.set_result(session, claim.job_id, claim.attempt, values)
                elif isinstance(message, Progress):
                    jobs.set_progress(session, claim.job_id, claim.attempt, _shown(message, begun))
                elif isinstance(message, FeatureBlock):
                    writing.keep_features(session, message)

    return Supervisor(parts, lease, order, write).run()


def _shown(message: Progress, begun: list[tuple[float, int]]) -> dict[str, object]:
    values: dict[str, object] = {"phase": message.phase, "done": message.done, "total": message.total}
    if message.phase == "rates":
        begun.append((time.monotonic(), message.done))
        (first, done), (last, more) = begun[0], begun[-1]
        if more > done:  # the first report comes after everything was compiled
            values["seconds_left"] = round((last - first) / (more - done) * (message.total - more))
    return values


def _order(session: Session, claim: Claim, settings: Settings) -> RateOrder:
    recipe = Recipe.from_json(claim.spec[rates.RECIPE])
    forecast, drawn, places = rates.pictures(session, claim.project_id, recipe)
    rows = [drawn.rows[place] for place in places.tolist()]
    items = Items(
        np.array([row.id for row in rows], np.int64),
        [row.canonical_sha256 for row in rows],
        drawn.labels[places].astype(np.int32),
    )
    cached = stages(recipe)[0].cached
    methods = backbones.methods(recipe) if cached else []
    origin = origins.find(session, claim.project_id, recipe)
    names = tuple(row.name for row in forecast.classes)
    return RateOrder(
        storage=settings.patient_store_address,
        scratch=str(settings.data_dir.absolute()),
        recipe=recipe.to_json(),
        class_names=names,
        items=items,
        features={method: features.of_project(session, claim.project_id, method) for method in methods},
        weights=str(settings.weights_folder),
        start=origin.digest if origin else "",
        start_classes=names if origin and origin.same(forecast.classes) else (),
    )

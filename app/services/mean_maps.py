"""Mean heat maps: of the right answers of each class, and of each pair of classes that were confused."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from PIL import Image as Picture
from sqlalchemy.orm import Session

from app.db.run_models import Explanation, Prediction, Run, RunItem
from app.domain import heat
from app.domain.enums import PredictionRole
from app.domain.errors import NotFound
from app.domain.explaining import Method
from app.services import heatmaps
from app.services.review import MEAN
from app.storage import Store

MOST = 60  # maps of one mean: of more some all over
MOST_PAIRS = 12
Rows = sa.Select[*tuple[Any, ...]]


@dataclass(frozen=True)
class Mean:
    """Maps that can be averaged: true class, answer, the class that the maps speak for, and how many there are."""

    true: int
    said: int
    position: int
    count: int


@dataclass(frozen=True)
class Means:
    """What there is of one role.

    Attributes:
        layer: of the maps; None where the run has none.
        fold: the model of the scale; -1 for the mean of the models.
        limit: value of the last colour, the same for all.
        right: right answers, by class.
        wrong: confused pairs, the most frequent first, each with the maps of the answer and of the true class.
    """

    layer: str | None
    fold: int
    limit: float
    right: Sequence[Mean]
    wrong: Sequence[tuple[Mean, Mean | None]]


def find(session: Session, run: Run, role: PredictionRole) -> Means:
    """Which means can be made; one query."""
    layer = heatmaps.usual_layer(session, run)
    fold = MEAN if role is PredictionRole.TEST and run.recipe.get("folds") else 0
    if layer is None:
        return Means(None, fold, 1.0, [], [])
    asked = (RunItem.label, Prediction.predicted, Explanation.class_position)
    query = _maps(sa.select(*asked, sa.func.count()), run, layer, role).group_by(*asked)
    made = {row[:3]: Mean(*row) for row in session.execute(query)}
    right = [one for (true, said, position), one in sorted(made.items()) if true == said == position]
    wrong = [one for (true, said, position), one in made.items() if true != said == position]
    wrong.sort(key=lambda one: (-one.count, one.true, one.said))
    pairs = [(one, made.get((one.true, one.said, one.true))) for one in wrong[:MOST_PAIRS]]
    # A mean is flatter than its maps: half of their scale shows it well, and is the same for all.
    limit = heat.nice_limit(heatmaps.scale(session, run, fold, layer) / 2)
    return Means(layer, fold, limit, right, pairs)


def grey(session: Session, store: Store, run: Run, role: PredictionRole, wanted: Mean) -> tuple[bytes, float]:
    """The mean of at most MOST maps as a grey PNG that ends at its peak, and that peak.

    Raises:
        NotFound: there is no such map, or the files of all are gone.
    """
    layer = heatmaps.usual_layer(session, run)
    query = _maps(sa.select(Explanation.sha256, Explanation.peak), run, layer or "", role).where(
        RunItem.label == wanted.true,
        Prediction.predicted == wanted.said,
        Explanation.class_position == wanted.position,
    )
    rows = session.execute(query.order_by(RunItem.id)).all()
    drawn = [rows[at] for at in np.linspace(0, len(rows) - 1, min(len(rows), MOST)).astype(int).tolist()]
    total, count = np.zeros((1, 1), np.float32), 0
    for digest, peak in drawn:
        try:
            content = store.get(digest)
        except NotFound:
            continue  # the others make the mean
        with Picture.open(io.BytesIO(content)) as picture:
            total = total + np.asarray(picture.convert("L"), np.float32) * (peak / 255.0)
        count += 1
    if not count:
        raise NotFound("heat_map_missing", item=0)
    mean = total / count
    highest = float(mean.max())
    out = io.BytesIO()
    scaled = np.rint(mean * (255.0 / highest)) if highest > 0 else np.zeros_like(mean)
    Picture.fromarray(scaled.astype(np.uint8)).save(out, "PNG")
    return out.getvalue(), highest


def _maps(query: Rows, run: Run, layer: str, role: PredictionRole) -> Rows:
    """Of the Grad-CAM maps of the answers of one role, each by the model that gave the answer."""
    same = (
        Explanation.item_id == Prediction.item_id,
        Explanation.fold == Prediction.fold,
        Explanation.layer == layer,
        Explanation.method == Method.GRAD_CAM,
    )
    return (
        query.select_from(Prediction)
        .join(RunItem, RunItem.id == Prediction.item_id)
        .join(Explanation, sa.and_(*same))
        .where(Prediction.run_id == run.id, Prediction.role == role, Explanation.run_id == run.id)
    )

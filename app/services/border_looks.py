"""Which pictures of a run are judged by their padding or border, from the heat maps that are there."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from PIL import Image as Picture
from sqlalchemy.orm import Session

from app.db.models import Image
from app.db.run_models import Explanation, Prediction, Run, RunItem
from app.domain import borders
from app.domain.borders import Look
from app.domain.enums import PredictionRole
from app.domain.errors import NotFound
from app.domain.explaining import Method
from app.services import heatmaps
from app.storage import Store

MOST = 300  # maps that are read for a page; right and wrong answers take turns


@dataclass(frozen=True)
class Looked:
    """One picture: what was said of it, and where the map of that answer lies. ``padding`` is None without any."""

    item_id: int
    image_id: int
    name: str
    thumbnail_sha256: str
    label: int
    predicted: int
    confidence: float
    padding: Look | None
    border: Look

    @property
    def right(self) -> bool:
        """True when the answer is the label that the run saw."""
        return self.label == self.predicted


@dataclass(frozen=True)
class Looks:
    """The pictures of a role whose map of their answer is there.

    Attributes:
        layer: of the maps; None where the network has no convolution or none was made.
        padded: the run fills pictures up to a square.
        maps: how many maps there are; ``pictures`` holds at most MOST of them.
        empty: maps without any energy, which say nothing.
    """

    layer: str | None
    padded: bool
    maps: int
    empty: int
    pictures: Sequence[Looked]


def find(session: Session, store: Store, run: Run, role: PredictionRole) -> Looks:
    """Where the maps of the answers of one role lie."""
    layer = heatmaps.usual_layer(session, run)
    padded = run.recipe.get("resize_mode") == "pad"
    if layer is None:
        return Looks(None, padded, 0, 0, [])
    query = (
        sa.select(RunItem, Prediction.predicted, Prediction.confidence, Explanation.sha256, Image)
        .select_from(Prediction)
        .join(RunItem, RunItem.id == Prediction.item_id)
        .join(Image, Image.id == RunItem.image_id)
        .join(
            Explanation,
            sa.and_(
                Explanation.item_id == Prediction.item_id,
                Explanation.fold == Prediction.fold,
                Explanation.layer == layer,
                Explanation.class_position == Prediction.predicted,
                Explanation.method == Method.GRAD_CAM,
            ),
        )
        .where(Prediction.run_id == run.id, Prediction.role == role, Explanation.run_id == run.id)
        .order_by(RunItem.id)
    )
    rows = [_Row(*row) for row in session.execute(query)]
    found, empty = [], 0
    for row in _drawn(rows):
        heat = _read(store, row.digest)
        looked = None if heat is None else _looked(row, heat, padded=padded)
        if looked is None:
            empty += 1
        else:
            found.append(looked)
    return Looks(layer, padded, len(rows), empty, found)


class _Row(NamedTuple):
    item: RunItem
    predicted: int
    confidence: float
    digest: str
    image: Image


def _drawn(rows: Sequence[_Row]) -> list[_Row]:
    """At most MOST rows: all right answers, of which few have maps, as far as half; of the others some all over."""
    right = [row for row in rows if row.item.label == row.predicted]
    wrong = [row for row in rows if row.item.label != row.predicted]
    few = _spread(right, max(MOST // 2, MOST - len(wrong)))
    return [*few, *_spread(wrong, MOST - len(few))]


def _spread(rows: Sequence[_Row], most: int) -> Sequence[_Row]:
    if len(rows) <= most:
        return rows
    return [rows[place] for place in np.linspace(0, len(rows) - 1, most).astype(int).tolist()]


def _read(store: Store, digest: str) -> NDArray[np.float32] | None:
    """The map, or None when its file is gone: the other pictures are shown all the same."""
    try:
        content = store.get(digest)
    except NotFound:
        return None
    with Picture.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("L"), np.float32)


def _looked(row: _Row, heat: NDArray[np.float32], *, padded: bool) -> Looked | None:
    shape = (heat.shape[0], heat.shape[1])
    frame = borders.look(heat, borders.border(shape))
    if frame is None:
        return None
    image = row.image
    filled = borders.look(heat, borders.padding(image.width, image.height, shape)) if padded else None
    return Looked(
        item_id=row.item.id,
        image_id=image.id,
        name=image.name,
        thumbnail_sha256=image.thumbnail_sha256,
        label=row.item.label,
        predicted=row.predicted,
        confidence=row.confidence,
        padding=filled if filled is not None and filled.area >= borders.SMALL else None,
        border=frame,
    )

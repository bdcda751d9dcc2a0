"""Which pictures of a run are judged by their padding or border, from the heat maps that are there."""

import io
import math
from collections.abc import Iterator, Mapping, Sequence
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
from app.services import heatmaps, packs
from app.storage import Store

MOST = 300  # maps that are shown by a page; right and wrong answers take turns
MOST_MEASURED = 20_000  # maps that are measured when a run is done, so that its page reads none of them


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


_Key = tuple[int, str]  # run item, hash of its map
_Looks = tuple[Look, Look | None]  # border and padding


class _Row(NamedTuple):
    item_id: int
    label: int
    predicted: int
    confidence: float
    digest: str
    image_id: int
    name: str
    thumbnail_sha256: str
    width: int
    height: int

    @property
    def key(self) -> _Key:
        return self.item_id, self.digest


def find(session: Session, store: Store, run: Run, role: PredictionRole) -> Looks:
    """Where the maps of the answers of one role lie."""
    layer = heatmaps.usual_layer(session, run)
    padded = run.recipe.get("resize_mode") == "pad"
    if layer is None:
        return Looks(None, padded, 0, 0, [])
    rows = _rows(session, run, layer, role)
    known = _measured_before(session, store, run)
    found, empty = [], 0
    for row in _drawn(rows):
        looks = known[row.key] if row.key in known else _measure(store, row, padded=padded)
        if looks is None:
            empty += 1
        else:
            found.append(_looked(row, *looks))
    return Looks(layer, padded, len(rows), empty, found)


def measured(session: Session, store: Store, run: Run) -> dict[str, packs.Array] | None:
    """The numbers of the maps of all answers, for ``packs.BORDERS``; None where there are no maps."""
    layer = heatmaps.usual_layer(session, run)
    padded = run.recipe.get("resize_mode") == "pad"
    roles = (PredictionRole.TEST, PredictionRole.VALIDATION)
    rows = [row for role in roles for row in _rows(session, run, layer, role)] if layer is not None else []
    if not rows:
        return None
    rows = rows[:MOST_MEASURED]
    looks = [_measure(store, row, padded=padded) for row in rows]
    return {
        "items": np.array([row.item_id for row in rows], np.int64),
        "digests": np.frombuffer(bytes.fromhex("".join(row.digest for row in rows)), np.uint8).reshape(-1, 32),
        "looks": np.array([_numbers(one) for one in looks], np.float64),
    }


def _measured_before(session: Session, store: Store, run: Run) -> Mapping[tuple[int, str], _Looks | None]:
    """The numbers of ``measured`` by picture and map."""
    file = packs.find(session, store, run, packs.BORDERS, None)
    try:
        arrays = () if file is None else [file.get(name) for name in ("items", "digests", "looks")]
    except packs.UNUSABLE as error:
        packs.log.warning("The measured maps of run %s cannot be used: %s", run.id, error)
        return {}
    return {} if not arrays else dict(_pairs(*arrays))


def _pairs(items: packs.Array, digests: packs.Array, looks: packs.Array) -> Iterator[tuple[_Key, _Looks | None]]:
    for item, digest, (border, area, padding, filled) in zip(items.tolist(), digests, looks.tolist(), strict=True):
        inner = None if math.isnan(padding) else Look(padding, filled)
        pair = None if math.isnan(border) else (Look(border, area), inner)
        yield (item, digest.tobytes().hex()), pair


def _numbers(looks: _Looks | None) -> list[float]:
    none = float("nan")
    border, padding = looks or (None, None)
    return [value for one in (border, padding) for value in ((one.energy, one.area) if one else (none, none))]


def _rows(session: Session, run: Run, layer: str, role: PredictionRole) -> list[_Row]:
    query = (
        sa.select(
            RunItem.id,
            RunItem.label,
            Prediction.predicted,
            Prediction.confidence,
            Explanation.sha256,
            Image.id,
            Image.name,
            Image.thumbnail_sha256,
            Image.width,
            Image.height,
        )
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
    return [_Row._make(row) for row in session.execute(query)]


def _drawn(rows: Sequence[_Row]) -> list[_Row]:
    """At most MOST rows: all right answers, of which few have maps, as far as half; of the others some all over."""
    right = [row for row in rows if row.label == row.predicted]
    wrong = [row for row in rows if row.label != row.predicted]
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


def _measure(store: Store, row: _Row, *, padded: bool) -> _Looks | None:
    """How much of a map lies on border and padding; None without a file or any energy."""
    heat = _read(store, row.digest)
    shape = (0, 0) if heat is None else (heat.shape[0], heat.shape[1])
    frame = None if heat is None else borders.look(heat, borders.border(shape))
    if heat is None or frame is None:
        return None
    filled = borders.look(heat, borders.padding(row.width, row.height, shape)) if padded else None
    return frame, filled if filled is not None and filled.area >= borders.SMALL else None


def _looked(row: _Row, border: Look, padding: Look | None) -> Looked:
    return Looked(
        item_id=row.item_id,
        image_id=row.image_id,
        name=row.name,
        thumbnail_sha256=row.thumbnail_sha256,
        label=row.label,
        predicted=row.predicted,
        confidence=row.confidence,
        padding=padding,
        border=border,
    )

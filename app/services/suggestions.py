"""Suggestions: the class that a picture without a label most likely has, with how sure that is and who says so.

The newest run speaks first, for the pictures that it was asked about; of the others a small classifier says what
pictures with labels look like. It is fitted on features of the offline network each time 25 more labels are there, and
judged by cross-validation. Images of the pinned test set get no suggestion: a test set that is chosen or labelled with
the help of a model flatters the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.feature_models import ProjectArray
from app.db.models import LabelClass
from app.services import feature_space, features, suggesting
from app.services.image_filter import chunks
from app.storage.arrays import Arrays, Named

COLUMNS = ("classes", "confidence", "margin")
_STEP = 500  # images whose labels are looked up at once


@dataclass(frozen=True, slots=True)
class Source:
    """Who suggests: ``kind`` "run" with the number of the run, or "similar" with the number of labels.

    ``right`` of ``total`` labelled pictures that the model had not seen got the right class.
    """

    kind: str
    number: int
    right: int
    total: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The most likely class of one image. ``confidence``: its probability, calibrated for the head."""

    image_id: int
    class_id: int
    confidence: float
    source: Source


@dataclass(frozen=True)
class Said:
    """All suggestions for a project, in the order of the image ids; arrays have the shape (n,).

    ``spread`` is how far the models of a run disagree, 0 to 1; 0 of a single model and of the head.
    ``margin`` is the distance between the two most likely classes: 0 when the model cannot tell them apart.
    ``speaker`` is the place in ``sources`` of the one who speaks of the image.
    ``uncertain`` and ``apart`` are image ids in the order of a queue: the least certain first; those that the models of
    a run disagree about, most of all first.
    """

    sources: Sequence[Source]
    ids: NDArray[np.int64]
    classes: NDArray[np.int64]
    confidence: NDArray[np.float32]
    margin: NDArray[np.float32]
    speaker: NDArray[np.int64]
    spread: NDArray[np.float32]
    uncertain: NDArray[np.int64]
    apart: NDArray[np.int64]

    def at(self, place: int) -> Suggestion:
        """One of them."""
        source = self.sources[int(self.speaker[place])]
        return Suggestion(int(self.ids[place]), int(self.classes[place]), float(self.confidence[place]), source)


def said(session: Session, arrays: Arrays, project_id: int) -> Said | None:
    """Everything that is suggested now: by the newest run, and by the head for what that was not asked about."""
    rows = [session.get(ProjectArray, (project_id, kind)) for kind in (features.RUN, features.HEAD)]
    read = [(row, held) for row in rows if row is not None and (held := feature_space.of_row(arrays, row))]
    made = [(row, held) for row, held in read if len(held["ids"])]
    if not made:
        return None
    sources = [
        Source(str(row.info["kind"]), *(int(row.info[name]) for name in ("number", "right", "total")))
        for row, _ in made
    ]
    name = " ".join(["said", *(str(row.sha256) for row, _ in made)])
    return Said(sources=sources, **arrays.made(name, lambda: _together([held for _, held in made])))


def _together(made: Sequence[Named]) -> Named:
    """What several say, as one, with the orders of the queues; the half second that it takes is spent once."""
    ids = np.concatenate([held["ids"] for held in made])
    ids, first = np.unique(ids, return_index=True)  # of several who speak of an image the first has the word
    speaker = np.repeat(np.arange(len(made)), [len(held["ids"]) for held in made])[first]
    found = {name: np.concatenate([held[name] for held in made])[first] for name in COLUMNS}
    spreads = [held.get("spread", np.zeros(len(held["ids"]), dtype=np.float32)) for held in made]
    spread = np.concatenate(spreads)[first]
    apart = np.flatnonzero(spread > 0)
    orders = {
        "uncertain": ids[np.argsort(found["margin"], kind="stable")],
        "apart": ids[apart[np.argsort(-spread[apart], kind="stable")]],
    }
    return {"ids": ids, "speaker": speaker, "spread": spread, **found, **orders}


def of_images(session: Session, arrays: Arrays, project_id: int, image_ids: Sequence[int]) -> dict[int, Suggestion]:
    """The suggestions for some images by id, of those in use, without a label and not of the test set.

    Images without a suggestion are left out; a class that is offered no more is none.
    """
    everything = said(session, arrays, project_id)
    if everything is None:
        return {}
    offered = _offered(session, project_id)
    wanted = np.unique(np.asarray(list(image_ids), dtype=np.int64))
    places = np.searchsorted(everything.ids, wanted)
    places = places[np.take(everything.ids, places, mode="clip") == wanted]
    found = [one for one in map(everything.at, places.tolist()) if one.class_id in offered]
    still = _still_open(session, project_id, [one.image_id for one in found])
    return {one.image_id: one for one in found if one.image_id in still}


def uncertain(session: Session, arrays: Arrays, project_id: int, limit: int = 50) -> list[Suggestion]:
    """Images without a label about which the models are least certain, the least certain first; never test images."""
    everything = said(session, arrays, project_id)
    if everything is None:
        return []
    return _first_open(session, project_id, everything, np.argsort(everything.margin, kind="stable"), limit)


def sure(
    session: Session,
    arrays: Arrays,
    project_id: int,
    limit: int = 50,
    *,
    class_id: int | None = None,
    least: float = 0.0,
) -> list[Suggestion]:
    """Images without a label that are most surely of one class, or of any, the surest first; never test images."""
    everything = said(session, arrays, project_id)
    if everything is None:
        return []
    fits = everything.confidence >= least
    if class_id is not None:
        fits &= everything.classes == class_id
    places = np.flatnonzero(fits)
    order = places[np.argsort(-everything.confidence[places], kind="stable")]
    return _first_open(session, project_id, everything, order, limit)


def counts(
    session: Session, arrays: Arrays, project_id: int, least: float = 0.0, *fits: sa.ColumnElement[bool]
) -> dict[int, int]:
    """How many images without a label are suggested for each class with at least this confidence.

    ``fits``: further conditions on the images.
    """
    everything = said(session, arrays, project_id)
    if everything is None:
        return {}
    still = np.fromiter(session.scalars(suggesting.unlabelled(project_id).where(*fits)), dtype=np.int64)
    kept = np.isin(everything.ids, still) & (everything.confidence >= least)
    classes, numbers = np.unique(everything.classes[kept], return_counts=True)
    offered = _offered(session, project_id)
    return {one: count for one, count in zip(classes.tolist(), numbers.tolist(), strict=True) if one in offered}


def _first_open(
    session: Session, project_id: int, everything: Said, order: NDArray[np.int64], limit: int
) -> list[Suggestion]:
    """The first of an order that are still without a label; few have got one since the order was made."""
    offered = _offered(session, project_id)
    found: list[Suggestion] = []
    for start in range(0, len(order), _STEP):
        part = [everything.at(place) for place in order[start : start + _STEP].tolist()]
        still = _still_open(session, project_id, [one.image_id for one in part])
        found += [one for one in part if one.image_id in still and one.class_id in offered]
        if len(found) >= limit:
            break
    return found[: max(limit, 0)]


def _still_open(session: Session, project_id: int, image_ids: Sequence[int]) -> set[int]:
    still: set[int] = set()
    for some in chunks(image_ids):
        still |= set(session.scalars(suggesting.unlabelled(project_id, some)))
    return still


def _offered(session: Session, project_id: int) -> set[int]:
    query = sa.select(LabelClass.id).where(LabelClass.project_id == project_id, LabelClass.retired.is_(False))
    return set(session.scalars(query))

"""Images in any order, and by what no index knows: who labelled them and when, what a run said of them.

The rows themselves are in memory (``app.services.columns``): a filter is a handful of comparisons of arrays, and what
was found last is kept as long as nobody changes anything. Where a run chooses the order, the pinned test set is left
out: a test set that was looked through where the model is unsure, and mended there, flatters the model.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.models import Image, ImportBatch
from app.db.session import is_writing
from app.domain.enums import Split
from app.services import columns, names, run_answers
from app.services.columns import Table
from app.services.image_filter import NONE, ImageFilter, Order, conditions
from app.services.kept import Kept
from app.services.run_answers import RunAnswers

Mask = NDArray[np.bool_]
Ids = NDArray[np.int64]
_found: Kept[Ids] = Kept(16)
_ranks: Kept[NDArray[np.int64]] = Kept(4)


def ids(session: Session, project_id: int, chosen: ImageFilter) -> Ids:
    """The images that match, in the order of the filter."""
    table = columns.table(session, project_id)

    def find() -> Ids:
        fits = np.ones(len(table["id"]), bool)
        for mask in _masks(session, project_id, table, chosen).values():
            fits &= mask
        return _ordered(session, project_id, table, chosen, fits)

    if is_writing(session) or chosen.run is not None:  # what a run says may still come in; its answers are kept
        return find()
    return _found.get(session, (project_id, chosen, table.stamp), find)


def counts(session: Session, project_id: int, chosen: ImageFilter) -> dict[str, dict[str, int]]:
    """For each facet the images of each of its values, the other facets unchanged; "total" of "": all that match."""
    table = columns.table(session, project_id)
    masks = _masks(session, project_id, table, chosen)
    everything = np.ones(len(table["id"]), bool)
    fits: dict[str, Mask] = {"": everything}
    for facet in ("class", "split", "state", "import", "reason", "mark"):
        others = everything.copy()
        for name, mask in masks.items():
            if name != facet:
                others &= mask
        fits[facet] = others
    found: dict[str, dict[str, int]] = {
        "class": _tally(table["class"][fits["class"]], str),
        "split": _tally(table["split"][fits["split"]], lambda code: columns.SPLITS[code]),
        "state": _tally(table["state"][fits["state"]], lambda code: columns.STATES[code]),
        "import": _tally(table["import"][fits["import"]], str),
        "reason": _tally(table["reason"][fits["reason"]], lambda code: table.words[code]),
    }
    found["mark"] = {
        name: int(np.count_nonzero(mask & fits["mark"])) for name, mask in {"": everything, **_marks(table)}.items()
    }
    matching = fits["mark"] & masks["mark"] if "mark" in masks else fits["mark"]
    found["total"] = {"": int(np.count_nonzero(matching))}
    return found


def _tally(values: NDArray[Any], name: Callable[[int], str]) -> dict[str, int]:
    codes, numbers = np.unique(values, return_counts=True)
    return {name(int(code)): int(number) for code, number in zip(codes, numbers, strict=True)}


def _masks(session: Session, project_id: int, table: Table, chosen: ImageFilter) -> dict[str, Mask]:
    """The filter as arrays, by facet; the facet "" is what has no numbers beside it."""
    found = dict(_facets(session, project_id, table, chosen))
    rest = [*_of_label(table, chosen), *_named(session, project_id, table, chosen)]
    if chosen.run is not None:
        rest.append(_of_run(run_answers.of(session, project_id, chosen.run), table, chosen))
    if chosen.by_model:
        rest.append(table["split"] != columns.SPLITS.index(Split.TEST))
    if rest:
        found[""] = np.logical_and.reduce(rest)
    return found


def _facets(session: Session, project_id: int, table: Table, chosen: ImageFilter) -> Iterator[tuple[str, Mask]]:
    if chosen.unlabelled or chosen.class_id is not None:
        yield "class", table["class"] == (0 if chosen.unlabelled else chosen.class_id)
    if chosen.split is not None:
        yield "split", table["split"] == columns.SPLITS.index("" if chosen.split == NONE else chosen.split)
    if chosen.state is not None:
        yield "state", table["state"] == columns.STATES.index(chosen.state)
    if chosen.import_number is not None:
        query = sa.select(ImportBatch.id).where(ImportBatch.project_id == project_id)
        yield (
            "import",
            table["import"] == (session.scalar(query.where(ImportBatch.number == chosen.import_number)) or -1),
        )
    if chosen.mark is not None:
        yield "mark", _marks(table)[chosen.mark]
    if chosen.reason is not None:
        excluded = table["state"] == columns.STATES.index("excluded")
        yield "reason", excluded & (table["reason"] == table.code(chosen.reason))


def _marks(table: Table) -> Mapping[str, Mask]:
    unsure, skipped = table["unsure"], table["skipped"]
    return {
        "unsure": unsure,
        "skipped": skipped & (table["class"] == 0),
        "note": table["note"],
        "open": ~skipped & ~unsure,
        "later": skipped | unsure,
    }


def _of_label(table: Table, chosen: ImageFilter) -> Iterator[Mask]:
    """Who gave the present label, by what means and when; and whether somebody found it right."""
    if chosen.by is not None:
        yield table["actor"] == table.code(chosen.by)
    if chosen.means is not None:
        yield table["source"] == table.code(chosen.means)
    midnight = time()
    if chosen.since is not None:
        yield table["at"] >= datetime.combine(chosen.since, midnight).astimezone().timestamp()
    if chosen.until is not None:
        end = datetime.combine(chosen.until + timedelta(days=1), midnight).astimezone().timestamp()
        yield (table["at"] < end) & (table["at"] > 0)
    if chosen.checked is not None:
        yield table["checked"] if chosen.checked else ~table["checked"] & (table["class"] != 0)


def _named(session: Session, project_id: int, table: Table, chosen: ImageFilter) -> Iterator[Mask]:
    """Images by id, and by a part of their name."""
    if chosen.ids is not None:
        yield np.isin(table["id"], np.array(chosen.ids, np.int64))
    if chosen.query:
        asked = ImageFilter(state=None, query=chosen.query, among=chosen.among)
        asked = names.narrowed(session, project_id, asked)
        query = sa.select(Image.id).where(*conditions(project_id, asked))
        yield np.isin(table["id"], np.fromiter(session.scalars(query), np.int64))


def _of_run(said: RunAnswers, table: Table, chosen: ImageFilter) -> Mask:
    fits = np.ones(len(said.images), bool)
    if chosen.right is not None:
        fits &= said.right == chosen.right
    if chosen.said is not None:
        fits &= said.said == chosen.said
    return np.isin(table["id"], said.images[fits], assume_unique=True)


def _ordered(session: Session, project_id: int, table: Table, chosen: ImageFilter, fits: Mask) -> Ids:
    """The ids of the images that fit. What has no value for the order comes last; equal ones in the order of ids."""
    order, reverse = chosen.order
    found: Ids = table["id"][fits]
    if order is Order.IMPORTED:
        return found[::-1] if reverse else found
    values: NDArray[Any]
    missing = np.zeros(len(found), bool)
    if order is Order.NAME:
        values = _name_ranks(session, project_id, table)[fits]
    elif order is Order.SIZE:
        values = table["pixels"][fits]
    elif order is Order.LABELLED:
        values = table["at"][fits]
        missing = values == 0
    else:
        assert chosen.run is not None
        said = run_answers.of(session, project_id, chosen.run)
        values = (said.loss if order is Order.LOSS else said.confidence)[said.at(found)]  # all of them were judged
    return found[np.lexsort((found, -values if reverse else values, missing))]


def _name_ranks(session: Session, project_id: int, table: Table) -> NDArray[np.int64]:
    """The place of each image in the order of the names, numbers in them as numbers: cell_2 before cell_10."""

    def read() -> NDArray[np.int64]:
        query = sa.select(Image.id).where(Image.project_id == project_id).order_by(Image.name_order, Image.id)
        ordered = np.fromiter(session.scalars(query), np.int64, len(table["id"]))
        ranks = np.zeros(len(ordered), np.int64)
        ranks[np.searchsorted(table["id"], ordered)] = np.arange(len(ordered))
        return ranks

    return read() if is_writing(session) else _ranks.get(session, (project_id, table.members), read)

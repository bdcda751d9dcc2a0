"""Which images of a project are meant: a filter, as the query string of a page and as conditions of a query."""

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Self, TypedDict

import sqlalchemy as sa

from app.db.lookups import one_of
from app.db.models import Image, ImportBatch
from app.domain.enums import ImageState, LabelSource, Split
from app.domain.errors import AppError, Invalid

NONE = "none"  # in a query string: without a class, without a split
ALL = "all"
FEW = 50  # ids that stand in a statement one by one
CHUNK = 10_000  # ids in one statement; SQLite allows 32,766 parameters
MAX_QUERY = 200
DAYS = (date(1970, 1, 2), date(9999, 12, 30))  # midnights of days before and behind them are no times of a computer
BIG = 2**53  # larger numbers do not survive JSON in a browser
# The values of "mark". A skipped image that got a label later is skipped no more.
MARKED: Mapping[str, sa.ColumnElement[bool]] = {
    "unsure": Image.unsure.is_(True),
    "skipped": sa.and_(Image.skipped.is_(True), Image.class_id.is_(None)),
    "note": Image.note != "",
    "open": sa.and_(Image.skipped.is_(False), Image.unsure.is_(False)),
    "later": sa.or_(Image.skipped.is_(True), Image.unsure.is_(True)),
}
# What the arrays of app.services.columns know and no condition says: the names in a query string.
BEYOND = ("by", "means", "from", "to", "checked", "run", "result", "said", "sort")
FILTERS = ("class", "split", "state", "import", "mark", "reason", "q", *BEYOND)


class Order(StrEnum):
    """In what order images are listed; in a query string with "-" in front for the reverse order."""

    IMPORTED = "imported"
    NAME = "name"
    LABELLED = "labelled"  # when they got their label
    SIZE = "size"  # pixels
    CONFIDENCE = "confidence"  # how sure the run was of its answer
    LOSS = "loss"  # how much the run was surprised by the label that it saw


OF_RUN = (Order.CONFIDENCE, Order.LOSS)


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """A set of images of one project, as the query string of a page describes it.

    ``unlabelled`` wins over ``class_id``. ``split`` is a split or ``"none"``. ``state`` None means any state.
    ``reason`` is why images were excluded. ``ids`` restricts the set to the images named. ``among``: no others than
    these can match, which ``app.services.names`` found out; it changes nothing but the time that a search takes.

    What comes behind ``among`` is ``beyond`` conditions of a query: ``gallery.resolved`` makes ``ids`` out of it.
    ``by``, ``means``, ``since`` and ``until`` (days of this machine's time zone, both included) are of the present
    label. ``run``: the images that a run judged; ``right`` and ``said`` (a class id): those of its answers.
    ``sort``: as in a query string, "" for the order of the import.
    """

    class_id: int | None = None
    unlabelled: bool = False
    split: str | None = None
    state: ImageState | None = ImageState.ACTIVE
    import_number: int | None = None
    query: str = ""
    mark: str | None = None
    reason: str | None = None
    ids: tuple[int, ...] | None = None
    among: tuple[int, ...] | None = None
    by: str | None = None
    means: LabelSource | None = None
    since: date | None = None
    until: date | None = None
    checked: bool | None = None
    run: int | None = None
    right: bool | None = None
    said: int | None = None
    sort: str = ""

    @property
    def beyond(self) -> bool:
        """True when conditions of a query do not say all of it. An order is none: which images match is the same."""
        given = (self.by, self.means, self.since, self.until, self.checked, self.run)
        return any(value is not None for value in given)

    @property
    def order(self) -> tuple[Order, bool]:
        """The order, and whether it is reversed."""
        return Order(self.sort.removeprefix("-") or Order.IMPORTED), self.sort.startswith("-")

    @property
    def by_model(self) -> bool:
        """True when a model chooses the order: no such list holds images of the pinned test set."""
        return self.order[0] in OF_RUN

    @classmethod
    def from_query(cls, values: Mapping[str, str]) -> Self:
        """Read the names of ``FILTERS``; others are not for us.

        Every value is looked up in a fixed list or read as a number: nothing reaches the database as text of a query.

        Raises:
            Invalid: ``filter_invalid`` with the field and the value.
        """
        label = values.get("class", "")
        split = values.get("split", "")
        state = values.get("state", "") or ImageState.ACTIVE
        mark = values.get("mark", "")
        if split not in {"", NONE, *Split}:
            raise _invalid("split", split)
        if state not in {ALL, *ImageState}:
            raise _invalid("state", state)
        if mark not in {"", *MARKED}:
            raise _invalid("mark", mark)
        return cls(
            class_id=None if label in {"", NONE} else _number("class", label),
            unlabelled=label == NONE,
            split=split or None,
            state=None if state == ALL else ImageState(state),
            import_number=_number("import", values["import"]) if values.get("import") else None,
            query=_text("q", values),
            mark=mark or None,
            reason=_text("reason", values) or None,
            by=_text("by", values) or None,
            means=LabelSource(_one_of("means", values, set(LabelSource))) if values.get("means") else None,
            since=_day("from", values),
            until=_day("to", values),
            checked={"yes": True, "no": False}.get(_one_of("checked", values, ("yes", "no"))),
            **_of_run(values),
        )

    @property
    def plain(self) -> Self:
        """What conditions of a query say of it."""
        rest = replace(self, by=None, means=None, since=None, until=None, checked=None)
        return replace(rest, run=None, right=None, said=None, sort="")

    def to_query(self) -> dict[str, str]:
        """The query string of this filter, without what is the default."""
        pairs = {
            "class": NONE if self.unlabelled else str(self.class_id or ""),
            "split": self.split or "",
            "state": "" if self.state == ImageState.ACTIVE else self.state or ALL,
            "import": str(self.import_number or ""),
            "q": self.query,
            "mark": self.mark or "",
            "reason": self.reason or "",
            "by": self.by or "",
            "means": self.means or "",
            "from": self.since.isoformat() if self.since else "",
            "to": self.until.isoformat() if self.until else "",
            "checked": _YES_NO[self.checked],
            "run": str(self.run or ""),
            "result": _RESULT[self.right],
            "said": str(self.said or ""),
            "sort": self.sort,
        }
        return {name: value for name, value in pairs.items() if value}


_YES_NO = {True: "yes", False: "no", None: ""}
_RESULT = {True: "right", False: "wrong", None: ""}


class _OfRun(TypedDict):
    run: int | None
    right: bool | None
    said: int | None
    sort: str


def _of_run(values: Mapping[str, str]) -> _OfRun:
    """What is asked of the answers of a run, and the order; without a run there are no answers."""
    run = _number("run", values["run"]) if values.get("run") else None
    result = _one_of("result", values, ("right", "wrong"))
    sort = values.get("sort", "")
    if sort and (sort.removeprefix("-") not in set(Order) or (sort.removeprefix("-") in OF_RUN and run is None)):
        raise _invalid("sort", sort)
    said = _number("said", values["said"]) if values.get("said") else None
    if run is None and (result or said):
        raise _invalid("run", "")
    right = {"right": True, "wrong": False}.get(result)
    return {"run": run, "right": right, "said": said, "sort": "" if sort == Order.IMPORTED else sort}


def _one_of(field: str, values: Mapping[str, str], allowed: Collection[str]) -> str:
    value = values.get(field, "")
    if value and value not in allowed:
        raise _invalid(field, value)
    return value


def _day(field: str, values: Mapping[str, str]) -> date | None:
    if not values.get(field):
        return None
    try:
        day = date.fromisoformat(values[field])
    except ValueError:
        raise _invalid(field, values[field]) from None
    if not DAYS[0] <= day <= DAYS[1]:
        raise _invalid(field, values[field])
    return day


def _invalid(field: str, value: str) -> AppError:
    return Invalid("filter_invalid", field=field, value=value[:40])


def _text(field: str, values: Mapping[str, str]) -> str:
    text = unicodedata.normalize("NFC", values.get(field, "")).strip()
    if len(text) > MAX_QUERY or "\x00" in text:
        raise _invalid(field, text)
    return text


def _number(field: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) < BIG):
        raise _invalid(field, text)
    return int(text)


def conditions(project_id: int, chosen: ImageFilter) -> list[sa.ColumnElement[bool]]:
    """The filter as conditions on the table of images; ``ids`` must fit into one statement."""
    assert not chosen.beyond, "gallery.resolved comes first"
    found = [named(project_id, ids) for ids in (chosen.ids, chosen.among) if ids is not None]
    found = found or [Image.project_id == project_id]
    if chosen.unlabelled:
        found.append(Image.class_id.is_(None))
    elif chosen.class_id is not None:
        found.append(Image.class_id == chosen.class_id)
    if chosen.split is not None:
        found.append(Image.split.is_(None) if chosen.split == NONE else Image.split == chosen.split)
    if chosen.state is not None:
        found.append(Image.state == chosen.state)
    if chosen.import_number is not None:
        batch = sa.select(ImportBatch.id).where(
            ImportBatch.project_id == project_id, ImportBatch.number == chosen.import_number
        )
        found.append(Image.import_id == batch.scalar_subquery())  # one at most: an index gives the order of the ids
    if chosen.query:
        found.append(Image.name.icontains(chosen.query, autoescape=True))
    if chosen.mark is not None:
        found.append(MARKED[chosen.mark])
    if chosen.reason is not None:
        found.append(sa.and_(Image.reason == chosen.reason, Image.state == ImageState.EXCLUDED))
    return found


def named(
    project_id: int | sa.BindParameter[int], image_ids: Sequence[int] | sa.BindParameter[int]
) -> sa.ColumnElement[bool]:
    """Images of a project by id.

    SQLite would rather walk through an index of all images of the project than look up more than a few ids: the sum,
    which no index has, leaves it no choice.
    """
    few = isinstance(image_ids, sa.BindParameter) or len(image_ids) <= FEW
    listed = Image.id.in_(image_ids) if few else one_of(Image.id.expression, image_ids)
    return sa.and_(listed, Image.project_id + 0 == project_id)


def checked() -> sa.ColumnElement[bool]:
    """True of images whose present label somebody looked at and found right."""
    return sa.and_(Image.checked_id.is_not(None), Image.checked_id == Image.class_id).is_(True)


def chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """``ids`` in pieces that fit into one statement."""
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]


def pieces(chosen: ImageFilter) -> Iterator[ImageFilter]:
    """The same filter as one or more that each fit into one statement; their results are disjoint."""
    if chosen.ids is None:
        yield chosen
        return
    for ids in chunks(tuple(dict.fromkeys(chosen.ids))):
        yield replace(chosen, ids=tuple(ids))

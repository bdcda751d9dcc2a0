"""Which images of a project are meant: a filter, as the query string of a page and as conditions of a query."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import sqlalchemy as sa

from app.db.lookups import one_of
from app.db.models import Image, ImportBatch
from app.domain.enums import ImageState, Split
from app.domain.errors import AppError, Invalid

NONE = "none"  # in a query string: without a class, without a split
ALL = "all"
FEW = 50  # ids that stand in a statement one by one
CHUNK = 10_000  # ids in one statement; SQLite allows 32,766 parameters
MAX_QUERY = 200
BIG = 2**53  # larger numbers do not survive JSON in a browser
# The values of "mark". A skipped image that got a label later is skipped no more.
MARKED: Mapping[str, sa.ColumnElement[bool]] = {
    "unsure": Image.unsure.is_(True),
    "skipped": sa.and_(Image.skipped.is_(True), Image.class_id.is_(None)),
    "note": Image.note != "",
    "open": sa.and_(Image.skipped.is_(False), Image.unsure.is_(False)),
    "later": sa.or_(Image.skipped.is_(True), Image.unsure.is_(True)),
}


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """A set of images of one project, as the query string of a page describes it.

    ``unlabelled`` wins over ``class_id``. ``split`` is a split or ``"none"``. ``state`` None means any state.
    ``reason`` is why images were excluded. ``ids`` restricts the set to the images named. ``among``: no others than
    these can match, which ``app.services.names`` found out; it changes nothing but the time that a search takes.
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

    @classmethod
    def from_query(cls, values: Mapping[str, str]) -> Self:
        """Read ``class``, ``split``, ``state``, ``import``, ``mark``, ``reason`` and ``q``; other names are not for us.

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
        )

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
        }
        return {name: value for name, value in pairs.items() if value}


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
    found = [Image.project_id == project_id]
    if (ids := chosen.among if chosen.ids is None else chosen.ids) is not None:
        found = [named(project_id, ids)]
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

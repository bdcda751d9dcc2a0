"""Which images of a project are meant: filters, their counts, pages of ids, and taking images out of training."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import sqlalchemy as sa

from app.db.models import Image, ImportBatch
from app.domain.enums import ImageState, Split
from app.domain.errors import AppError, Invalid

NONE = "none"  # in a query string: without a class, without a split
ALL = "all"
CHUNK = 10_000  # ids in one statement; SQLite allows 32,766 parameters
MAX_LIMIT = 1000
MAX_QUERY = 200
_BIG = 2**53  # larger numbers do not survive JSON in a browser


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """A set of images of one project, as the query string of a page describes it.

    ``unlabelled`` wins over ``class_id``. ``split`` is a split or ``"none"``. ``state`` None means any state.
    ``ids`` restricts the set to the images named.
    """

    class_id: int | None = None
    unlabelled: bool = False
    split: str | None = None
    state: ImageState | None = ImageState.ACTIVE
    import_number: int | None = None
    query: str = ""
    ids: tuple[int, ...] | None = None

    @classmethod
    def from_query(cls, values: Mapping[str, str]) -> Self:
        """Read ``class``, ``split``, ``state``, ``import`` and ``q``; other names are not for us.

        Every value is looked up in a fixed list or read as a number: nothing reaches the database as text of a query.

        Raises:
            Invalid: ``filter_invalid`` with the field and the value.
        """
        label = values.get("class", "")
        split = values.get("split", "")
        state = values.get("state", "") or ImageState.ACTIVE
        if split not in {"", NONE, *Split}:
            raise _invalid("split", split)
        if state not in {ALL, *ImageState}:
            raise _invalid("state", state)
        query = unicodedata.normalize("NFC", values.get("q", "")).strip()
        if len(query) > MAX_QUERY or "\x00" in query:
            raise _invalid("q", query[:40])
        return cls(
            class_id=None if label in {"", NONE} else _number("class", label),
            unlabelled=label == NONE,
            split=split or None,
            state=None if state == ALL else ImageState(state),
            import_number=_number("import", values["import"]) if values.get("import") else None,
            query=query,
        )

    def to_query(self) -> dict[str, str]:
        """The query string of this filter, without what is the default."""
        pairs = {
            "class": NONE if self.unlabelled else str(self.class_id or ""),
            "split": self.split or "",
            "state": "" if self.state == ImageState.ACTIVE else self.state or ALL,
            "import": str(self.import_number or ""),
            "q": self.query,
        }
        return {name: value for name, value in pairs.items() if value}


@dataclass(frozen=True, slots=True)
class ImageRow:
    """What a tile or the label page needs to know of an image."""

    id: int
    name: str
    class_id: int | None
    version: int
    split: str | None
    state: str
    width: int
    height: int
    canonical_sha256: str
    thumbnail_sha256: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the images that match, in the stable order of their ids, and how many match in all."""

    total: int
    offset: int
    rows: list[ImageRow]


@dataclass(frozen=True, slots=True)
class Counts:
    """For each value of each facet: how many images would match if it were chosen, the other facets unchanged.

    The key None stands for "without"; in ``classes`` and ``splits`` the values add up to the images that match when
    that facet is not used.
    """

    total: int
    classes: dict[int | None, int]
    splits: dict[str | None, int]
    states: dict[str | None, int]
    imports: dict[int | None, int]


def _invalid(field: str, value: str) -> AppError:
    return Invalid("filter_invalid", field=field, value=value[:40])


def _number(field: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) < _BIG):
        raise _invalid(field, text)
    return int(text)


def conditions(project_id: int, chosen: ImageFilter) -> list[sa.ColumnElement[bool]]:
    """The filter as conditions on the table of images; ``ids`` must fit into one statement."""
    found: list[sa.ColumnElement[bool]] = [Image.project_id == project_id]
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
        found.append(Image.import_id.in_(batch))
    if chosen.query:
        found.append(Image.name.icontains(chosen.query, autoescape=True))
    if chosen.ids is not None:
        found.append(Image.id.in_(chosen.ids))
    return found


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

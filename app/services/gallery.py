"""Which images of a project are meant: filters, their counts, pages of ids, and taking images out of training."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image, ImportBatch
from app.domain.enums import ImageState, Split
from app.domain.errors import AppError, Conflict, Invalid, NotFound

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


@dataclass(slots=True)
class Counts:
    """For each value of each facet: how many images would match if it were chosen, the other facets unchanged.

    The key None stands for "without"; in ``classes`` and ``splits`` the values add up to the images that match when
    that facet is not used.
    """

    total: int
    classes: dict[int | None, int]
    splits: dict[str | None, int]
    states: dict[str, int]
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


def total(session: Session, project_id: int, chosen: ImageFilter) -> int:
    """How many images match."""
    query = sa.select(sa.func.count()).select_from(Image)
    return sum(session.scalar(query.where(*conditions(project_id, piece))) or 0 for piece in pieces(chosen))


def ids(session: Session, project_id: int, chosen: ImageFilter, offset: int = 0, limit: int = 500) -> Page:
    """Images ``offset`` to ``offset + limit`` of those that match, at most ``MAX_LIMIT``."""
    offset, limit = max(0, min(offset, _BIG)), max(0, min(limit, MAX_LIMIT))
    wanted = sa.select(Image.id).where(*conditions(project_id, chosen)).order_by(Image.id).offset(offset).limit(limit)
    return Page(total(session, project_id, chosen), offset, rows(session, project_id, list(session.scalars(wanted))))


def after(session: Session, project_id: int, chosen: ImageFilter, image_id: int = 0, limit: int = 50) -> list[ImageRow]:
    """The next images that match behind ``image_id``: the queue of label mode, which shrinks while it is worked off."""
    query = _columns(project_id).where(*conditions(project_id, chosen), Image.id > image_id)
    return [ImageRow(*row) for row in session.execute(query.order_by(Image.id).limit(max(0, min(limit, MAX_LIMIT))))]


def before(session: Session, project_id: int, chosen: ImageFilter, image_id: int, limit: int = 1) -> list[ImageRow]:
    """The images that match in front of ``image_id``, nearest first."""
    query = _columns(project_id).where(*conditions(project_id, chosen), Image.id < image_id)
    return [ImageRow(*row) for row in session.execute(query.order_by(Image.id.desc()).limit(limit))]


def rows(session: Session, project_id: int, image_ids: Sequence[int]) -> list[ImageRow]:
    """The images named, in the order of their ids; those of another project are left out."""
    found: list[ImageRow] = []
    for some in chunks(sorted(image_ids)):
        query = _columns(project_id).where(Image.id.in_(some)).order_by(Image.id)
        found += [ImageRow(*row) for row in session.execute(query)]
    return found


def image(session: Session, project_id: int, image_id: int) -> Image:
    """One image of the project.

    Raises:
        NotFound: there is no such image in this project.
    """
    found = session.get(Image, image_id) if image_id < _BIG else None
    if found is None or found.project_id != project_id:
        raise NotFound("image_missing", image=image_id)
    return found


def position(session: Session, project_id: int, chosen: ImageFilter, image_id: int) -> int:
    """How many of the images that match come before ``image_id``."""
    query = sa.select(sa.func.count()).select_from(Image)
    return session.scalar(query.where(*conditions(project_id, chosen), Image.id < image_id)) or 0


def check_not_grown(session: Session, project_id: int, chosen: ImageFilter, shown: int) -> None:
    """Nobody may label pictures unseen: more images than the page showed must not match.

    Raises:
        Conflict: ``selection_grew`` with both numbers.
    """
    found = total(session, project_id, chosen)
    if found > shown:
        raise Conflict("selection_grew", shown=shown, found=found)


def set_state(session: Session, project_id: int, chosen: ImageFilter, state: ImageState) -> list[int]:
    """Exclude images from training or take them back in; return those that changed. Labels and files stay."""
    changed: list[int] = []
    for piece in pieces(chosen):
        query = sa.select(Image.id).where(*conditions(project_id, piece), Image.state != state).order_by(Image.id)
        changed += session.scalars(query.with_for_update())
    for some in chunks(changed):
        session.execute(sa.update(Image).where(Image.id.in_(some)).values(state=state))
    return changed


def counts(session: Session, project_id: int, chosen: ImageFilter) -> Counts:
    """The numbers beside the filters, from one pass over the images of the project."""
    free = replace(chosen, class_id=None, unlabelled=False, split=None, state=None, import_number=None)
    keys = (Image.class_id, Image.split, Image.state, ImportBatch.number)
    query = (
        sa.select(*keys, sa.func.count())
        .select_from(Image)
        .outerjoin(ImportBatch, ImportBatch.id == Image.import_id)
        .where(*conditions(project_id, free))
        .group_by(*keys)
    )
    found = Counts(0, {}, {}, {}, {})
    for class_id, split, state, number, count in session.execute(query):
        _add(found, chosen, (class_id, split, state, number), count)
    return found


def _add(found: Counts, chosen: ImageFilter, key: tuple[int | None, str | None, str, int | None], count: int) -> None:
    """Count a group of equal images for each facet whose *other* facets let it through."""
    fits = (
        (chosen.class_id is None or key[0] == chosen.class_id or chosen.unlabelled)
        and (not chosen.unlabelled or key[0] is None),
        chosen.split is None or key[1] == (None if chosen.split == NONE else chosen.split),
        chosen.state is None or key[2] == chosen.state,
        chosen.import_number is None or key[3] == chosen.import_number,
    )
    found.total += count if all(fits) else 0
    facets: tuple[dict[Any, int], ...] = (found.classes, found.splits, found.states, found.imports)
    for place, facet in enumerate(facets):
        if all(fit for other, fit in enumerate(fits) if other != place):
            facet[key[place]] = facet.get(key[place], 0) + count


def _columns(project_id: int) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(
        Image.id,
        Image.name,
        Image.class_id,
        Image.label_version,
        Image.split,
        Image.state,
        Image.width,
        Image.height,
        Image.canonical_sha256,
        Image.thumbnail_sha256,
    ).where(Image.project_id == project_id)

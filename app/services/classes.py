"""The classes of a project: add, rename, colour, key, order, delete while nothing refers to them."""

import colorsys
import re
import unicodedata
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.lookups import one_of
from app.db.models import ImageCount, LabelClass, LabelEvent, Project
from app.db.opinion_models import Opinion
from app.db.run_models import RunClass
from app.db.version_models import DataItem
from app.domain.enums import ImageState
from app.domain.errors import Conflict, Invalid, NotFound
from app.services import own_ids
from app.services.projects import clean_line, clean_name, lock

# Okabe and Ito, "Color Universal Design" (2008): told apart with every common form of colour blindness. Black is left
# out, because it cannot be seen on a dark page.
OKABE_ITO = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
KEYS = "1234567890"
LONGEST_DESCRIPTION = 2000
LETTERS = "QWETYUOASDGLVBN"  # the others are commands of label mode, gallery or review
_COLOR = re.compile(r"#[0-9a-f]{6}")
_GOLDEN = 0.61803398875  # steps of the golden ratio around the colour circle never come close to an earlier one


def listed(session: Session, project: Project) -> list[LabelClass]:
    """The classes of ``project`` in their order."""
    query = sa.select(LabelClass).where(LabelClass.project_id == project.id).order_by(LabelClass.position)
    return list(session.scalars(query))


def by_id(session: Session, project: Project, class_id: int) -> LabelClass:
    """One class of ``project``.

    Raises:
        NotFound: the project has no such class.
    """
    found = session.scalar(sa.select(LabelClass).where(LabelClass.project_id == project.id, LabelClass.id == class_id))
    if found is None:
        raise NotFound("class_missing")
    return found


def counts(session: Session, project: Project) -> dict[int, int]:
    """Class id -> number of active images that carry it."""
    query = (
        sa.select(ImageCount.class_id, sa.func.sum(ImageCount.count))
        .where(ImageCount.project_id == project.id, ImageCount.class_id != 0, ImageCount.state == ImageState.ACTIVE)
        .group_by(ImageCount.class_id)
    )
    return {class_id: int(count) for class_id, count in session.execute(query) if count}


def name_key(name: str) -> str:
    """What two spellings of one name have in common: full and half width, large and small letters."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())[:200]


def add(
    session: Session, project: Project, name: str, *, color: str | None = None, key: str | None = None
) -> LabelClass:
    """Add a class at the end; without ``color`` and ``key`` it gets the next free ones.

    Raises:
        Invalid: the name is empty, too long or taken; the colour or the key cannot be used.
    """
    lock(session, project.id)
    present = listed(session, project)
    clean = _checked_name(present, name)
    _check_color(color)
    _check_key(present, key)
    return _added(session, project, present, clean, color, key)


def _added(
    session: Session,
    project: Project,
    present: Sequence[LabelClass],
    clean: str,
    color: str | None = None,
    key: str | None = None,
) -> LabelClass:
    """A new class behind the classes that are ``present``."""
    added = LabelClass(
        id=own_ids.first(session, LabelClass.id),
        project_id=project.id,
        name=clean,
        name_key=name_key(clean),
        color=color or next_color([item.color for item in present]),
        key=next_key(clean, [item.key for item in present]) if key is None else key,
        position=max((item.position for item in present), default=-1) + 1,
    )
    session.add(added)
    session.flush()
    return added


def ensure(session: Session, project: Project, names: Sequence[str]) -> dict[str, LabelClass]:
    """Each of ``names`` (in NFC) with its class, made when it is missing. A class is found by its second name too, and
    one that was retired is offered again.

    Raises:
        Invalid: a name is empty or too long.
    """
    return ensured(session, project, names)[0]


def ensured(
    session: Session, project: Project, names: Sequence[str]
) -> tuple[dict[str, LabelClass], Sequence[LabelClass]]:
    """``ensure``, and which classes it made."""
    lock(session, project.id)
    everyone = listed(session, project)
    present = {name_key(item.second_name): item for item in everyone if item.second_name}
    present |= {item.name_key: item for item in everyone}
    found: dict[str, LabelClass] = {}
    made: list[LabelClass] = []
    for name in names:
        spelled = unicodedata.normalize("NFC", name)
        if spelled in found:
            continue
        clean = _cleaned(spelled)
        key = name_key(clean)
        if key not in present:
            present[key] = _added(session, project, everyone, clean)
            everyone.append(present[key])
            made.append(present[key])
        found[spelled] = present[key]
        present[key].retired = False
    return found, made


def update(
    session: Session,
    project: Project,
    class_id: int,
    *,
    name: str | None = None,
    color: str | None = None,
    key: str | None = None,
    second_name: str | None = None,
) -> LabelClass:
    """Change what is given of a class.

    Raises:
        NotFound: the project has no such class.
        Invalid: as for ``add``.
    """
    changed = by_id(session, project, class_id)
    others = [item for item in listed(session, project) if item.id != class_id]
    _check_color(color)
    _check_key(others, key)
    if name is not None:
        changed.name = _checked_name(others, name)
        changed.name_key = name_key(changed.name)
    if second_name is not None:
        changed.second_name = clean_name(second_name)
    changed.color = color or changed.color
    changed.key = changed.key if key is None else key
    session.flush()
    return changed


def describe(session: Session, project: Project, class_id: int, text: str) -> None:
    """Say what belongs to a class; at most ``LONGEST_DESCRIPTION`` characters are kept.

    Raises:
        NotFound: the project has no such class.
    """
    lines = "\n".join(clean_line(line) for line in text.splitlines())
    by_id(session, project, class_id).description = lines.strip()[:LONGEST_DESCRIPTION]
    session.flush()


def move(session: Session, project: Project, class_id: int, step: int) -> None:
    """Move a class ``step`` places down (or up when negative); at the ends it stays.

    Raises:
        NotFound: the project has no such class.
    """
    moved = by_id(session, project, class_id)
    order = listed(session, project)
    place = order.index(moved)
    target = min(max(0, place + step), len(order) - 1)
    order.insert(target, order.pop(place))
    for position, item in enumerate(order):
        item.position = position
    session.flush()


def delete(session: Session, project: Project, class_id: int) -> str:
    """Delete a class that nothing refers to, and return its name.

    Raises:
        NotFound: the project has no such class.
        Conflict: images, their label history or runs refer to it.
    """
    gone = by_id(session, project, class_id)
    used = uses(session, gone)
    if used:
        raise Conflict("class_in_use", name=gone.name, count=used)
    own_ids.never_again(session, project.id, LabelClass.id, [gone.id])
    session.delete(gone)
    session.flush()
    return gone.name


def uses(session: Session, label_class: LabelClass) -> int:
    """How many images, label events, runs and second opinions refer to a class."""
    named = sa.or_(LabelEvent.before_id == label_class.id, LabelEvent.after_id == label_class.id)
    parts = (
        sa.select(sa.func.sum(ImageCount.count)).where(
            ImageCount.project_id == label_class.project_id, ImageCount.class_id == label_class.id
        ),
        sa.select(sa.func.count()).select_from(LabelEvent).where(named),
        sa.select(sa.func.count()).select_from(RunClass).where(RunClass.class_id == label_class.id),
        sa.select(sa.func.count()).select_from(Opinion).where(Opinion.class_id == label_class.id),
    )
    return sum(session.scalar(part) or 0 for part in parts)


def delete_unused(session: Session, project_id: int, class_ids: Sequence[int]) -> Sequence[int]:
    """Delete those of some classes of a project that nothing refers to, all in a few statements; return their ids."""
    if not class_ids:
        return []
    columns = (LabelEvent.before_id, LabelEvent.after_id, RunClass.class_id, Opinion.class_id, DataItem.class_id)
    used = [sa.exists().where(column == LabelClass.id) for column in columns]  # all large tables have an index
    counted = sa.exists().where(ImageCount.project_id == project_id, ImageCount.class_id == LabelClass.id)
    query = sa.select(LabelClass.id).where(
        LabelClass.project_id == project_id,
        one_of(LabelClass.id.expression, class_ids),
        ~sa.or_(counted.where(ImageCount.count > 0), *used),
    )
    gone = list(session.scalars(query))
    own_ids.never_again(session, project_id, LabelClass.id, gone)
    session.execute(sa.delete(LabelClass).where(one_of(LabelClass.id.expression, gone)))
    return gone


def next_color(used: Sequence[str]) -> str:
    """The first colour of the palette that is free, then colours spread around the circle."""
    free = [color for color in OKABE_ITO if color not in used]
    if free:
        return free[0]
    number = len(used)
    hue, lightness = (number * _GOLDEN) % 1.0, (0.42, 0.55, 0.66)[number % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.62)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def next_key(name: str, used: Sequence[str]) -> str:
    """The digit that is the name, else the first of "1" to "9" and "0", that is free; "" when all ten are given."""
    digit = [key for key in KEYS if key == unicodedata.normalize("NFKC", name)]
    return next((key for key in [*digit, *KEYS] if key not in used), "")


def _cleaned(name: str) -> str:
    clean = clean_name(name)
    if not clean:
        raise Invalid("class_name_empty")
    return clean


def _checked_name(others: Sequence[LabelClass], name: str) -> str:
    clean = _cleaned(name)
    key = name_key(clean)
    for other in others:
        if other.name_key == key:
            raise Invalid("class_name_taken", name=other.name, class_id=other.id)
    return clean


def _check_color(color: str | None) -> None:
    if color is not None and not _COLOR.fullmatch(color):
        raise Invalid("class_color_invalid", color=color[:20])


def _check_key(others: Sequence[LabelClass], key: str | None) -> None:
    if not key:
        return
    if key not in KEYS + LETTERS or len(key) != 1:
        raise Invalid("class_key_invalid", key=key[:20])
    for other in others:
        if other.key == key:
            raise Invalid("class_key_taken", key=key, name=other.name)

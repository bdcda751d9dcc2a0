"""Data versions: what images, labels, splits and exclusions were, under a number; unchanged data keeps its number.

A version is no copy: ``data_item`` has a row for each state that an image had, from one version to another, and
``data_class`` the names that the classes had (``services.version_classes``). What a run trained with is frozen in its
own items; its version says what the whole project was at that moment.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from app.db.models import Image, LabelClass
from app.db.run_models import Run
from app.db.session import Database
from app.db.version_models import DataItem, DataVersion
from app.domain.enums import ImageState
from app.domain.errors import Invalid, NotFound
from app.services import projects, version_classes

MAX_NAME = 200
_MET_ANOTHER = ("23505", "40001", "40P01")  # of PostgreSQL: the same key, the same row, each waits for the other
_EXCLUDED = Image.state == ImageState.EXCLUDED


@dataclass(frozen=True)
class Line:
    """One version in the list, with the numbers of the runs that were given it."""

    version: DataVersion
    runs: Sequence[int]

    def as_json(self) -> dict[str, Any]:
        """As plain values for programs."""
        version = self.version
        return {
            "number": version.number,
            "name": version.name,
            "fingerprint": version.fingerprint,
            "images": version.image_count,
            "labelled": version.labelled_count,
            "excluded": version.excluded_count,
            "made": version.created_at.isoformat(),
            "actor": version.actor,
            "runs": list(self.runs),
        }


@dataclass(frozen=True)
class Share:
    """How many images of a version have this class and split; None: without."""

    class_id: int | None
    split: str | None
    excluded: bool
    count: int


def freeze(session: Session, project_id: int, *, actor: str, name: str = "") -> DataVersion:
    """The version of the project as it is now: the one that says the same already, or a new one.

    With ``name`` it is called so from now on.

    Raises:
        Invalid: the name is too long.
    """
    wish = _wish(name)
    session.flush()
    projects.lock(session, project_id)
    return _frozen(session, project_id, actor, wish)


def freeze_apart(database: Database, project_id: int, *, actor: str, name: str = "") -> int:
    """As ``freeze``, in a transaction of its own; the number of the version.

    The first version of a million images takes seconds. PostgreSQL gives this transaction one state of the database to
    look at, so labels may come meanwhile and nobody waits. Who freezes the same data at the same moment is told so by
    the keys of the tables, and looks again.
    """
    wish = _wish(name)
    for tries_left in (2, 1, 0):
        try:
            with database.write(snapshot=True) as session:
                return _frozen(session, project_id, actor, wish).number
        except (sa.exc.IntegrityError, sa.exc.OperationalError) as error:
            if not tries_left or getattr(error.orig, "sqlstate", None) not in _MET_ANOTHER:
                raise
    raise AssertionError("the last try either returns or raises")


def _wish(name: str) -> str:
    """A name as it is stored.

    Raises:
        Invalid: it is too long.
    """
    wish = projects.clean_line(name)
    if len(wish) > MAX_NAME:
        raise Invalid("name_too_long", length=len(wish), limit=MAX_NAME)
    return wish


def _frozen(session: Session, project_id: int, actor: str, wish: str) -> DataVersion:
    newest = _newest(session, project_id)
    version = newest if newest and _still(session, newest) else _changed(session, project_id, newest, actor)
    if wish:
        version.name = wish
    session.flush()
    return version


def _newest(session: Session, project_id: int) -> DataVersion | None:
    query = sa.select(DataVersion).where(DataVersion.project_id == project_id)
    return session.scalar(query.order_by(DataVersion.number.desc()).limit(1))


def _same() -> sa.ColumnElement[bool]:
    """The open item of an image says what the image is."""
    return sa.and_(
        DataItem.class_id.is_not_distinct_from(Image.class_id),
        DataItem.split.is_not_distinct_from(Image.split),
        DataItem.excluded == _EXCLUDED,
    )


def _open() -> sa.ColumnElement[bool]:
    return sa.and_(DataItem.image_id == Image.id, DataItem.last.is_(None))


def _still(session: Session, newest: DataVersion) -> bool:
    """True when every image is in the newest version and is what it says, and so are the names of the classes."""
    query = sa.select(Image.id).outerjoin(DataItem, _open()).where(Image.project_id == newest.project_id)
    if session.scalar(query.where(sa.or_(DataItem.id.is_(None), sa.not_(_same()))).limit(1)) is not None:
        return False
    if version_classes.known(session, newest):
        return not version_classes.differ(session, newest)
    if fingerprint(session, newest.project_id)[0] != newest.fingerprint:
        return False
    version_classes.note(session, newest)
    return True


def _changed(session: Session, project_id: int, newest: DataVersion | None, actor: str) -> DataVersion:
    """An older version that says the same, or the next number."""
    print_now, counts = fingerprint(session, project_id)
    query = sa.select(DataVersion).where(DataVersion.project_id == project_id, DataVersion.fingerprint == print_now)
    if (older := session.scalar(query.order_by(DataVersion.number.desc()).limit(1))) is not None:
        return older
    version = DataVersion(
        project_id=project_id,
        number=newest.number + 1 if newest else 1,
        fingerprint=print_now,
        image_count=counts[0],
        labelled_count=counts[1],
        excluded_count=counts[2],
        actor=actor[:100],
    )
    session.add(version)
    session.flush()
    _write(session, project_id, version.number)
    version_classes.note(session, version)
    return version


def _write(session: Session, project_id: int, number: int) -> None:
    """End the items of images that have changed, and begin new ones for these and for new images."""
    options = {"synchronize_session": False}
    ended = sa.update(DataItem).where(DataItem.project_id == project_id, _open(), sa.not_(_same()))
    session.execute(ended.values(last=number - 1).execution_options(**options))
    begun = (
        sa.select(Image.project_id, Image.id, sa.literal(number), Image.class_id, Image.split, _EXCLUDED)
        .outerjoin(DataItem, _open())
        .where(Image.project_id == project_id, DataItem.id.is_(None))
        .order_by(Image.id)
    )
    names = ["project_id", "image_id", "first", "class_id", "split", "excluded"]
    session.execute(sa.insert(DataItem).from_select(names, begun).execution_options(**options))


def fingerprint(session: Session, project_id: int) -> tuple[str, tuple[int, int, int]]:
    """SHA-256 over all images in the order of their hashes; and how many there are, labelled, excluded.

    A line for each image: hash, class name, split and "excluded", with tabs between. The same data set has the same
    fingerprint on every computer.
    """
    digest, images, labelled, excluded = hashlib.sha256(), 0, 0, 0
    for text, *counts in session.execute(_lines(session, project_id)):
        digest.update(text.encode())
        images, labelled, excluded = (a + b for a, b in zip((images, labelled, excluded), counts, strict=True))
    return digest.hexdigest(), (images, labelled, excluded)


def _lines(session: Session, project_id: int) -> sa.Select[str, int, int, int]:
    """The lines of the fingerprint in their order, and of how many images, labelled and excluded each row tells.

    PostgreSQL puts all lines together whose hashes begin alike: a row for each would take five times as long.
    """
    name, split = sa.func.coalesce(LabelClass.name, ""), sa.func.coalesce(Image.split, "")
    out = sa.case((_EXCLUDED, "excluded"), else_="")
    line = Image.sha256 + "\t" + name + "\t" + split + "\t" + out + "\n"
    labelled, excluded = (sa.case((fits, 1), else_=0) for fits in (Image.class_id.is_not(None), _EXCLUDED))
    if session.get_bind().dialect.name != "postgresql":
        query = sa.select(line, sa.literal(1), labelled, excluded).order_by(Image.sha256)
        query = query.execution_options(yield_per=10_000)
    else:
        together = sa.func.string_agg(line, aggregate_order_by(sa.literal("", sa.Text()), Image.sha256))
        first = sa.func.left(Image.sha256, sa.literal_column("2"))
        query = sa.select(together, sa.func.count(), sa.func.sum(labelled), sa.func.sum(excluded))
        query = query.group_by(first).order_by(first)
    joined = query.select_from(Image).outerjoin(LabelClass, LabelClass.id == Image.class_id)
    return joined.where(Image.project_id == project_id)


def listed(session: Session, project_id: int) -> list[Line]:
    """All versions, the newest first."""
    query = sa.select(DataVersion).where(DataVersion.project_id == project_id).order_by(DataVersion.number.desc())
    used = sa.select(Run.version_id, Run.number).where(Run.project_id == project_id, Run.version_id.is_not(None))
    runs: dict[int | None, list[int]] = {}
    for version_id, number in session.execute(used.order_by(Run.number)):
        runs.setdefault(version_id, []).append(number)
    return [Line(version, runs.get(version.id, [])) for version in session.scalars(query)]


def by_number(session: Session, project_id: int, number: int) -> DataVersion:
    """One version.

    Raises:
        NotFound: the project has none of this number.
    """
    query = sa.select(DataVersion).where(DataVersion.project_id == project_id, DataVersion.number == number)
    found = session.scalar(query)
    if found is None:
        raise NotFound("version_missing", number=number)
    return found


def rename(session: Session, project_id: int, number: int, name: str) -> None:
    """Call a version something else, or nothing.

    Raises:
        NotFound: the project has none of this number.
        Invalid: the name is too long.
    """
    by_number(session, project_id, number).name = _wish(name)


def valid(item: Any, number: int) -> sa.ColumnElement[bool]:
    """The condition that an item tells of version ``number``."""
    return sa.and_(item.first <= number, sa.or_(item.last.is_(None), item.last >= number))


def shares(session: Session, project_id: int, number: int) -> list[Share]:
    """What a version is made of."""
    keys = (DataItem.class_id, DataItem.split, DataItem.excluded)
    query = sa.select(*keys, sa.func.count()).where(DataItem.project_id == project_id, valid(DataItem, number))
    return [Share(*row) for row in session.execute(query.group_by(*keys))]

"""What the classes of a data version were called then: a new name of a class makes a new version."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ImageCount, LabelClass
from app.db.version_models import DataClass, DataVersion


@dataclass(frozen=True)
class Renamed:
    """A class that is called otherwise in another version."""

    class_id: int
    before: str
    after: str


def note(session: Session, version: DataVersion) -> None:
    """Keep the names that the classes of the images have now, as those of ``version``."""
    labelled = sa.select(ImageCount.class_id).where(
        ImageCount.project_id == version.project_id, ImageCount.class_id != 0, ImageCount.count > 0
    )
    found = sa.select(sa.literal(version.id), LabelClass.id, LabelClass.name).where(LabelClass.id.in_(labelled))
    session.execute(sa.insert(DataClass).from_select(["version_id", "class_id", "name"], found))


def known(session: Session, version: DataVersion) -> bool:
    """True when the names were kept, or there are none: versions of before this was done have no names."""
    if not version.labelled_count:
        return True
    return session.scalar(sa.select(DataClass.class_id).where(DataClass.version_id == version.id).limit(1)) is not None


def differ(session: Session, version: DataVersion) -> bool:
    """True when a class of ``version`` is called otherwise now."""
    joined = sa.select(DataClass.class_id).join(LabelClass, LabelClass.id == DataClass.class_id)
    query = joined.where(DataClass.version_id == version.id, DataClass.name != LabelClass.name)
    return session.scalar(query.limit(1)) is not None


def names(session: Session, version: DataVersion) -> dict[int, str]:
    """The names by the id of the class; nothing for a version that has none."""
    query = sa.select(DataClass.class_id, DataClass.name).where(DataClass.version_id == version.id)
    return {row.class_id: row.name for row in session.execute(query)}


def renamed(before: Mapping[int, str], after: Mapping[int, str]) -> list[Renamed]:
    """The classes of both versions that changed their names, in the order of their ids."""
    both = sorted(before.keys() & after.keys())
    return [Renamed(one, before[one], after[one]) for one in both if before[one] != after[one]]

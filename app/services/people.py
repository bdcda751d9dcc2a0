"""Who changed anything in a project."""

from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ChangeSet
from app.services.kept import Kept

_AGAIN = 1000  # ids: a change may become durable behind later ones


@dataclass
class _Seen:
    names: set[str] = field(default_factory=set)
    newest: int = 0


_kept: Kept[_Seen] = Kept(50)


def listed(session: Session, project_id: int) -> list[str]:
    """Their names in order; only what is new is looked at."""
    seen = _kept.get(session, project_id, _Seen)
    new = sa.and_(ChangeSet.project_id == project_id, ChangeSet.id > seen.newest - _AGAIN)
    seen.names.update(session.scalars(sa.select(ChangeSet.actor).where(new).distinct()))
    seen.newest = session.scalar(sa.select(sa.func.max(ChangeSet.id)).where(ChangeSet.project_id == project_id)) or 0
    return sorted(seen.names)

"""What one transaction asks for several times: remembered as long as it reads, never while it writes."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.db.session import is_writing

T = TypeVar("T")
_KNOWN = "once"  # key of ``Session.info``


def remembered(session: Session) -> dict[Hashable, Any]:
    """What the transaction of ``session`` has found so far; empty, and kept by nobody, where it writes."""
    if is_writing(session):
        return {}
    now = session.get_transaction() or session.begin()
    transaction, kept = session.info.get(_KNOWN, (None, {}))
    known: dict[Hashable, Any] = kept if transaction is now else {}
    session.info[_KNOWN] = (now, known)
    return known


def once(session: Session, key: Hashable, make: Callable[[], T]) -> T:
    """What ``make`` gives, which is called once in a transaction that only reads."""
    known = remembered(session)
    if key not in known:
        known[key] = make()
    found: T = known[key]
    return found

"""Values that were computed from rows, kept in this process for each database: those that were asked for last."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.orm import Session

T = TypeVar("T")


class Kept(Generic[T]):
    """At most ``most`` values for each database; safe to use from several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_database: WeakKeyDictionary[sa.Engine, OrderedDict[Hashable, T]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def get(self, session: Session, key: Hashable, make: Callable[[], T]) -> T:
        """The value for ``key``; ``make`` computes it when it is not there, and may be called by two at once."""
        bound = session.get_bind()
        with self._lock:
            values = self._by_database.setdefault(bound.engine, OrderedDict())
            if key in values:
                values.move_to_end(key)
                return values[key]
        made = make()
        with self._lock:
            found = values.setdefault(key, made)
            while len(values) > self._most:
                values.popitem(last=False)
        return found

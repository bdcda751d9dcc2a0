"""Has anybody committed since the last look? SQLite answers that in microseconds, so one can ask often."""

import sqlite3
from typing import Any

from app.db.session import Database


class Changes:
    """Asks SQLite's ``data_version``, which changes with each commit of any other connection, in any process.

    With another database ``seen`` is always True: the caller looks into its tables each time, less often (``pause``).
    One connection of its own; to be used by one thread at a time.
    """

    def __init__(self, database: Database) -> None:
        self._connection: sqlite3.Connection | None = None
        self._version: Any = None
        if database.engine.dialect.name == "sqlite":
            path = str(database.engine.url.database)
            self._connection = sqlite3.connect(path, timeout=0, check_same_thread=False)

    @property
    def cheap(self) -> bool:
        """True when a look costs nothing worth mentioning."""
        return self._connection is not None

    def seen(self) -> bool:
        """True when there may be something new since the last call; always True at the first call."""
        if self._connection is None:
            return True
        try:
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.OperationalError:  # locked for a moment by the recovery of a log: look into the tables
            return True
        changed = version != self._version
        self._version = version
        return bool(changed)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

"""Small writes of one process in one transaction: one wait for SQLite's lock and one flush to the disk for all of them.

SQLite has one writer at a time. Whoever finds it busy sleeps and tries again, up to a tenth of a second each time and
in no order, and every commit waits for the disk. Here the first to come writes for all that came while the one before
was writing, in the order of their coming. Each has a savepoint of its own, so that what one of them raises takes back
its own rows only, and none is told that it has written before the common commit is on the disk.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

MOST = 32  # writes in a transaction: other processes wait for the lock meanwhile


T = TypeVar("T")


class Write:
    """One write that waits for its turn; ``result`` is what it returned and the session it was done in."""

    def __init__(self, work: Callable[[Session], Any]) -> None:
        self.work = work
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = False
        self.turn = threading.Event()  # it is done, or it is the first now and writes for the others


class Together:
    """The line of writes to one SQLite database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._line: deque[Write] = deque()
        self._busy = False
        self._guard = threading.Lock()

    def do(self, work: Callable[[Session], T]) -> tuple[T, Session]:
        """What ``work`` returned and its session, once it is durable; or raise what it or the commit raised."""
        mine = Write(work)
        with self._guard:
            self._line.append(mine)
            first, self._busy = not self._busy, True
        if not first:
            mine.turn.wait()
        if not mine.done:
            self._lead()
        if mine.error is not None:
            raise mine.error
        result, session = mine.result
        return result, session

    def _lead(self) -> None:
        """Write for the first of the line, then let the next one lead."""
        with self._guard:
            some = [self._line.popleft() for _ in range(min(MOST, len(self._line)))]
        try:
            self._write(some)
        except BaseException as error:  # of the lock, the commit or a savepoint: nothing of all this is written
            for one in some:
                one.error = one.error or error
        finally:
            with self._guard:
                following = self._line[0] if self._line else None
                self._busy = following is not None
            for one in some:
                one.done = True
                one.turn.set()
            if following is not None:
                following.turn.set()

    def _write(self, some: list[Write]) -> None:
        with self._engine.begin() as connection:
            for one in some:
                with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session:
                    try:
                        one.result = one.work(session), session
                        session.commit()
                    except BaseException as error:
                        one.error = error
                        session.rollback()

"""What short jobs hear: what their child says of one kind, and whether they may go on; how far they are is shown."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from app.services import jobs
from app.services.jobs import Claim
from worker.lease import Lease, Word
from worker.orders import Message, Order, Progress
from worker.parts import Parts
from worker.supervisor import End, Supervisor

T = TypeVar("T")


def hear(parts: Parts, claim: Claim, lease: Lease, order: Order, kind: type[T]) -> tuple[End, list[T]]:
    """How the child of ``order`` ended, and what it said of ``kind``; meanwhile its progress is shown."""
    heard: list[T] = []

    def write(said: Sequence[Message]) -> None:
        told = [message for message in said if isinstance(message, Progress)]
        if told:
            _tell(parts, claim, told[-1])
        # Last: when the database did not answer, the same messages come again.
        heard.extend(message for message in said if isinstance(message, kind))

    return Supervisor(parts, lease, order, write).run(), heard


def going(parts: Parts, claim: Claim, lease: Lease, phase: str) -> Callable[[int, int], bool]:
    """What this process calls with how much is done of how much; False when it must end."""

    def go_on(done: int, total: int) -> bool:
        _tell(parts, claim, Progress(phase, done, total))
        return lease.word is Word.GO_ON and not parts.stopping.is_set()

    return go_on


def _tell(parts: Parts, claim: Claim, far: Progress) -> None:
    with parts.database.write() as session:
        values = {"phase": far.phase, "done": far.done, "total": far.total, **far.more}
        jobs.set_progress(session, claim.job_id, claim.attempt, values)

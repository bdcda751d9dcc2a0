"""``python -m tests.chaos.ledger_worker``: the real worker, but its explanations only write down that they run.

So many jobs can be watched in a short time, and everything around the work is the product's own: messages, keeper,
lease, fence, end. Each line of the ledger is "seconds job attempt worker word", seconds by the monotonic clock.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from app.domain.enums import JobKind
from app.queue import TASK
from app.services import results
from app.services.jobs import Claim
from app.services.results import Writer
from worker import __main__ as worker_main
from worker import celery_app, runner, tasks
from worker.lease import Lease, Word
from worker.parts import Parts
from worker.supervisor import End, Outcome

TICK_SECONDS = 0.02


def work(parts: Parts, claim: Claim, lease: Lease) -> End:
    """Be busy for as long as the job says, then leave one row behind, fenced as all results are."""

    def note(word: str) -> None:
        line = f"{time.monotonic()} {claim.job_id} {claim.attempt} {parts.name} {word}\n"
        os.write(ledger, line.encode())

    ledger = os.open(Path(claim.spec["ledger"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        note("begin")
        end = time.monotonic() + claim.spec["seconds"]
        while time.monotonic() < end:
            if (stop := _stop(parts, lease)) is not None:
                note(stop.outcome.value)
                return stop
            note("tick")
            time.sleep(TICK_SECONDS)
        with parts.database.write() as session:
            values = {"fold": claim.job_id, "epoch": claim.attempt, **_NUMBERS}
            results.add_epoch(session, Writer(claim.job_id, claim.attempt, claim.spec["run_id"]), values)
        note("end")
        return End(Outcome.DONE)
    finally:
        os.close(ledger)


_NUMBERS: dict[str, Any] = {
    "loss": 0.0,
    "accuracy": 0.0,
    "val_loss": None,
    "val_accuracy": None,
    "learning_rate": 0.0,
    "seconds": 0.0,
}


def _stop(parts: Parts, lease: Lease) -> End | None:
    ends = {Word.LOST: Outcome.LOST, Word.CANCEL: Outcome.CANCELLED}
    if lease.word in ends:
        return End(ends[lease.word])
    return End(Outcome.RELEASED) if parts.stopping.is_set() else None


def main() -> int:
    """Work as ``python -m worker`` does.

    With CHAOS_VISIBILITY, the broker's visibility time-out in seconds, a message is acknowledged when its job has
    ended: the product does it at once, so that the time-out would have nothing to give to others. The id of each
    message that comes is appended to the file of CHAOS_LOOKS.
    """
    make, look_at = celery_app.make, tasks.look_at

    def make_with_options(parts: Parts) -> Any:
        app = make(parts)
        if seconds := os.environ.get("CHAOS_VISIBILITY"):
            often = {"unacked_restore_interval": 0.5, "unacked_restore_throttle": 1}  # usually every 100 seconds
            app.conf.broker_transport_options |= {"visibility_timeout": float(seconds), **often}
            app.tasks[TASK].acks_late = True
        return app

    def noted(parts: Parts, job_id: int) -> None:
        if looks := os.environ.get("CHAOS_LOOKS"):
            with Path(looks).open("a", encoding="ascii") as file:
                file.write(f"{job_id}\n")
        look_at(parts, job_id)

    explain = patch.dict(runner.WORK, {JobKind.EXPLAIN: work})
    with explain, patch.object(celery_app, "make", make_with_options), patch.object(tasks, "look_at", noted):
        return worker_main.main()


if __name__ == "__main__":
    sys.exit(main())

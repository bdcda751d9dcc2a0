"""The download of a file of weights into the folder of this worker."""

import time
from collections.abc import Callable

from app.domain import backbones
from app.services import jobs, weight_download
from app.services.jobs import Claim
from app.services.web_pieces import Stopped
from worker.lease import Lease, Word
from worker.parts import Parts
from worker.supervisor import End, Outcome

TELL_SECONDS = 0.5


def run(parts: Parts, claim: Claim, lease: Lease) -> End:
    """Download the file; afterwards the worker says at once that it has it."""
    settings, about = parts.settings, backbones.KNOWN[str(claim.spec["name"])]

    def should_stop() -> bool:
        return lease.word is not Word.GO_ON or parts.stopping.is_set()

    try:
        weight_download.download(
            about, settings.weights_url, settings.weights_folder, _teller(parts, claim), should_stop
        )
    except Stopped:
        if lease.word is Word.LOST:
            return End(Outcome.LOST)
        return End(Outcome.RELEASED if parts.stopping.is_set() else Outcome.CANCELLED)
    with parts.database.write() as session:
        jobs.fence(session, claim.job_id, claim.attempt)
        jobs.heartbeat(session, parts.name, parts.info())
    return End(Outcome.DONE)


def _teller(parts: Parts, claim: Claim) -> Callable[[int, int], None]:
    began = time.monotonic()
    told = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told < TELL_SECONDS and done < total:
            return
        told = now
        values: dict[str, object] = {"phase": "weights", "done": done, "total": total}
        if now > began:
            values["seconds_left"] = round((now - began) / done * (total - done))
        with parts.database.write() as session:
            jobs.set_progress(session, claim.job_id, claim.attempt, values)

    return tell

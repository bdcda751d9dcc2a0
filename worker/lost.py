"""When a job counts as lost: its lease is over, and this worker has seen for long enough that nobody renewed it.

The clock of the database alone cannot say it. One that is set forward ends all leases at once, and one that is set back
lets the lease of a dead worker last for hours. What no clock changes: a living worker writes a new end of its lease
each time a third of it is over.
"""

from collections.abc import Sequence

from app.services.jobs import Held

SEEN_SHARE = 0.5  # of the lease: longer than a living worker takes to renew
SURE_SHARE = 1.5  # of the lease: unchanged for so long, it is over whatever the clock says


class Patience:
    """Remembers since when each lease has not changed, by the clock of this process that nobody sets."""

    def __init__(self, lease_seconds: float) -> None:
        self._lease = lease_seconds
        self._since: dict[Held, float] = {}

    def lost(self, held: Sequence[Held], now: float) -> list[Held]:
        """The jobs among ``held`` whose workers are gone; ``now`` is in seconds of ``time.monotonic``."""
        known = {(one.job_id, one.attempt, one.lease_until): since for one, since in self._since.items()}
        self._since = {one: known.get((one.job_id, one.attempt, one.lease_until), now) for one in held}
        return [one for one, since in self._since.items() if now - since >= self._needed(one)]

    def _needed(self, one: Held) -> float:
        return self._lease * (SEEN_SHARE if one.over else SURE_SHARE)

"""From the click to the finished ensemble: five folds of 102 cell pictures with report and heat maps of all mistakes.

``python -m benchmarks.ensemble [PRESET ...]``. One command serves pages and worker; the worker has trained before, so
its process is warm, but nothing of the measured trainings is known to it, neither features nor models. The time ends
when the page of the run has its report and the review page its mistakes with their heat maps. Beside it stands where
the time went, as the progress of the job says it.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
import sqlalchemy as sa

from app.db.run_models import EpochMetric, Explanation, Job, Run
from app.db.session import Database
from app.domain.enums import FINAL_STATES, JobState
from benchmarks.processes import Server, server, wait_for
from benchmarks.records import Record, machine, write

COMMAND = "python -m benchmarks.ensemble"
TARGET = 20.0
LIMIT_SECONDS = 900.0  # of one training, on a machine that has other work
WARM = {"preset": "wbc", "folds": 0, "epochs": 1}
MEASURED = ("wbc", "wbc-plus", "transfer-few")


@dataclass
class Told:
    """One training: seconds as a whole and for each phase of its job, and how much there was to do."""

    seconds: float = 0.0
    phases: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    maps: int = 0
    images: int = 0
    epochs: int = 0
    in_epochs: float = 0.0

    def words(self) -> str:
        """All of it in a sentence."""
        parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in self.phases.items())
        return (
            f"{self.epochs} epochs of five models, {self.in_epochs:.1f} s in them; {self.maps} heat maps, examples of "
            f"right answers among them; seconds: {parts}"
        )


class Chain:
    """The sample project on a running server."""

    def __init__(self, own: Server) -> None:
        address = own.address()
        self._database = Database(own.settings.database)
        self._client = httpx.Client(base_url=address, headers={"Origin": address}, timeout=120)
        answer = self._client.post("/samples/cells", follow_redirects=False)
        self._slug = answer.headers["location"].rstrip("/").rsplit("/p/", 1)[1].split("/")[0]

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()
        self._database.dispose()

    def train(self, recipe: dict[str, object]) -> Told:
        """From the click until report and mistakes are shown."""
        told, begun = Told(), time.perf_counter()
        answer = self._client.post(f"/p/{self._slug}/train", json=recipe)
        number = int(answer.raise_for_status().json()["run"])
        last, phase = begun, "begin"

        def ended() -> bool:
            nonlocal last, phase
            state, now_in = self._job(number)
            now = time.perf_counter()
            told.phases[phase] += now - last
            last, phase = now, now_in or phase
            return state in FINAL_STATES

        wait_for("the end of the training", ended, 0.02, LIMIT_SECONDS)
        assert self._job(number)[0] == JobState.DONE, "the training failed"
        for page in (f"runs/{number}", f"runs/{number}/review"):
            self._client.get(f"/p/{self._slug}/{page}").raise_for_status()
        told.phases["pages"] += time.perf_counter() - last
        told.seconds = time.perf_counter() - begun
        self._count(number, told)
        return told

    def _job(self, number: int) -> tuple[str, str]:
        with self._database.read() as session:
            query = sa.select(Job.state, Job.progress).join(Run, Run.job_id == Job.id).where(Run.number == number)
            state, progress = session.execute(query).one()
            return str(state), str((progress or {}).get("phase", ""))

    def _count(self, number: int, told: Told) -> None:
        with self._database.read() as session:
            run = session.scalars(sa.select(Run).where(Run.number == number)).one()
            count = sa.func.count()
            told.maps = session.scalar(sa.select(count).where(Explanation.run_id == run.id)) or 0
            told.images = session.scalar(sa.text("select count(*) from run_item where run_id = :run"), {"run": run.id})
            epochs = sa.select(count, sa.func.sum(EpochMetric.seconds)).where(EpochMetric.run_id == run.id)
            told.epochs, told.in_epochs = session.execute(epochs).one()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write ``benchmarks/results/ensemble.json``."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("only", nargs="*", choices=[[], *MEASURED], help="recipes; without any all of them")
    only = parser.parse_args(arguments).only
    records = []
    with server() as own:
        chain = Chain(own)
        chain.train(dict(WARM))
        for preset in only or MEASURED:
            told = chain.train({"preset": preset, "folds": 5})
            took = round(told.seconds, 1)
            title = f"{told.images} cell pictures, {preset}: five models, report, heat maps of all mistakes"
            records.append(Record(title, took, "s", TARGET, took <= TARGET, COMMAND, told.words()))
            print(f"{title}: {took} s, {told.words()}", flush=True)
        chain.close()
    write("ensemble", records, machine(), keep=bool(only))
    return 0


if __name__ == "__main__":
    sys.exit(main())

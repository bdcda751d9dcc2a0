"""From the click to the finished ensemble: five folds of 102 cell pictures with report and heat maps of all mistakes.

``python -m benchmarks.ensemble``. One command serves pages and worker; the worker has trained before, so its process is
warm, but nothing of the measured trainings is known to it, neither features nor models. The time ends when the page of
the run has its report and the review page its mistakes with their heat maps.
"""

import sys
import time

import httpx
import sqlalchemy as sa

from app.db.run_models import Explanation, Job, Run
from app.db.session import Database
from app.domain.enums import FINAL_STATES, JobState
from benchmarks.processes import Server, server, wait_for
from benchmarks.records import Record, machine, write

COMMAND = "python -m benchmarks.ensemble"
TARGET = 20.0
WARM = {"preset": "wbc", "folds": 0, "epochs": 1}
MEASURED = ("wbc", "wbc-plus", "transfer-few")


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

    def seconds(self, recipe: dict[str, object]) -> tuple[float, int, int]:
        """From the click until report and mistakes are shown; the number of mistakes' maps, and of images."""
        started = time.perf_counter()
        answer = self._client.post(f"/p/{self._slug}/train", json=recipe)
        number = int(answer.raise_for_status().json()["run"])
        wait_for("the end of the training", lambda: self._state(number) in FINAL_STATES, 0.02)
        assert self._state(number) == JobState.DONE, "the training failed"
        for page in (f"runs/{number}", f"runs/{number}/review"):
            self._client.get(f"/p/{self._slug}/{page}").raise_for_status()
        took = time.perf_counter() - started
        with self._database.read() as session:
            run = session.scalars(sa.select(Run).where(Run.number == number)).one()
            maps = session.scalar(sa.select(sa.func.count()).where(Explanation.run_id == run.id)) or 0
            images = session.scalar(sa.text("select count(*) from run_item where run_id = :run"), {"run": run.id})
        return took, maps, int(images or 0)

    def _state(self, number: int) -> str:
        with self._database.read() as session:
            query = sa.select(Job.state).join(Run, Run.job_id == Job.id).where(Run.number == number)
            return str(session.scalar(query))


def main() -> int:
    """Measure and write ``benchmarks/results/ensemble.json``."""
    records = []
    with server() as own:
        chain = Chain(own)
        chain.seconds(dict(WARM))
        for preset in MEASURED:
            took, maps, images = chain.seconds({"preset": preset, "folds": 5})
            title = f"{images} cell pictures, {preset}: five models, report, heat maps of all mistakes"
            note = f"{maps} heat maps, examples of right answers among them"
            records.append(Record(title, round(took, 1), "s", TARGET, took <= TARGET, COMMAND, note))
            print(f"{title}: {took:.1f} s, {note}", flush=True)
        chain.close()
    write("ensemble", records, machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())

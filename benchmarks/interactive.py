"""How soon a person sees an answer: one prediction, one heat map, on a quiet machine and beside a training.

``python -m benchmarks.interactive``. One command serves pages and worker (SQLite, embedded broker). The run has five
models of post 000 (two convolutions, 100 x 100 pixels, 41 MB each); all five are asked. Over HTTP the time goes from
sending the request to the last byte of the answer; in Chromium from the click until all pictures are decoded.
"""

import io
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import httpx
import numpy as np
import sqlalchemy as sa
from PIL import Image
from playwright.sync_api import sync_playwright

from app.db.models import Project
from app.db.run_models import Explanation, Job, Run, RunItem
from app.db.session import Database
from app.domain.cells import CELL_KINDS, draw_cell
from app.domain.enums import FINAL_STATES, JobState
from benchmarks import explaining
from benchmarks.processes import Server, family, memory_mb, server, wait_for
from benchmarks.records import Record, machine, write

COMMAND = "python -m benchmarks.interactive"
TIMES = 60
CLICKS = 20
TARGET_MS = 300.0
FIVE_MODELS = {"preset": "wbc", "architecture": "conv2", "image_size": 100, "folds": 5, "epochs": 1, "batch_size": 32}
LONG = FIVE_MODELS | {"folds": 0, "epochs": 2000, "patience": 0}
JSON = {"Accept": "application/json"}


class Asked:
    """A sample project with a finished run on a running server."""

    command = COMMAND

    def __init__(self, own: Server) -> None:
        self.address = own.address()
        self.own = own
        self.database = Database(own.settings.database)
        self.client = httpx.Client(base_url=self.address, headers={"Origin": self.address}, timeout=120)
        answer = self.client.post("/samples/cells", follow_redirects=False)
        self.slug = answer.headers["location"].rstrip("/").rsplit("/p/", 1)[1].split("/")[0]
        self.number, job_id = self.train(FIVE_MODELS)
        wait_for("the end of the training", lambda: self._state(job_id) in FINAL_STATES, 0.1)
        assert self._state(job_id) == JobState.DONE, "the training failed"
        with self.database.read() as session:
            run = session.scalars(sa.select(Run).where(Run.job_id == job_id)).one()
            self.layers = [str(name) for name in run.environment["conv_layers"]]
            self.items = list(session.scalars(sa.select(RunItem.id).where(RunItem.run_id == run.id, RunItem.fold == 0)))
            self.images = list(session.scalars(sa.select(RunItem.image_id).where(RunItem.run_id == run.id)))

    def train(self, recipe: dict[str, object]) -> tuple[int, int]:
        """Submit a training; its number and its job."""
        answer = self.client.post(f"/p/{self.slug}/train", json=recipe)
        answer.raise_for_status()
        number = int(answer.json()["run"])
        with self.database.read() as session:
            own = sa.select(Run.job_id).join(Project).where(Project.slug == self.slug, Run.number == number)
            job_id = session.scalar(own)
        assert job_id is not None
        return number, job_id

    def _state(self, job_id: int) -> str:
        with self.database.read() as session:
            return session.get_one(Job, job_id).state

    def in_epochs(self, job_id: int) -> bool:
        """True when a training has passed its first epoch."""
        with self.database.read() as session:
            return int(session.get_one(Job, job_id).progress.get("epoch", 0)) > 1

    def image(self, turn: int) -> None:
        """Ask about an image of the project."""
        self._ask(data={"image": str(self.images[turn % len(self.images)])})

    def file(self, turn: int) -> None:
        """Ask about a picture that the server has never seen."""
        pixels = draw_cell(CELL_KINDS[turn % len(CELL_KINDS)], np.random.default_rng((9, turn)))
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, "PNG")
        self._ask(files={"picture": (f"{turn}.png", content.getvalue(), "image/png")})

    def _ask(self, **form: object) -> None:
        answer = self.client.post(f"/p/{self.slug}/runs/{self.number}/try?wait=30", headers=JSON, **form)  # type: ignore[arg-type]
        assert answer.json()["state"] == "done", answer.text

    def explain(self, turn: int) -> None:
        """Have a heat map made that is not there, as the review page does."""
        form = {"item": self.items[turn % len(self.items)], "fold": 0, "layer": self.layers[0], "position": turn % 3}
        with self.database.write() as session:
            session.execute(sa.delete(Explanation).where(Explanation.layer == self.layers[0]))
        answer = self.client.post(f"/p/{self.slug}/runs/{self.number}/explain?wait=20", headers=JSON, data=form)
        assert answer.json()["state"] == "done", answer.text


def spread(times: Sequence[float]) -> tuple[float, float]:
    """Median and 95th percentile in milliseconds."""
    return 1000 * statistics.median(times), 1000 * float(np.percentile(times, 95))


def measured(question: Callable[[int], None], first: int) -> list[float]:
    """Seconds of each of some questions; the first one is not counted."""
    found = []
    for turn in range(first, first + TIMES + 1):
        begin = time.perf_counter()
        question(turn)
        found.append(time.perf_counter() - begin)
    return found[1:]


def records(name: str, times: Sequence[float], note: str) -> list[Record]:
    """Two figures of one series."""
    middle, late = spread(times)
    many = f"{len(times)} times; {note}"
    return [
        Record(f"{name}, median", round(middle), "ms", TARGET_MS, middle <= TARGET_MS, COMMAND, many),
        Record(f"{name}, 95th percentile", round(late), "ms", TARGET_MS, late <= TARGET_MS, COMMAND, many),
    ]


def over_http(asked: Asked, when: str, first: int) -> list[Record]:
    """The three kinds of questions, one after the other."""
    kinds = [
        ("Prediction with heat maps, image of the project", asked.image),
        ("Prediction with heat maps, file that is sent", asked.file),
        ("One heat map on demand", asked.explain),
    ]
    return [
        record
        for name, question in kinds
        for record in records(f"{name}, {when}", measured(question, first), "from the POST to its answer")
    ]


def in_browser(asked: Asked, when: str) -> list[Record]:
    """Clicks on images of the project, until the answer and its pictures are there."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        print("Chromium is not installed: the browser was not measured.")
        return []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program)
        page = browser.new_page(locale="en-US")
        page.goto(f"{asked.address}/p/{asked.slug}/runs/{asked.number}/try?which=all")
        tiles, times = page.locator(".try-tile"), []
        for turn in range(CLICKS + 1):
            tiles.nth(turn % tiles.count()).click()
            page.locator("#try-took[data-milliseconds]").wait_for(state="attached")
            times.append(float(page.locator("#try-took").get_attribute("data-milliseconds") or "nan") / 1000)
            page.evaluate("document.getElementById('answer').replaceChildren()")
        browser.close()
    return records(f"Click until the answer is seen, {when}", times[1:], "in Chromium, pictures decoded")


def memory(asked: Asked) -> Record:
    """Of the process that stays, with the five models."""
    largest = max(memory_mb(pid) for pid, words in family(asked.own.process.pid).items() if "forkserver" in words)
    return Record("Memory of the process for answers", round(largest), "MB", command=COMMAND, note="five models loaded")


def main() -> int:
    """Measure, print and write ``benchmarks/results/interactive.json``."""
    with server() as own:
        asked = Asked(own)
        begin = time.perf_counter()
        asked.image(0)
        first = Record(
            "First prediction after a training",
            round(1000 * (time.perf_counter() - begin)),
            "ms",
            command=COMMAND,
            note="its models are loaded when the training has ended",
        )
        found = [first, *over_http(asked, "quiet", 0), *in_browser(asked, "quiet"), memory(asked)]
        found += explaining.records(asked)
        _, job_id = asked.train(LONG)
        wait_for("the second epoch", lambda: asked.in_epochs(job_id), 0.1)
        found += [*over_http(asked, "beside a training", 1000), *in_browser(asked, "beside a training")]
        assert asked.in_epochs(job_id), "the training must still run"
        asked.database.dispose()
    for record in found:
        print(f"{record.name:70} {record.value:8} {record.unit}")
    write("interactive", found, machine())
    return 0 if all(record.met is not False for record in found) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Heat maps of the posts' networks by each way, one at a time and many at once: rows of ``benchmarks.interactive``.

The models have the weights as they are drawn: it takes as long to explain a bad answer as a good one.
"""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from app.db.run_models import Explanation, Run, RunItem
from app.domain.explaining import ABOUT, OF_PIXELS, PIXELS, Method
from app.domain.presets import PRESETS
from app.storage import open_store
from benchmarks.processes import wait_for
from benchmarks.records import Record
from tests.inspect import factory
from tests.jobs import trained

if TYPE_CHECKING:
    from benchmarks.interactive import Asked

POSTS = ("wbc", "keras-blog", "penguins-plain", "cifar", "deepconv")
FOUR = "penguins-plain"  # four convolutions
TIMES = 12
TEST = 120  # test images of each of three classes
ONE_MS, ALL_MS = 300.0, 3000.0
SLUG = "posts"


def made(asked: "Asked") -> dict[str, tuple[Run, list[int]]]:
    """A run of each post's network with its test items, in a project of their own."""
    found, store = {}, open_store(asked.own.settings.store_address)
    with asked.database.write() as session:
        project = factory.project(session, store, train=4, test=TEST, slug=SLUG)
        for name in POSTS:
            run = trained.run(session, store, project, recipe=replace(PRESETS[name].recipe, folds=0))
            session.execute(sa.delete(Explanation).where(Explanation.run_id == run.id))
            fits = sa.select(RunItem.id).where(RunItem.run_id == run.id, RunItem.split == "test").order_by(RunItem.id)
            found[name] = run, list(session.scalars(fits))
        session.flush()
        session.expunge_all()
    return found


def ask(asked: "Asked", run: Run, items: list[int], method: Method) -> float:
    """Milliseconds from the request for maps to the answer that they are there."""
    layer = PIXELS if method in OF_PIXELS else run.environment["conv_layers"][-1]
    form = {"item": items, "fold": 0, "layer": layer, "position": 1, "method": method.value}
    address = f"/p/{SLUG}/runs/{run.number}/explain"
    begin = time.perf_counter()
    answer = asked.client.post(f"{address}?wait=30", headers={"Accept": "application/json"}, data=form)
    answer.raise_for_status()
    job = answer.json()
    if not job["finished"]:
        job = wait_for(
            "the maps", lambda: (now := asked.client.get(f"{job['url']}?wait=20").json())["finished"] and now, 0.0
        )
    assert job["state"] == "done", job
    return 1000 * (time.perf_counter() - begin)


def records(asked: "Asked") -> list[Record]:
    """One map by each way on each network, and all maps of the test images of the network with four convolutions."""
    found, runs = [], made(asked)
    for name, (run, items) in runs.items():
        recipe = PRESETS[name].recipe
        for place, method in enumerate(Method):
            own = items[place * (TIMES + 1) :][: TIMES + 1]
            times = sorted([ask(asked, run, [item], method) for item in own][1:])
            middle = times[TIMES // 2]
            network = f"{recipe.architecture}, {recipe.image_size} px (post {PRESETS[name].post})"
            title = f"One map, {ABOUT[method].name}: {network}"
            note = f"median of {TIMES}, longest {times[-1]:.0f}; from the POST to its answer, warm"
            found.append(Record(title, round(middle), "ms", ONE_MS, middle <= ONE_MS, asked.command, note))
    run, items = runs[FOUR]
    with asked.database.write() as session:
        session.execute(sa.delete(Explanation).where(Explanation.run_id == run.id))
    every = ask(asked, run, items, Method.GRAD_CAM)
    title = f"All Grad-CAM pictures of {len(items)} test images, four convolutions, 128 px"
    note = "from the POST to its answer: read, computed, stored"
    return [*found, Record(title, round(every), "ms", ALL_MS, every <= ALL_MS, asked.command, note)]

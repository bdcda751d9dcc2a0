"""Server time of each page's data with 200,000 images on SQLite and 1,000,000 on PostgreSQL, and the largest changes.

The rows are generated and share one small picture. Requests go through the whole application in this process, one
after the other, with values drawn anew each time; their time is from the request to the whole answer.
"""

import argparse
import contextlib
import dataclasses
import math
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlalchemy.orm import Session

from app.commands.common import keep_loaded
from app.config import Settings
from app.db.migrate import upgrade
from app.db.session import Database
from app.domain.enums import LabelSource
from app.main import create_app
from app.services import labels, marks, versions
from app.services.gallery import ImageFilter
from app.storage import LocalStore
from benchmarks import big_extras, big_project
from benchmarks.big_project import Big
from benchmarks.records import Record, machine, write
from tests import servers

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette announces a successor of httpx; the lock file has httpx
    from starlette.testclient import TestClient

COUNTS = {"SQLite": 200_000, "PostgreSQL": 1_000_000}
TARGET_MS = 50.0
REQUESTS = 40
BULK = 40_000
ADDRESS = "http://127.0.0.1:8124"
COMMAND = "python -m benchmarks.scale"


def pages(big: Big, draw: random.Random) -> dict[str, Callable[[], str]]:
    """What is asked for, by name; each call gives another address. Queues behind "items:" are asked for 20 images."""
    root = f"/p/{big.slug}"
    images = f"{root}/images"

    def kind() -> int:
        return draw.choice(big.class_ids)

    def anywhere(share: int = 1) -> int:
        return draw.randrange(big.count // share)

    return {
        "gallery": lambda: images,
        "gallery, one class": lambda: f"{images}?class={kind()}",
        "grid: the next 500": lambda: f"{images}/ids?offset={anywhere(100)}",
        "grid: jump to any place": lambda: f"{images}/ids?offset={anywhere()}",
        "grid: one class, any place": lambda: f"{images}/ids?class={kind()}&offset={anywhere(20)}",
        "grid: without label, any place": lambda: f"{images}/ids?class=none&offset={anywhere(3)}",
        "grid: test set, any place": lambda: f"{images}/ids?split=test&offset={anywhere(11)}",
        "grid: one import, any place": lambda: f"{images}/ids?import={draw.randrange(1, 21)}&offset={anywhere(30)}",
        "grid: unsure": lambda: f"{images}/ids?mark=unsure",
        "counts of the filters": lambda: f"{images}/counts",
        "counts of the filters, one class": lambda: f"{images}/counts?class={kind()}",
        "search in file names": lambda: f"{images}/ids?q=cell_{anywhere()}",
        **_in_memory(images, anywhere, kind),
        **_label_mode(root, anywhere),
        "page of one image": lambda: f"{images}/{big.first_image + anywhere()}",
        "history": lambda: f"{root}/history",
        "history, older": lambda: f"{root}/history?before={draw.randrange(60, big_project.SINGLE_ACTS)}",
        "health": lambda: f"{root}/health",
        "health, copies": lambda: f"{root}/health/copies",
        "health, blurred": lambda: f"{root}/health/blurred",
        "overview": lambda: root,
        "splits": lambda: f"{root}/splits",
        "classes": lambda: f"{root}/classes",
        "data versions": lambda: f"{root}/versions",
        "export": lambda: f"{root}/export",
    }


def _in_memory(images: str, anywhere: Callable[[int], int], kind: Callable[[], int]) -> dict[str, Callable[[], str]]:
    """Filters and orders that no index gives."""
    return {
        "grid: in the order of names": lambda: f"{images}/ids?sort=name&offset={anywhere(1)}",
        "grid: last labelled, one class": lambda: f"{images}/ids?sort=-labelled&class={kind()}&offset={anywhere(20)}",
        "grid: labelled in imports": lambda: f"{images}/ids?means=import&from=2026-01-01&offset={anywhere(9)}",
        "grid: wrong in a run, by loss": lambda: f"{images}/ids?run=1&result=wrong&sort=-loss&offset={anywhere(90)}",
        "counts of the filters, a run": lambda: f"{images}/counts?run=1&said={kind()}",
        "gallery, wrong in a run": lambda: f"{images}?run=1&result=wrong&said={kind()}",
    }


def _label_mode(root: str, anywhere: Callable[[int], int]) -> dict[str, Callable[[], str]]:
    return {
        "label mode": lambda: f"{root}/label",
        "label mode, random": lambda: f"{root}/label?queue=random&seed={anywhere(1)}",
        "label mode, least certain": lambda: f"{root}/label?queue=uncertain",
        "label mode, perhaps wrong": lambda: f"{root}/label?queue=wrong",
        "items: as imported": lambda: f"{root}/label/items?at={anywhere(2)}",
        "items: random": lambda: f"{root}/label/items?queue=random&seed={anywhere(1)}",
        "items: least certain": lambda: f"{root}/label/items?queue=uncertain",
        "items: perhaps wrong": lambda: f"{root}/label/items?queue=wrong",
        "items: everything": lambda: f"{root}/label/items?queue=all&at={anywhere(1)}",
    }


@contextlib.contextmanager
def installation(kind: str, count: int) -> Iterator[tuple[Settings, Database, Big]]:
    """An application's database with the big project in it."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="miwake-scale-")))
        url = stack.enter_context(servers.postgres()) if kind == "PostgreSQL" else None
        settings = Settings(data_dir=folder, user="bench")
        settings = dataclasses.replace(settings, database_url=url) if url else settings
        database = Database(settings.database)
        stack.callback(database.dispose)
        upgrade(database)
        store = LocalStore(folder / "store")
        big = big_project.make(database, store, count)
        big_extras.fill(database, store, big)
        yield settings, database, big


def get(client: TestClient, name: str, address: str) -> Any:
    """The answer; more images of a queue are asked for as label mode does."""
    if not name.startswith("items"):
        return client.get(address)
    return client.post(address, json={"after": int(parse_qs(urlsplit(address).query).get("at", ["0"])[0]), "limit": 20})


def asked(settings: Settings, big: Big, requests: int) -> Iterator[tuple[str, list[float], list[float]]]:
    """Milliseconds of each request by page, and those of a processor; the first two of a page fill caches."""
    with TestClient(create_app(settings), base_url=ADDRESS, headers={"Origin": ADDRESS}) as client:
        keep_loaded()
        for name, address in pages(big, random.Random(1)).items():
            times, worked = [], []
            for _ in range(requests + 2):
                begun, busy = time.perf_counter(), time.process_time()
                answer = get(client, name, address())
                times.append(1000 * (time.perf_counter() - begun))
                worked.append(1000 * (time.process_time() - busy))
                answer.raise_for_status()
            yield name, times[2:], worked[2:]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def changes(database: Database, big: Big) -> Iterator[tuple[str, float]]:
    """Seconds of the largest acts."""
    some = ImageFilter(state=None, ids=tuple(range(big.first_image + 1, big.first_image + 1 + BULK)))
    who: marks.Who = {"source": LabelSource.GALLERY, "actor": "bench", "request_id": "bulk"}
    acts: dict[str, Callable[[Session], object]] = {
        "labels of 40,000 images changed": lambda session: labels.assign_matching(
            session, big.project_id, some, big.class_ids[0], **who
        ),
        "the same taken back": lambda session: labels.undo(session, big.project_id, actor="bench", request_id="undo"),
        "first data version": lambda session: versions.freeze(session, big.project_id, actor="bench"),
        "unchanged data frozen again": lambda session: versions.freeze(session, big.project_id, actor="bench"),
    }
    for name, act in acts.items():
        begun = time.perf_counter()
        with database.write() as session:
            act(session)
        yield name, time.perf_counter() - begun


def measured(kind: str, count: int, requests: int) -> Iterator[Record]:
    """All figures of one database."""
    with installation(kind, count) as (settings, database, big):
        where = f"{kind}, {count:,} images"
        for name, times, worked in asked(settings, big, requests):
            middle, high = percentile(times, 0.5), percentile(times, 0.95)
            own = f"processor time of the application: p95 {percentile(worked, 0.95):.1f} ms"
            note = f"{where}; p95 of {requests} requests, median {middle:.1f} ms; {own}"
            yield Record(f"{kind}: {name}", high, "ms", TARGET_MS, high <= TARGET_MS, COMMAND, note)
        for name, seconds in changes(database, big):
            yield Record(f"{kind}: {name}", seconds, "s", command=COMMAND, note=where)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write ``benchmarks/results/scale.json``."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--only", choices=list(COUNTS), help="one database; the other figures stay")
    parser.add_argument("--requests", type=int, default=REQUESTS)
    typed = parser.parse_args(arguments)
    records = []
    for kind in [typed.only] if typed.only else COUNTS:
        for record in measured(kind, COUNTS[kind], typed.requests):
            records.append(record)
            print(f"{record.name}: {record.value:.4g} {record.unit} ({record.note})", flush=True)
    write("scale", records, machine(), keep=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

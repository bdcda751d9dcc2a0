"""Pictures a second that come into a project: through the web in bundles, and from a folder of this machine.

Everything is in the figure: checks, our own copies, thumbnails, labels from folders, rows, and the wait for the disk.
The client shares the processors with the server. Processor time is given beside it, because that does not depend on
what else the machine does. All data are removed at the very end only: where ext4 has lost thousands of files in the
last five minutes, it steps over each of them for every new file, which is more work than all of ours; the cost of a new
file is printed too. The rate of Label Studio 1.23.2 on such a machine was 115 a second for the same pictures, in
batches of 100 (101 files in one request failed); the target is ten times that.
"""

import argparse
import http.client
import itertools
import json
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import sqlalchemy as sa

from app.config import Settings
from app.db.run_models import Job
from app.db.session import Database
from app.domain import imaging
from app.domain.enums import FINAL_STATES
from app.web import bundles
from benchmarks.processes import cpu_seconds, family, server, wait_for
from benchmarks.records import Record, machine, write
from benchmarks.results import command, shared_data

TARGET = 1150.0
LANES = 3  # requests at the same time, as the page has
FILES, BYTES = 100, 8 * 2**20  # of one bundle
MANY = 10_000
NEW_FILES = 3000
HEADERS = {"Sec-Fetch-Site": "none", "Accept": "application/json"}
WEB = "python -m benchmarks imports"


@dataclass(frozen=True)
class Sample:
    """A file as a browser would send it."""

    path: str
    data: bytes


def pictures(folder: Path) -> list[Sample]:
    """The files of a set."""
    found = sorted(path for path in folder.rglob("*.jpg") if path.is_file())
    return [Sample(path.relative_to(folder).as_posix(), path.read_bytes()) for path in found]


def multiplied(samples: Sequence[Sample], count: int) -> list[Sample]:
    """``count`` different files: the bytes behind the end of a JPEG belong to no picture."""
    chosen = itertools.islice(itertools.cycle(samples), count)
    return [Sample(f"{number}/{one.path}", one.data + f"{number}".encode()) for number, one in enumerate(chosen)]


class Client:
    """One connection that stays open."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)

    def post(self, path: str, body: bytes, kind: str) -> Any:
        """Send; the JSON of the answer, or None for a page."""
        self._connection.request("POST", path, body, {**HEADERS, "Content-Type": kind})
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{path}: {answer.status} {text[:300]!r}")
        return json.loads(text) if answer.getheader("content-type", "").startswith("application/json") else None


def bodies(samples: Sequence[Sample]) -> Iterator[bytes]:
    """Bundles as the page makes them."""
    batch: list[tuple[dict[str, Any], bytes]] = []
    size = 0
    for one in samples:
        if len(batch) == FILES or (batch and size + len(one.data) > BYTES):
            yield bundles.pack(batch)
            batch, size = [], 0
        batch.append(({"path": one.path, "size": len(one.data), "modified": 0}, one.data))
        size += len(one.data)
    yield bundles.pack(batch)


def send(address: str, name: str, samples: Sequence[Sample]) -> float:
    """Import through the web; seconds from the first word to the end of the import."""
    client = Client(address)
    client.post("/projects", urlencode({"name": name}).encode(), "application/x-www-form-urlencoded")
    waiting, lock, errors = bodies(samples), threading.Lock(), list[BaseException]()
    begin = time.perf_counter()
    body = json.dumps({"name": name, "total": len(samples)}).encode()
    urls = client.post(f"/p/{name}/imports", body, "application/json")

    def lane() -> None:
        own = Client(address)
        try:
            while True:
                with lock:
                    bundle = next(waiting, None)
                if bundle is None:
                    return
                own.post(urls["bundle"], bundle, bundles.MEDIA_TYPE)
        except BaseException as error:
            errors.append(error)

    lanes = [threading.Thread(target=lane) for _ in range(LANES)]
    for one in lanes:
        one.start()
    for one in lanes:
        one.join()
    if errors:
        raise errors[0]
    Client(address).post(urls["finish"], b"", "application/json")  # the first connection was idle for too long
    return time.perf_counter() - begin


def through_the_web(samples: Sequence[Sample], place: Path) -> list[Record]:
    """Through the pages' own address; each on a server of its own, a small import first so that all is loaded.

    The second import of a server meets the checks of health of the first one, which the worker makes behind it.
    """
    many = multiplied(samples, MANY)
    again = [Sample(one.path, one.data + b"again") for one in many]
    busy = ", while the pictures before them are checked"
    first = _into_one_server([("all", samples, "")], place)
    return first + _into_one_server([("many", many, ""), ("again", again, busy)], place)


def _into_one_server(imports: Sequence[tuple[str, Sequence[Sample], str]], place: Path) -> list[Record]:
    """One after the other; a project's name, its pictures, and what is to be said of them."""
    records = []
    with server(keep=place) as running:
        address = running.address()
        send(address, "warm", [Sample("warm.jpg", imports[0][1][0].data + b"warm")])
        wait_for("the checks of the first picture", lambda: _at_rest(running.settings), 0.1)
        for name, chosen, what in imports:
            before = _cpu(running.process.pid)
            seconds = send(address, name, chosen)
            used = _cpu(running.process.pid) - before
            rate = len(chosen) / seconds
            most = len(chosen) / used * (os.cpu_count() or 1)
            note = f"{1000 * used / len(chosen):.2f} ms of processor time for each picture on the side of the server, "
            note += f"hence at most {most:,.0f} pictures/s if all processors did nothing else"
            title = f"through the web, {len(chosen):,} pictures, {LANES} requests of {FILES} files at once{what}"
            target, met = (None, None) if what else (TARGET, rate >= TARGET)
            records.append(Record(title, round(rate), "pictures/s", target, met, WEB, note))
            print(f"{title}: {rate:.0f} pictures/s, {note}", flush=True)
    return records


def _at_rest(settings: Settings) -> bool:
    """True when the worker has nothing to do."""
    database = Database(settings.database)
    try:
        with database.read() as session:
            return session.scalar(sa.select(sa.func.count()).where(Job.state.not_in(FINAL_STATES))) == 0
    finally:
        database.dispose()


def _cpu(pid: int) -> float:
    """Processor time of the pages and their decoders; what a worker does meanwhile is not counted."""
    own = [one for one, words in family(pid).items() if " web " in words or "decoder_child" in words]
    return sum(cpu_seconds(one) for one in own)


def from_a_folder(folder: Path, count: int, place: Path) -> Record:
    """The command, its start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    command(place, "import", folder.name, str(folder), "--json")
    seconds = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rate = count / seconds
    title = f"from a folder by the command, {count:,} pictures"
    note = f"{seconds:.1f} s with the start of the program; {1000 * used / count:.2f} ms of processor time each"
    print(f"{title}: {rate:.0f} pictures/s, {note}", flush=True)
    words = "python -m app import cats_dogs FOLDER"
    return Record(title, round(rate), "pictures/s", TARGET, rate >= TARGET, words, note)


def floor(samples: Sequence[Sample]) -> Record:
    """What decoding and encoding alone cost, in one process."""
    chosen = samples[:: max(1, len(samples) // 300)]
    begin = time.process_time()
    for one in chosen:
        imaging.decode(one.data)
    cost = 1000 * (time.process_time() - begin) / len(chosen)
    note = f"at most {1000 / cost * (os.cpu_count() or 1):,.0f} pictures/s on all processors if nothing else were done"
    print(f"decoding and our own copies: {cost:.2f} ms, {note}", flush=True)
    return Record("decoding and our own copies alone, for each picture", round(cost, 3), "ms", command=WEB, note=note)


def new_files(place: Path) -> Record:
    """What the system asks for a new file with a name of its own; three come with each picture."""
    begin = time.process_time()
    for number in range(NEW_FILES):
        file = place / f"{number}.new"
        file.write_bytes(b"0" * 10_000)
        file.rename(place / f"{number}")
    cost = 1e6 * (time.process_time() - begin) / NEW_FILES
    print(f"a new file of 10 kB: {cost:.0f} µs of processor time", flush=True)
    return Record("a new file of 10 kB on this disk", round(cost), "µs", command=WEB, note="processor time")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write ``benchmarks/results/imports.json``."""
    argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__).parse_args(arguments)
    folder = shared_data() / "cats_dogs"
    samples = pictures(folder)
    with tempfile.TemporaryDirectory(prefix="miwake-imports-") as name:
        place = Path(name)
        (place / "command").mkdir()
        (place / "files").mkdir()
        costs = [floor(samples), new_files(place / "files")]
        records = [*through_the_web(samples, place), from_a_folder(folder, len(samples), place / "command"), *costs]
    write("imports", records, machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())

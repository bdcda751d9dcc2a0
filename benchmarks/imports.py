"""Pictures a second that come into a project: through the web in bundles, and from a folder of this machine.

Everything is in the figure: checks, our own copies, thumbnails, labels from folders, rows, and the wait for the disk.
The client shares the processors with the server. Processor time is given beside it, because that does not depend on
what else the machine does. The rate of Label Studio 1.23.2 on such a machine was 115 a second for the same pictures, in
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

from app.domain import imaging
from app.web import bundles
from benchmarks.processes import cpu_seconds, family, server
from benchmarks.records import Record, machine, write
from benchmarks.results import command, shared_data

TARGET = 1150.0
LANES = 3  # requests at the same time, as the page has
FILES, BYTES = 100, 8 * 2**20  # of one bundle
MANY = 10_000
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


def through_the_web(samples: Sequence[Sample]) -> list[Record]:
    """Through the pages' own address, a small import first so that everything is loaded."""
    records = []
    with server() as running:
        address = running.address()
        send(address, "warm", [Sample("warm.jpg", samples[0].data + b"warm")])
        for name, chosen in (("all", samples), ("many", multiplied(samples, MANY))):
            before = _cpu(running.process.pid)
            seconds = send(address, name, chosen)
            used = _cpu(running.process.pid) - before
            rate = len(chosen) / seconds
            most = len(chosen) / used * (os.cpu_count() or 1)
            note = f"{1000 * used / len(chosen):.2f} ms of processor time for each picture on the side of the server, "
            note += f"hence at most {most:,.0f} pictures/s if all processors did nothing else"
            title = f"through the web, {len(chosen):,} pictures, {LANES} requests of {FILES} files at once"
            records.append(Record(title, round(rate), "pictures/s", TARGET, rate >= TARGET, WEB, note))
            print(f"{title}: {rate:.0f} pictures/s, {note}", flush=True)
    return records


def _cpu(pid: int) -> float:
    """Processor time of the pages and their decoders; what a worker does meanwhile is not counted."""
    own = [one for one, words in family(pid).items() if " web " in words or "decoder_child" in words]
    return sum(cpu_seconds(one) for one in own)


def from_a_folder(folder: Path, count: int) -> Record:
    """The command, its start included."""
    with tempfile.TemporaryDirectory(prefix="miwake-imports-") as name:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.perf_counter()
        command(Path(name), "import", folder.name, str(folder), "--json")
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write ``benchmarks/results/imports.json``."""
    argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__).parse_args(arguments)
    folder = shared_data() / "cats_dogs"
    samples = pictures(folder)
    records = [*through_the_web(samples), from_a_folder(folder, len(samples)), floor(samples)]
    write("imports", records, machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())

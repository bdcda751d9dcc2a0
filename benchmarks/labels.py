"""10,000 labels by 16 clients at once over HTTP: how many a second, none lost, versions without a gap.

Each client reads versions as it goes, so two that want the same image meet; who is too late gets 409 with the other
label, takes the version from the answer and tries again, as the pages do.
"""

import json
import random
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa

from app.db.models import Image, LabelEvent
from app.db.session import Database
from app.storage import LocalStore
from benchmarks.processes import server
from benchmarks.records import Record, machine, write
from tests import factories

CLIENTS, LABELS, IMAGES = 16, 10_000, 500
PEER, TRIAL = 9.0, 257.0  # labels a second: Label Studio 1.23.2 with 8 clients, an earlier trial of ours with 16
COMMAND = "python -m benchmarks.labels"


class Client:
    """One person who labels images drawn at random."""

    def __init__(self, address: str, number: int, image_ids: list[int], class_ids: list[int]) -> None:
        self.address, self.number, self.image_ids, self.class_ids = address, number, image_ids, class_ids
        self.draw = random.Random(number)
        self.versions = dict.fromkeys(image_ids, 0)
        self.label_of: dict[int, int | None] = {}
        self.seconds: list[float] = []
        self.again = 0

    def work(self, count: int) -> None:
        """Give ``count`` labels that change something."""
        while len(self.seconds) < count:
            image_id = self.draw.choice(self.image_ids)
            begun = time.perf_counter()
            while True:
                class_id = self.draw.choice([one for one in self.class_ids if one != self.label_of.get(image_id)])
                if self._give(image_id, class_id):
                    break
                self.again += 1
            self.seconds.append(time.perf_counter() - begun)

    def _give(self, image_id: int, class_id: int) -> bool:
        """False when somebody else was here first, or gave the very same label."""
        change = {"image_id": image_id, "version": self.versions[image_id]}
        request_id = f"c{self.number}-{len(self.seconds)}-{self.again}"
        body = {"request_id": request_id, "source": "label", "class_id": class_id, "changes": [change]}
        status, said = self._post(body)
        seen = said["images"][0] if status == 200 else said["conflicts"][0]
        self.versions[image_id], self.label_of[image_id] = seen["version"], seen["class_id"]
        return status == 200 and said["count"] == 1

    def _post(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        origin = self.address.partition("/p/")[0]
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Origin": origin}
        request = urllib.request.Request(f"{self.address}/labels", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
            return error.code, json.load(error)


def checked(database: Database) -> tuple[int, int]:
    """Acknowledged labels that are not in the log, and images whose versions have a gap."""
    query = sa.select(LabelEvent.image_id, LabelEvent.version).order_by(LabelEvent.image_id, LabelEvent.version)
    with database.read() as session:
        versions: dict[int, list[int]] = {}
        for image_id, version in session.execute(query):
            versions.setdefault(image_id, []).append(version)
        newest = {image.id: image.label_version for image in session.scalars(sa.select(Image))}
    found = sum(map(len, versions.values()))
    gaps = [one for one, last in newest.items() if versions.get(one, []) != list(range(1, last + 1))]
    return LABELS // CLIENTS * CLIENTS - found, len(gaps)


def records(clients: list[Client], seconds: float, lost: int, gaps: int) -> list[Record]:
    """The figures."""
    times = sorted(1000 * one for client in clients for one in client.seconds)
    again = sum(client.again for client in clients)
    speed = len(times) / seconds
    note = f"{CLIENTS} clients over HTTP on {IMAGES} images, SQLite, each label durable; {again} had to try again"
    peers = f"Label Studio 1.23.2: {PEER:g} with 8 clients; a trial of ours: {TRIAL:g}"
    return [
        Record("labels", speed, "labels/s", TRIAL, speed >= TRIAL, COMMAND, f"{note}. {peers}"),
        Record("time of a label, p95", times[int(0.95 * len(times))], "ms", command=COMMAND, note="with all its tries"),
        Record("labels lost", lost, "", 0, lost == 0, COMMAND, f"of {len(times):,} acknowledged"),
        Record("images whose versions have a gap", gaps, "", 0, gaps == 0, COMMAND, f"of {IMAGES}"),
    ]


def main() -> int:
    """Measure and write ``benchmarks/results/labels.json``."""
    with server() as running:
        address = running.address()
        database = Database(running.settings.database)
        with database.write() as session:
            project = factories.make_project(session, "labels")
            store = LocalStore(running.settings.data_dir / "store")
            image_ids = [image.id for image in factories.add_images(session, store, project, IMAGES)]
            place, class_ids = f"{address}/p/{project.slug}", [item.id for item in project.classes]
        clients = [Client(place, number, image_ids, class_ids) for number in range(CLIENTS)]
        begun = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as threads:
            list(threads.map(lambda client: client.work(LABELS // CLIENTS), clients))
        seconds = time.perf_counter() - begun
        lost, gaps = checked(database)
        database.dispose()
    found = records(clients, seconds, lost, gaps)
    for record in found:
        print(f"{record.name}: {record.value:.4g} {record.unit} ({record.note})")
    write("labels", found, machine())
    return 1 if lost or gaps else 0


if __name__ == "__main__":
    sys.exit(main())

"""10,000 labels by 16 clients at once over HTTP: how many a second, none lost, versions without a gap.

People who label draw from a queue that gives an image to one of them only: in the main figure each client has images of
its own. In the second all want the same ones; who is too late gets 409 with the other label, takes the version from the
answer and tries again, as the pages do. ``--checkout FOLDER`` runs the server of another state of the program.
"""

import argparse
import http.client
import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from app.db.models import Image, LabelEvent
from app.db.session import Database
from app.storage import LocalStore
from benchmarks.processes import ROOT, Server, server
from benchmarks.records import Record, machine, write
from tests import factories

CLIENTS, LABELS, IMAGES = 16, 10_000, 500
FIGHTS = 2_000  # labels of the second figure
PEER, TRIAL = 9.0, 257.0  # labels a second: Label Studio 1.23.2 with 8 clients, an earlier trial of ours with 16
COMMAND = "python -m benchmarks.labels"


class Client:
    """One person who labels images drawn at random from those given."""

    def __init__(self, address: str, name: str, image_ids: list[int], class_ids: list[int]) -> None:
        self.address, self.name, self.image_ids, self.class_ids = address, name, image_ids, class_ids
        self.draw = random.Random(name)
        self.versions = dict.fromkeys(image_ids, 0)
        self.label_of: dict[int, int | None] = {}
        self.seconds: list[float] = []
        self.again = 0
        self.line = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)

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
        self.line.close()

    def _give(self, image_id: int, class_id: int) -> bool:
        """False when somebody else was here first, or gave the very same label."""
        change = {"image_id": image_id, "version": self.versions[image_id]}
        request_id = f"{self.name}-{len(self.seconds)}-{self.again}"
        body = {"request_id": request_id, "source": "label", "class_id": class_id, "changes": [change]}
        status, said = self._post(body)
        seen = said["images"][0] if status == 200 else said["conflicts"][0]
        self.versions[image_id], self.label_of[image_id] = seen["version"], seen["class_id"]
        return status == 200 and said["count"] == 1

    def _post(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Over a connection that stays open, as a browser's does."""
        place = urlsplit(self.address)
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Origin": f"http://{place.netloc}"}
        self.line.request("POST", f"{place.path}/labels", json.dumps(body), headers)
        answer = self.line.getresponse()
        said = json.loads(answer.read())
        if answer.status not in (200, 409):
            raise RuntimeError(f"{answer.status}: {said}")
        return answer.status, said


@dataclass(frozen=True)
class Round:
    """What the clients of one figure did, and what the log says of it."""

    clients: list[Client]
    seconds: float
    lost: int
    gaps: int

    @property
    def count(self) -> int:
        """Labels that were acknowledged."""
        return sum(len(client.seconds) for client in self.clients)

    @property
    def again(self) -> int:
        """How often somebody was too late."""
        return sum(client.again for client in self.clients)


def checked(database: Database, project_id: int, acknowledged: int) -> tuple[int, int]:
    """Acknowledged labels that are not in the log, and images whose versions have a gap."""
    mine = sa.select(Image.id).where(Image.project_id == project_id)
    query = sa.select(LabelEvent.image_id, LabelEvent.version).where(LabelEvent.image_id.in_(mine))
    with database.read() as session:
        versions: dict[int, list[int]] = {}
        for image_id, version in session.execute(query.order_by(LabelEvent.image_id, LabelEvent.version)):
            versions.setdefault(image_id, []).append(version)
        images = session.scalars(sa.select(Image).where(Image.project_id == project_id))
        newest = {image.id: image.label_version for image in images}
    found = sum(map(len, versions.values()))
    gaps = [one for one, last in newest.items() if versions.get(one, []) != list(range(1, last + 1))]
    return abs(acknowledged - found), len(gaps)


def run(running: Server, database: Database, name: str, labels: int, *, apart: bool) -> Round:
    """Have all clients label a new project; ``apart``: each has images of its own."""
    with database.write() as session:
        project = factories.make_project(session, name)
        store = LocalStore(running.settings.data_dir / "store")
        images = [image.id for image in factories.add_images(session, store, project, IMAGES)]
        place, class_ids = f"{running.address()}/p/{project.slug}", [item.id for item in project.classes]
    clients = [
        Client(place, f"c{number}", images[number::CLIENTS] if apart else images, class_ids)
        for number in range(CLIENTS)
    ]
    begun = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as threads:
        list(threads.map(lambda client: client.work(labels // CLIENTS), clients))
    seconds = time.perf_counter() - begun
    return Round(clients, seconds, *checked(database, project.id, labels // CLIENTS * CLIENTS))


def records(apart: Round, together: Round) -> list[Record]:
    """The figures."""
    times = sorted(1000 * one for client in apart.clients for one in client.seconds)
    speed, fight = apart.count / apart.seconds, together.count / together.seconds
    lost, gaps, count = apart.lost + together.lost, apart.gaps + together.gaps, apart.count + together.count
    note = f"{CLIENTS} clients over HTTP on {IMAGES} images, SQLite, each label durable"
    peers = f"Label Studio 1.23.2: {PEER:g} with 8 clients; a trial of ours: {TRIAL:g}"
    same = (
        f"all on the same images: {together.again:,} were too late and had to try again for {together.count:,} labels"
    )
    return [
        Record("labels", speed, "labels/s", TRIAL, speed >= TRIAL, COMMAND, f"{note}, each with its own. {peers}"),
        Record("time of a label, p95", times[int(0.95 * len(times))], "ms", command=COMMAND),
        Record("labels when all want the same images", fight, "labels/s", command=COMMAND, note=same),
        Record("labels lost", lost, "", 0, lost == 0, COMMAND, f"of {count:,} acknowledged"),
        Record("images whose versions have a gap", gaps, "", 0, gaps == 0, COMMAND, f"of {2 * IMAGES:,}"),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Measure and write ``benchmarks/results/labels.json``; of another checkout, only show."""
    parser = argparse.ArgumentParser(prog=COMMAND)
    parser.add_argument("--checkout", type=Path, help="another state of the program with the same tables")
    other = parser.parse_args(arguments).checkout
    with server(folder=other or ROOT) as running:
        running.address()
        database = Database(running.settings.database)
        apart = run(running, database, "apart", LABELS, apart=True)
        together = run(running, database, "together", FIGHTS, apart=False)
        database.dispose()
    found = records(apart, together)
    for record in found:
        print(f"{record.name}: {record.value:.4g} {record.unit} ({record.note})")
    if other is None:
        write("labels", found, machine())
    return 1 if any(one.lost or one.gaps for one in (apart, together)) else 0


if __name__ == "__main__":
    sys.exit(main())

"""How long the removal of a deleted project takes, and what it costs somebody who writes meanwhile.

``python -m benchmarks.deletion [images]``: SQLite, images that are half labelled, one file for all.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.config import Settings
from app.db.migrate import upgrade
from app.db.session import Database
from app.services import deletion, projects, removal
from app.storage import LocalStore
from benchmarks import big_project
from benchmarks.records import Record, machine, write

COMMAND = "python -m benchmarks.deletion"
COUNT = 100_000
PAUSE = 0.05  # seconds between two writes of somebody else


class Somebody(threading.Thread):
    """Makes project after project; ``waits``: seconds of each."""

    def __init__(self, database: Database) -> None:
        super().__init__(daemon=True)
        self._database = database
        self.over = threading.Event()
        self.waits: list[float] = []

    def run(self) -> None:
        while not self.over.wait(PAUSE):
            begun = time.perf_counter()
            with self._database.write() as session:
                projects.create(session, name=f"project {len(self.waits)}")
            self.waits.append(time.perf_counter() - begun)


def measure(folder: Path, count: int) -> list[Record]:
    """Hide a project of ``count`` images, remove it, and time both."""
    settings = Settings(data_dir=folder)
    database, store = Database(settings.database), LocalStore(folder / "store")
    upgrade(database)
    big = big_project.make(database, store, count)
    begun = time.perf_counter()
    with database.write() as session:
        deletion.request(session, big.project_id, folder)
    hidden = time.perf_counter() - begun
    somebody = Somebody(database)
    somebody.start()
    begun = time.perf_counter()
    assert removal.run(database, store, big.project_id, lambda _: None, lambda *_: True)
    gone = time.perf_counter() - begun
    somebody.over.set()
    somebody.join()
    database.dispose()
    note = f"{count:,} images, {len(somebody.waits)} writes of somebody else"
    waits = np.array(somebody.waits) * 1000
    return [
        Record("Hidden from everybody after", round(hidden * 1000), "ms", command=COMMAND, note=note),
        Record("Removed after", round(gone, 1), "s", command=COMMAND, note=note),
        Record("A write of somebody else, p95", round(float(np.percentile(waits, 95))), "ms", command=COMMAND),
        Record("A write of somebody else, longest", round(float(waits.max())), "ms", command=COMMAND),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the figures."""
    words = sys.argv[1:] if arguments is None else arguments
    with tempfile.TemporaryDirectory(prefix="miwake-deletion-") as name:
        found = measure(Path(name), int(words[0]) if words else COUNT)
    write("deletion", found, machine())
    for record in found:
        print(f"{record.name}: {record.value} {record.unit} {record.note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Pictures in a folder, in a bucket, and in a bucket through the cache; what moving an installation takes.

The S3 server is moto on this machine, written in Python: its time is most of the bucket's, so the figures compare ways
and say nothing of a real server.
"""

import contextlib
import dataclasses
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.commands import migrate_storage
from app.commands.migrate_storage import Wish
from app.config import Settings
from app.db.migrate import upgrade
from app.db.session import Database
from app.storage import LocalStore, Store
from app.storage.bucket import ObjectStore
from benchmarks.records import Record, machine, write
from tests import factories, servers

COUNT, SIZE = 1000, 20_000
IMAGES = 2000
THREADS = 8
COMMAND = "python -m benchmarks.storage"


def main() -> int:
    """Measure and write ``benchmarks/results/storage.json``."""
    records: list[Record] = []
    with tempfile.TemporaryDirectory() as name, servers.s3() as endpoint:
        folder = Path(name)
        settings = dataclasses.replace(servers.bucket(endpoint, "bench"), data_dir=folder / "data")
        contents = [os.urandom(SIZE) for _ in range(COUNT)]
        local, bucket = LocalStore(folder / "store"), ObjectStore(settings.store_address)
        records += _measured("folder", local, contents)
        records += _measured("bucket, empty cache", bucket, contents)
        records.append(_read("bucket, full cache", bucket, [bucket.put(content) for content in contents]))
        records.append(_move(settings, endpoint, folder / "moved"))
    for record in records:
        print(f"{record.name}: {record.value:.4g} {record.unit}")
    write("storage", records, machine())
    return 0


def _measured(name: str, store: Store, contents: list[bytes]) -> list[Record]:
    begun = time.perf_counter()
    with store.batch() as batch:
        digests = [batch.put(content) for content in contents]
    seconds = time.perf_counter() - begun
    note = f"{COUNT} files of {SIZE // 1000} kB in one batch, durable"
    put = Record(f"files written: {name}", COUNT / seconds, "files/s", command=COMMAND, note=note)
    return [put, _read(name, store, digests)]


def _read(name: str, store: Store, digests: list[str]) -> Record:
    with ThreadPoolExecutor(THREADS) as threads:
        seconds = _seconds(lambda: list(threads.map(store.get, digests)))
    note = f"{THREADS} threads, as a training reads its pictures"
    return Record(f"files read: {name}", len(digests) / seconds, "files/s", command=COMMAND, note=note)


def _move(settings: Settings, endpoint: str, folder: Path) -> Record:
    """SQLite and a folder to SQLite and a bucket: rows, blobs, and all blobs read back."""
    old = dataclasses.replace(settings, data_dir=folder, storage_url="")
    folder.mkdir()
    database, store = Database(old.database), LocalStore(folder / "store")
    upgrade(database)
    with database.write() as session:
        project = factories.make_project(session)
        factories.add_images(session, store, project, IMAGES)
    database.dispose()
    target = servers.bucket(endpoint, "moved").storage_url
    wish = Wish(f"sqlite:///{folder / 'new.sqlite3'}", target, verify=True, json=True)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        seconds = _seconds(lambda: migrate_storage.run(old, wish))
    note = f"{IMAGES} images, folder to bucket and SQLite to SQLite, every file read back and compared"
    return Record("migrate-storage --verify", IMAGES / seconds, "images/s", command=COMMAND, note=note)


def _seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())

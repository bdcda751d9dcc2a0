"""Features, neighbours, suggestions and the map, on real pictures and on 100,000 rows made of their features.

``python -m benchmarks.features [images]``: pictures are those of ``../shared/data``, without them the sample cells.
Times are those of one processor, with one thread for NumPy; only the network is measured by the clock.
"""

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from app.config import Settings, StoreAddress
from app.db.feature_models import ProjectArray
from app.db.migrate import upgrade
from app.db.models import Image
from app.db.session import Database
from app.domain import clusters, samples
from app.domain.recipe import Recipe
from app.services import feature_map, feature_space, features, map_points, neighbours, suggesting
from app.services import suggestions as said
from app.storage import LocalStore
from app.storage.arrays import Arrays, pack_one
from benchmarks.records import Record, machine, write
from tests.labelling.factories import class_ids, make_images, make_project

COMMAND = "python -m benchmarks.features"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
PICTURES, IMAGES, LABELS, CLASSES, ROUNDS = 1024, 100_000, 5000, 10, 40
CLASS_NAMES = [f"class {number}" for number in range(CLASSES)]


def pictures() -> list[bytes]:
    """Some real pictures."""
    files = sorted(path for path in SHARED.glob("*/train/*/*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not files:
        return [data for _, data in samples.files("cells")][:PICTURES]
    return [path.read_bytes() for path in files[:: max(len(files) // PICTURES, 1)][:PICTURES]]


def extracted(store: LocalStore, folder: Path) -> tuple[NDArray[np.float16], float]:
    """Features of the pictures, and how many a second, with reading and storing, without the start."""
    from worker import feature_jobs, featuring  # noqa: PLC0415 - TensorFlow
    from worker.orders import FeatureBlock, FeatureOrder, Message  # noqa: PLC0415 - as above

    digests = tuple(store.put(data) for data in pictures())
    heard: list[tuple[float, Message]] = []
    recipe = Recipe(image_size=160, batch_size=32).to_json()
    order = FeatureOrder(StoreAddress((folder / "store").as_uri()), recipe, digests)
    featuring.run(order, lambda message: heard.append((time.perf_counter(), message)))
    first, last = heard[0][0], heard[-1][0]
    blocks = [message.sha256 for _, message in heard if isinstance(message, FeatureBlock)]
    rows = np.concatenate([Arrays(store).one(one) for one in blocks])
    return rows, (len(rows) - feature_jobs.BATCH) / (last - first)


def many(real: NDArray[np.float16], count: int) -> NDArray[np.float16]:
    """Rows between real ones, with noise: as crowded as a large set of like pictures."""
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, len(real), (2, count))
    share = rng.uniform(0, 0.35, (count, 1)).astype(np.float32)
    rows = np.empty((count, real.shape[1]), dtype=np.float16)
    for start in range(0, count, 5000):
        part = slice(start, start + 5000)
        mixed = real[one[part]] * (1 - share[part]) + real[other[part]] * share[part]
        noise = rng.normal(1, 0.15, mixed.shape).astype(np.float32)
        rows[part] = np.maximum(mixed * noise, 0)
    return rows


def fill(database: Database, store: LocalStore, rows: NDArray[np.float16]) -> int:
    """A project of as many images as rows, with the features; returns its id."""
    with database.write() as session:
        project = make_project(session, "many", CLASS_NAMES)
        images = make_images(session, project, len(rows))
        hashes = [hashlib.sha256(str(one).encode()).hexdigest() for one in images]
        named = [{"key": one, "digest": digest} for one, digest in zip(images, hashes, strict=True)]
        change = sa.update(Image).where(Image.id == sa.bindparam("key")).values(canonical_sha256=sa.bindparam("digest"))
        session.connection().execute(change, named)
        for start in range(0, len(rows), 512):
            features.add_block(session, hashes[start : start + 512], store.put(pack_one(rows[start : start + 512])))
        kinds, _centres = clusters.group(rows[:, ::8].astype(np.float32), CLASSES)
        drawn = np.random.default_rng(1).choice(len(rows), min(LABELS, len(rows) // 2), replace=False)
        classes = class_ids(session, project)
        given = [{"key": images[place], "label": classes[kinds[place]]} for place in drawn.tolist()]
        label = sa.update(Image).where(Image.id == sa.bindparam("key")).values(class_id=sa.bindparam("label"))
        session.connection().execute(label, given)
        return project.id


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the processor, and result. With one thread these are those of the clock on a quiet machine."""
    started = time.process_time()
    result = call()
    return time.process_time() - started, result


def measure(database: Database, store: LocalStore, project_id: int, images: int) -> list[Record]:
    """Everything but the network."""
    arrays = Arrays(store)

    def record(name: str, value: float, unit: str, target: float | None = None, note: str = "") -> Record:
        met = None if target is None else value <= target
        return Record(f"{images:,} images: {name}", round(value, 3), f"{unit} of one core", target, met, COMMAND, note)

    def keep(kind: str, made: dict[str, Any]) -> None:
        sha256 = store.put(feature_space.packed(made, project_id))
        with database.write() as session:
            feature_space.keep(session, store, project_id, kind, sha256=sha256, count=images, info={})

    with database.read() as session:
        rows = features.places(session, project_id)
    seconds, made = timed(lambda: feature_space.build(rows, arrays))
    keep(features.SPACE, made)
    found = [record("few numbers of all features, in the worker", seconds, "s")]
    found += _asked(database, arrays, project_id, rows, record)
    found += _suggested(database, store, arrays, project_id, record)
    space = feature_space.read(made)
    seconds, plane = timed(lambda: feature_map.compute(space, lambda _done, _total: True))
    found.append(record("layout of the map, in the worker", seconds, "s", 120))
    keep(features.MAP, plane)
    with database.read() as session:
        seconds, points = timed(lambda: map_points.load(session, arrays, project_id, None))
    megabytes = len(points.packed([1])) / 1e6
    found.append(record("points of the map for the browser", 1000 * seconds, "ms", note=f"{megabytes:.1f} MB"))
    return found


def _suggested(
    database: Database, store: LocalStore, arrays: Arrays, project_id: int, record: Callable[..., Record]
) -> list[Record]:
    """The head before any run: fitted, kept, and asked."""
    seconds, _ = timed(lambda: suggesting.refresh(database, store, arrays, project_id))
    with database.read() as session:
        info = session.get_one(ProjectArray, (project_id, features.HEAD)).info
        asked, _ = timed(lambda: said.uncertain(session, arrays, project_id, 50))
    note = f"{info['right']} of {info['total']} right in cross-validation"
    return [
        record("head on 5,000 labels, fitted 6 times, with reading and storing", seconds, "s", 1, note),
        record("the 50 least certain", 1000 * asked, "ms", 100),
    ]


def _asked(
    database: Database,
    arrays: Arrays,
    project_id: int,
    rows: Sequence[tuple[int, str, int]],
    record: Callable[..., Record],
) -> list[Record]:
    """Neighbours of single pictures and of a selection, through the service the page calls."""
    ids = [row[0] for row in rows]
    times = []
    with database.read() as session:
        cold, _ = timed(lambda: neighbours.nearest(session, arrays, project_id, ids[:1]))
        for number in range(ROUNDS):
            one = ids[number * 997 % len(ids)]
            times.append(timed(lambda one=one: neighbours.nearest(session, arrays, project_id, [one]))[0])  # type: ignore[misc]
        several, _ = timed(lambda: neighbours.nearest(session, arrays, project_id, ids[:20]))
    return [
        record("200 exact neighbours of a picture, p95", 1000 * float(np.percentile(times, 95)), "ms", 300),
        record("200 exact neighbours of a picture, median", 1000 * float(np.median(times)), "ms"),
        record("the first question after a start", 1000 * cold, "ms"),
        record("200 exact neighbours of a selection of 20", 1000 * several, "ms"),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the figures."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    images = int(given[0]) if given else IMAGES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(data_dir=folder)
        database, store = Database(settings.database), LocalStore(folder / "store")
        upgrade(database)
        real, speed = extracted(store, folder)
        note = "read, resized, computed in float32 and stored as float16; EfficientNet-Lite0 at 160 pixels"
        records = [Record("features: pictures a second", round(speed, 1), "1/s", command=COMMAND, note=note)]
        project_id = fill(database, store, many(real, images))
        records += measure(database, store, project_id, images)
        database.dispose()
    write("features", records, machine())
    for record in records:
        print(f"{record.name}: {record.value} {record.unit} {record.note}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

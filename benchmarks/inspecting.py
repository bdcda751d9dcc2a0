"""Server time of the pages of one run with many answers: ``python -m benchmarks.inspecting``.

A project of rows alone: images without files, a finished run with a validation answer for each, and one of two models
that answered a third of them as a test set, which makes as many answers. First looks are
those of a process that has seen nothing of the run: from the rows, and from the file of arrays that the worker leaves.
Times are those of one processor, so that a busy machine does not count.
"""

import gc
import io
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from PIL import Image as Picture
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.commands.common import keep_loaded
from app.config import Settings
from app.db.health_models import ImageFact
from app.db.models import Image
from app.db.run_models import Explanation, Job, Prediction, Run, RunClass, RunFold, RunItem
from app.db.session import Database
from app.domain.enums import JobKind, JobState, Lane, RunKind, Split
from app.domain.picture_facts import METHOD
from app.domain.recipe import Recipe
from app.main import create_app
from app.services import feature_space, packing, packs, run_map
from app.storage import Store, open_store
from benchmarks.records import Record, machine, write
from tests.labelling.factories import class_ids, make_images, make_project

COMMAND = "python -m benchmarks inspecting"
SIZES = ((20_000, 100, 100.0), (200_000, 3, 300.0), (200_000, 100, 300.0))
RUN = "/p/many/runs/1"
PAGES = {
    "run": RUN,
    "review": f"{RUN}/review?on=validation",
    "classes": f"{RUN}/classes?on=validation",
    "sureness": f"{RUN}/sureness?on=validation",
    "labels": f"{RUN}/labels",
    "weak groups": f"{RUN}/weak?on=validation",
    "padding": f"{RUN}/borders?on=validation",
    "report": f"{RUN}/report",
    "folds": "/p/many/runs/2/folds",
    "map": "/p/many/map?run=1&place=run",
    "points of the map": "/p/many/map/points?run=1&place=run",
}
LOOKED = 2000  # heat maps
ROUNDS = 3
ORIGIN = "http://127.0.0.1:8124"
Ints = NDArray[np.int64]


def fill(session: Session, store: Store, images: int, classes: int) -> None:
    """A project "many" with two finished runs of two folds."""
    project = make_project(session, "many", [f"class {number}" for number in range(classes)])
    ids, of_class = make_images(session, project, images), class_ids(session, project)
    labels = np.random.default_rng(0).integers(0, classes, len(ids))
    give_labels(session, ids, [of_class[label] for label in labels.tolist()])
    measure(session, ids)
    judged = make_run(session, project.id, 1, of_class)
    items = add_items(session, judged, ids, labels, Split.TRAIN)
    answer(session, judged, items, labels, "validation", [place % 2 for place in range(len(items))], classes)
    look(session, store, judged, items[:LOOKED])
    lay_out(session, store, judged, ids)
    test = ids[::3]
    tested = make_run(session, project.id, 2, of_class)
    items = add_items(session, tested, test, labels[::3], Split.TEST)
    for role, fold in (("test", -1), ("test_fold", 0), ("test_fold", 1)):
        answer(session, tested, items, labels[::3], role, [fold] * len(items), classes)


def give_labels(session: Session, ids: list[int], classes: list[int]) -> None:
    """The labels that the runs saw are those of today."""
    rows = [{"id": image, "class_id": one} for image, one in zip(ids, classes, strict=True)]
    session.execute(sa.update(Image), rows)


def make_run(session: Session, project_id: int, number: int, classes: list[int]) -> Run:
    """A finished run of two folds without images."""
    job = Job(project_id=project_id, kind=JobKind.TRAIN, lane=Lane.GPU, spec={}, state=JobState.DONE, attempt=1)
    session.add(job)
    session.flush()
    run = Run(
        project_id=project_id, number=number, kind=RunKind.KFOLD, recipe=Recipe(folds=2, resize_mode="pad").to_json(),
        job_id=job.id, actor="benchmark", environment={"conv_layers": ["conv2"]},
    )  # fmt: skip
    session.add(run)
    session.flush()
    session.add_all(
        RunClass(run_id=run.id, position=at, class_id=one, name=f"class {at}", color="#0072b2")
        for at, one in enumerate(classes)
    )
    session.add_all(
        RunFold(run_id=run.id, fold=fold, train_count=1, validation_count=1, weights_sha256="a" * 64)
        for fold in range(2)
    )
    session.flush()
    return run


def measure(session: Session, ids: list[int]) -> None:
    """What the health page measures of each picture."""
    rng = np.random.default_rng(1)
    names = ("brightness", "contrast", "sharpness", "entropy", "colourfulness", "border_brightness", "border_contrast")
    values = rng.random((len(ids), len(names)))
    rows = [
        {"image_id": image, "method": METHOD, "pixels_sha256": f"{image:064x}", "sketch": b""}
        | dict(zip(names, row, strict=True))
        for image, row in zip(ids, values.tolist(), strict=True)
    ]
    session.execute(sa.insert(ImageFact), rows)


def add_items(session: Session, run: Run, ids: list[int], labels: Ints, split: Split) -> list[int]:
    """The images of a run; the ids of its items."""
    versions = {row.id: row.label_version for row in session.execute(sa.select(Image.id, Image.label_version))}
    items = [
        {"run_id": run.id, "image_id": image, "canonical_sha256": "a" * 64, "label": int(label), "split": split,
         "label_version": versions[image], "fold": None if split is Split.TEST else place % 2}
        for place, (image, label) in enumerate(zip(ids, labels, strict=True))
    ]  # fmt: skip
    session.execute(sa.insert(RunItem), items)
    return list(session.scalars(sa.select(RunItem.id).where(RunItem.run_id == run.id).order_by(RunItem.id)))


def answer(
    session: Session, run: Run, items: list[int], labels: Ints, role: str, folds: list[int], classes: int
) -> None:
    """Nine of ten answers are right."""
    rng = np.random.default_rng(abs(folds[0]))
    said = np.where(rng.random(len(items)) < 0.9, labels, rng.integers(0, classes, len(items)))
    rows = rng.dirichlet(np.full(classes, 0.3), len(items)).astype("<f4") * np.float32(0.4)
    rows[np.arange(len(items)), said] += np.float32(0.6)
    session.execute(
        sa.insert(Prediction),
        [
            {"run_id": run.id, "item_id": item, "fold": folds[place], "role": role, "predicted": int(said[place]),
             "confidence": float(rows[place, said[place]]), "probabilities": rows[place].tobytes()}
            for place, item in enumerate(items)
        ],
    )  # fmt: skip


def look(session: Session, store: Store, run: Run, items: list[int]) -> None:
    """Heat maps of some answers: the same picture for all."""
    out = io.BytesIO()
    Picture.fromarray(np.random.default_rng(2).integers(0, 256, (25, 25), dtype=np.uint8)).save(out, "PNG")
    digest = store.put(out.getvalue())
    said = {item: (fold, said) for item, fold, said in session.execute(
        sa.select(Prediction.item_id, Prediction.fold, Prediction.predicted).where(Prediction.run_id == run.id)
    )}  # fmt: skip
    session.execute(
        sa.insert(Explanation),
        [
            {"run_id": run.id, "item_id": item, "fold": said[item][0], "layer": "conv2", "sha256": digest,
             "class_position": said[item][1], "peak": 1.0}
            for item in items
        ],
    )  # fmt: skip


def lay_out(session: Session, store: Store, run: Run, ids: list[int]) -> None:
    """The map that the network of the run makes."""
    some = np.array(ids[: run_map.MOST], np.int64)
    places = np.random.default_rng(3).integers(0, 65536, (len(some), 2)).astype(np.uint16)
    data = feature_space.packed({"ids": some, "places": places, "groups": some % 24}, run.project_id)
    state = packs.State(0, 0, 0, 1)
    packs.keep_map(session, run, packs.Made(packs.MAP, packs.ALL, state, store.put(data), len(data)))


def packed(settings: Settings) -> float:
    """Leave the file of arrays as the worker does; the seconds it takes."""
    database, store = Database(settings.database), open_store(settings.store_address)
    started = time.process_time()
    with database.write() as session:
        for run in session.scalars(sa.select(Run)).all():
            packs.keep(session, run, packing.make(session, store, run))
    database.dispose()
    return time.process_time() - started


def looks(settings: Settings, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each page: the first look of a new process, then ``rounds`` more."""
    found = {}
    for page, address in PAGES.items():
        app = create_app(settings)
        english = app.state.templates.environments["en"]
        for name in english.list_templates():  # a page is compiled once in the life of a server
            english.get_template(name)
        with TestClient(app, base_url=ORIGIN) as client:
            client.get("/p/many/classes").raise_for_status()
            gc.unfreeze()  # what the application of the page before has left is not this page's work
            keep_loaded()  # as the web process does
            times = []
            for _ in range(rounds + 1):
                started = time.process_time()
                client.get(address).raise_for_status()
                times.append(1000 * (time.process_time() - started))
            found[page] = times
    return found


def timed(folder: Path, images: int, classes: int, most: float) -> list[Record]:
    """First and later looks at each page, in milliseconds of the server."""
    settings = Settings(data_dir=folder)
    with TestClient(create_app(settings), base_url=ORIGIN):
        database = Database(settings.database)
        with database.write() as session:
            fill(session, open_store(settings.store_address), images, classes)
        database.dispose()
    before = looks(settings, 0)
    seconds = packed(settings)
    print(f"{images:,} answers, {classes} classes: packed in {seconds:.1f} s", flush=True)
    records = []
    for page, times in looks(settings, ROUNDS).items():
        first, later = times[0], float(np.median(times[1:]))
        name = f"{images:,} answers, {classes} classes: {page}, first look"
        note = f"{before[page][0]:.0f} ms from the rows; next look {later:.0f} ms; page and data"
        records.append(Record(name, round(first, 1), "ms of one core", most, first <= most, COMMAND, note))
        print(f"{name}: {first:.0f} ms, {note}", flush=True)
    return records


def main() -> int:
    """Measure all sizes."""
    records = []
    for images, classes, most in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            records += timed(Path(folder), images, classes, most)
    write("inspecting", records, machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())

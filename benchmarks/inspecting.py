"""Server time of the pages of one run with many answers: ``python -m benchmarks.inspecting``.

A project of rows alone: images without files, one finished run with a validation answer for each. First looks are
those of a process that has seen nothing of the run: from the rows, and from the file of arrays that the worker leaves.
Times are those of one processor, so that a busy machine does not count.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.config import Settings
from app.db.models import Image
from app.db.run_models import Job, Prediction, Run, RunClass, RunFold, RunItem
from app.db.session import Database
from app.domain.enums import JobKind, JobState, Lane, RunKind
from app.domain.recipe import Recipe
from app.main import create_app
from app.services import packing, packs
from app.storage import open_store
from benchmarks.records import Record, machine, write
from tests.labelling.factories import class_ids, make_images, make_project

COMMAND = "python -m benchmarks inspecting"
SIZES = ((20_000, 100, 100.0), (200_000, 3, 300.0), (200_000, 100, 300.0))
PAGES = ("", "/review", "/classes", "/sureness", "/labels")
ROUNDS = 3
ORIGIN = "http://127.0.0.1:8124"


def fill(session: Session, images: int, classes: int) -> None:
    """A project "many" with one finished run of two folds."""
    project = make_project(session, "many", [f"class {number}" for number in range(classes)])
    ids, of_class = make_images(session, project, images), class_ids(session, project)
    job = Job(project_id=project.id, kind=JobKind.TRAIN, lane=Lane.GPU, spec={}, state=JobState.DONE, attempt=1)
    session.add(job)
    session.flush()
    run = Run(
        project_id=project.id, number=1, kind=RunKind.KFOLD, recipe=Recipe(folds=2).to_json(), job_id=job.id,
        actor="benchmark",
    )  # fmt: skip
    session.add(run)
    session.flush()
    session.add_all(
        RunClass(run_id=run.id, position=at, class_id=one, name=f"class {at}", color="#0072b2")
        for at, one in enumerate(of_class)
    )
    session.add_all(RunFold(run_id=run.id, fold=fold, train_count=1, validation_count=1) for fold in range(2))
    session.flush()
    answer(session, run, ids, classes)


def answer(session: Session, run: Run, ids: list[int], classes: int) -> None:
    """Nine of ten answers are right."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, len(ids))
    versions = {row.id: row.label_version for row in session.execute(sa.select(Image.id, Image.label_version))}
    items = [
        {"run_id": run.id, "image_id": image, "canonical_sha256": "a" * 64, "label": int(label), "split": "train",
         "label_version": versions[image], "fold": place % 2}
        for place, (image, label) in enumerate(zip(ids, labels, strict=True))
    ]  # fmt: skip
    session.execute(sa.insert(RunItem), items)
    item_ids = session.scalars(sa.select(RunItem.id).order_by(RunItem.id)).all()
    said = np.where(rng.random(len(ids)) < 0.9, labels, rng.integers(0, classes, len(ids)))
    rows = rng.dirichlet(np.full(classes, 0.3), len(ids)).astype("<f4") * np.float32(0.4)
    rows[np.arange(len(ids)), said] += np.float32(0.6)
    session.execute(
        sa.insert(Prediction),
        [
            {"run_id": run.id, "item_id": item, "fold": place % 2, "role": "validation", "predicted": int(said[place]),
             "confidence": float(rows[place, said[place]]), "probabilities": rows[place].tobytes()}
            for place, item in enumerate(item_ids)
        ],
    )  # fmt: skip


def packed(settings: Settings) -> float:
    """Leave the file of arrays as the worker does; the seconds it takes."""
    database, store = Database(settings.database), open_store(settings.store_address)
    started = time.process_time()
    with database.write() as session:
        run = session.scalars(sa.select(Run)).one()
        packs.keep(session, run, packing.make(session, store, run))
    database.dispose()
    return time.process_time() - started


def looks(settings: Settings, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each page: the first look of a new process, then ``rounds`` more."""
    found = {}
    for page in PAGES:
        app = create_app(settings)
        english = app.state.templates.environments["en"]
        for name in english.list_templates():  # a page is compiled once in the life of a server
            english.get_template(name)
        with TestClient(app, base_url=ORIGIN) as client:
            client.get("/p/many/classes").raise_for_status()
            times = []
            for _ in range(rounds + 1):
                started = time.process_time()
                client.get(f"/p/many/runs/1{page}?on=validation").raise_for_status()
                times.append(1000 * (time.process_time() - started))
            found[page] = times
    return found


def measure(folder: Path, images: int, classes: int, most: float) -> list[Record]:
    """First and later looks at each page, in milliseconds of the server."""
    settings = Settings(data_dir=folder)
    with TestClient(create_app(settings), base_url=ORIGIN):
        database = Database(settings.database)
        with database.write() as session:
            fill(session, images, classes)
        database.dispose()
    before = looks(settings, 0)
    seconds = packed(settings)
    print(f"{images:,} answers, {classes} classes: packed in {seconds:.1f} s", flush=True)
    records = []
    for page, times in looks(settings, ROUNDS).items():
        first, later = times[0], float(np.median(times[1:]))
        name = f"{images:,} answers, {classes} classes: {page.strip('/') or 'run'}, first look"
        note = f"{before[page][0]:.0f} ms from the rows; next look {later:.0f} ms; page and data"
        records.append(Record(name, round(first, 1), "ms of one core", most, first <= most, COMMAND, note))
        print(f"{name}: {first:.0f} ms, {note}", flush=True)
    return records


def main() -> int:
    """Measure all sizes."""
    records = []
    for images, classes, most in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            records += measure(Path(folder), images, classes, most)
    write("inspecting", records, machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Server time of the data of the compare page: ``python -m benchmarks.compare [--quick]``.

Two runs with answers to the same pictures and 100 classes are written into a new database. "First look" is that of a
process which has seen nothing of the runs: from the files of arrays that the worker leaves, and from the rows, as long
as there are none. Every later look, click and key is "next".
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from app.db.migrate import upgrade
from app.db.models import Image, LabelClass, Project
from app.db.run_models import Job, Prediction, Run, RunClass, RunFold, RunItem
from app.db.session import Database
from app.domain.enums import JobKind, JobState, Lane, PredictionRole, RunKind, Split
from app.domain.presets import PRESETS
from app.services import answers, packing, packs, runs
from app.storage import LocalStore
from app.web import compare_page
from app.web.compare_query import CompareQuery
from benchmarks.records import Record, machine, write

COMMAND = "python -m benchmarks.compare"
CLASSES = 100
RIGHT = 0.85  # share of right answers of each run
SIZES = {20_000: 0.1, 200_000: 0.3}  # answers of both runs together -> seconds allowed


def fill(database: Database, pictures: int, classes: int = CLASSES) -> None:
    """Project 1 with ``pictures`` test pictures and the finished runs 1 and 2."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, classes, pictures)
    with database.write() as session:
        project = Project(slug="compared", name="compared", description="", next_run_number=3)
        session.add(project)
        session.flush()
        named = [_label_class(project.id, place) for place in range(classes)]
        session.add_all(named)
        session.flush()
        rows = [_image(project.id, number, named[place].id) for number, place in enumerate(truth.tolist())]
        session.execute(sa.insert(Image), rows)
        images = list(session.scalars(sa.select(Image.id).order_by(Image.id)))
        for number in (1, 2):
            run = _run(session, project.id, number, named)
            said = np.where(rng.random(pictures) < RIGHT, truth, rng.integers(0, classes, pictures))
            _answers(session, run.id, images, truth, said, rng)


def _label_class(project_id: int, place: int) -> LabelClass:
    name = f"class {place}"
    return LabelClass(project_id=project_id, name=name, name_key=name, color="#0072b2", key="", position=place)


def _image(project_id: int, number: int, class_id: int) -> dict[str, object]:
    digest = f"{number:064x}"
    return {
        "project_id": project_id, "sha256": digest, "canonical_sha256": digest, "thumbnail_sha256": digest,
        "name": f"{number}.png", "path": f"{number}.png", "width": 100, "height": 100, "file_format": "PNG",
        "file_bytes": 1, "conversion": {}, "class_id": class_id, "label_version": 1, "split": Split.TEST,
    }  # fmt: skip


def _run(session: Session, project_id: int, number: int, named: Sequence[LabelClass]) -> Run:
    job = Job(project_id=project_id, kind=JobKind.TRAIN, lane=Lane.GPU, spec={}, state=JobState.DONE, attempt=1)
    session.add(job)
    session.flush()
    recipe = PRESETS["wbc"].recipe.to_json() | {"folds": 0, "seed": number}
    run = Run(project_id=project_id, number=number, kind=RunKind.HOLDOUT, recipe=recipe, job_id=job.id, actor="")
    session.add(run)
    session.flush()
    session.add(RunFold(run_id=run.id, fold=0, train_count=1, validation_count=0))
    session.add_all(
        RunClass(run_id=run.id, position=place, class_id=item.id, name=item.name, color=item.color)
        for place, item in enumerate(named)
    )
    session.flush()
    return run


def _answers(
    session: Session,
    run_id: int,
    images: Sequence[int],
    truth: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    said: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    rng: np.random.Generator,
) -> None:
    items = [
        {"run_id": run_id, "image_id": image, "canonical_sha256": "0" * 64, "label": label, "label_version": 1,
         "split": Split.TEST}
        for image, label in zip(images, truth.tolist(), strict=True)
    ]  # fmt: skip
    session.execute(sa.insert(RunItem), items)
    ids = session.scalars(sa.select(RunItem.id).where(RunItem.run_id == run_id).order_by(RunItem.id))
    rows = []
    for item_id, predicted in zip(ids, said.tolist(), strict=True):
        values = rng.random(CLASSES).astype("<f4") / 1000
        values[predicted] = 0.5 + 0.4 * rng.random()
        rows.append(
            {"run_id": run_id, "item_id": item_id, "fold": 0, "role": PredictionRole.TEST, "predicted": predicted,
             "confidence": float(values[predicted]), "probabilities": values.tobytes()}
        )  # fmt: skip
    session.execute(sa.insert(Prediction), rows)


def look(database: Database, kept: answers.Kept, query: CompareQuery) -> float:
    """Seconds of one processor that the data of one page take: a busy machine does not count."""
    with database.read() as session:
        begin = time.process_time()
        project = session.get_one(Project, 1, options=[selectinload(Project.classes)])
        found = [runs.by_number(session, 1, number) for number in (1, 2)]
        compare_page.build(session, kept, project, found, query, [PredictionRole.TEST], "en")
        return time.process_time() - begin


def measure(pictures: int, folder: Path) -> Iterator[tuple[str, Callable[[], float]]]:
    """What is timed on a database with this many pictures: the name and what gives the seconds."""
    database = Database(f"sqlite:///{folder / f'{pictures}.sqlite3'}")
    upgrade(database)
    fill(database, pictures)
    store = LocalStore(folder / f"store{pictures}")
    yield "first look, nothing packed", lambda: look(database, answers.Kept(), CompareQuery())
    with database.write() as session:
        for number in (1, 2):
            run = runs.by_number(session, 1, number)
            packs.keep(session, run, packing.make(session, store, run))
    kept = answers.Kept(store)
    yield "first look", lambda: look(database, answers.Kept(store), CompareQuery())
    yield "next look", lambda: look(database, kept, CompareQuery())
    yield "pictures of a class", lambda: look(database, kept, CompareQuery(show="all", truth=7))
    database.dispose()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the figures; 1 when one takes longer than allowed."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the smaller size only, nothing written")
    quick = parser.parse_args(arguments).quick
    records = []
    with tempfile.TemporaryDirectory() as folder:
        for answers_total, allowed in list(SIZES.items())[: 1 if quick else None]:
            for name, timed in measure(answers_total // 2, Path(folder)):
                seconds = sorted(timed() for _ in range(5))[2]
                target = None if "nothing" in name else allowed * 1000
                label = f"{name}, {answers_total:,} answers of two runs, {CLASSES} classes"
                met = None if target is None else seconds * 1000 <= target
                records.append(
                    Record(label, round(seconds * 1000), "ms of one core", target, met, COMMAND, "median of 5")
                )
                print(f"{label}: {seconds * 1000:.0f} ms", flush=True)
    if not quick:
        write("compare", records, machine())
    return 1 if any(record.met is False for record in records) else 0


if __name__ == "__main__":
    sys.exit(main())

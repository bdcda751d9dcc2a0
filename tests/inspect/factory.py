"""Finished and running trainings as the worker leaves them, without training: plausible rows and pictures."""

import io
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import sqlalchemy as sa
from PIL import Image as Picture
from PIL import ImageDraw
from sqlalchemy.orm import Session

from app.db.models import Image, LabelClass, Project
from app.db.run_models import EpochMetric, Explanation, Job, Prediction, Run, RunClass, RunFold, RunItem
from app.domain.enums import JobKind, JobState, Lane, PredictionRole, RunKind, Split
from app.domain.presets import PRESETS
from app.domain.recipe import Recipe
from app.storage import Store

NAMES = ("好中球", "好酸球", "単球")
COLORS = ("#0072b2", "#e69f00", "#009e73")
LAYER = "conv_2"


@dataclass(frozen=True)
class Made:
    """What ``project`` made."""

    project: Project
    classes: list[LabelClass]
    train: list[Image]
    test: list[Image]


def drawing(label: int, seed: int, side: int = 100) -> bytes:
    """A PNG that looks like a stained cell: one, two or many dark lobes."""
    rng = np.random.default_rng(seed * 7 + label)
    base = rng.normal((232, 205, 214), 5, (side, side, 3)).clip(0, 255).astype(np.uint8)
    picture = Picture.fromarray(base)
    draw = ImageDraw.Draw(picture)
    x, y = rng.uniform(40, 60, 2)
    body = ((214, 180, 200), (226, 150, 140), (190, 180, 215))[label]
    draw.ellipse((x - 34, y - 34, x + 34, y + 34), fill=body)
    for turn in range((4, 2, 1)[label]):
        angle = turn * 1.7 + rng.uniform(0, 6)
        reach, size = (16, 12) if label < 2 else (5, 22)
        u, v = x + reach * np.cos(angle), y + reach * np.sin(angle)
        draw.ellipse((u - size, v - size, u + size, v + size), fill=(104, 58, 140))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def project(session: Session, store: Store, *, train: int = 10, test: int = 4, slug: str = "blood") -> Made:
    """A project of three classes with ``train`` + ``test`` labelled pictures of each."""
    made = Project(slug=slug, name="血液細胞", description="")
    session.add(made)
    session.flush()
    classes = [
        LabelClass(project_id=made.id, name=name, name_key=name, color=color, key=str(place + 1), position=place)
        for place, (name, color) in enumerate(zip(NAMES, COLORS, strict=True))
    ]
    session.add_all(classes)
    session.flush()
    images: dict[str, list[Image]] = {Split.TRAIN: [], Split.TEST: []}
    for split, count in ((Split.TRAIN, train), (Split.TEST, test)):
        for number in range(count * len(classes)):
            place = number % len(classes)
            image = _image(store, made, classes[place], place, f"{split}-{number:03}")
            image.split = split if split is Split.TEST else None
            images[split].append(image)
    session.add_all([*images[Split.TRAIN], *images[Split.TEST]])
    session.flush()
    return Made(made, classes, images[Split.TRAIN], images[Split.TEST])


def _image(store: Store, made: Project, label: LabelClass, place: int, name: str) -> Image:
    data = drawing(place, sum(map(ord, made.slug + name)) * 31)
    digest = store.put(data)
    return Image(
        project_id=made.id,
        sha256=f"{sum(map(ord, name)):08x}{name.encode().hex():0>56}"[:64],
        canonical_sha256=digest,
        thumbnail_sha256=digest,
        name=f"血液_{name}.png",
        path=f"血液_{name}.png",
        width=100,
        height=100,
        file_format="PNG",
        file_bytes=len(data),
        class_id=label.id,
        label_version=1,
        split=None,
    )


def run(
    session: Session,
    store: Store,
    made: Made,
    *,
    folds: int = 5,
    recipe: Recipe | None = None,
    state: JobState = JobState.DONE,
    epochs: int = 18,
    share_right: float = 0.8,
) -> Run:
    """A run with frozen rows; with the state DONE also with predictions and heat maps of its mistakes."""
    recipe = replace(recipe or PRESETS["wbc"].recipe, folds=folds)
    job = Job(project_id=made.project.id, kind=JobKind.TRAIN, lane=Lane.GPU, spec={}, state=state, attempt=1)
    session.add(job)
    session.flush()
    owner = session.get_one(Project, made.project.id)
    number = owner.next_run_number
    owner.next_run_number = number + 1
    row = Run(
        project_id=made.project.id, number=number, name="", recipe=recipe.to_json(), job_id=job.id,
        kind=RunKind.KFOLD if folds else RunKind.HOLDOUT, label_watermark=len(made.train), actor="test",
        environment={"keras": "3.15.1", "conv_layers": ["conv_1", LAYER]},
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
    )  # fmt: skip
    session.add(row)
    session.flush()
    _fill(session, store, made, row, folds, epochs, share_right)
    session.flush()
    session.refresh(row, ["job", "classes", "folds"])
    return row


def _fill(session: Session, store: Store, made: Made, row: Run, folds: int, epochs: int, share_right: float) -> None:
    job = session.get_one(Job, row.job_id)
    session.add_all(
        RunClass(run_id=row.id, position=place, class_id=item.id, name=item.name, color=item.color)
        for place, item in enumerate(made.classes)
    )
    items = _items(session, row, made, folds)
    if job.state == JobState.DONE:
        row.seconds = 41.5
        job.finished_at = job.started_at = datetime(2026, 11, 21, 12, tzinfo=UTC)
        _results(session, store, row, items, folds, share_right)
    add_folds(session, row, items, folds, finished=job.state == JobState.DONE, epochs=epochs)
    if job.state == JobState.DONE:
        for fold in range(max(folds, 1)):
            for epoch in range(1, epochs + 1):
                add_epoch(session, row, fold, epoch)


def _items(session: Session, row: Run, made: Made, folds: int) -> list[RunItem]:
    position = {item.id: place for place, item in enumerate(made.classes)}
    items = []
    for number, image in enumerate([*made.train, *made.test]):
        test = image.split == Split.TEST
        held_out = not folds and number % 5 == 0
        split = Split.TEST if test else Split.VALIDATION if held_out else Split.TRAIN
        fold = None if test or not folds else (number // 3) % folds
        items.append(
            RunItem(run_id=row.id, image_id=image.id, canonical_sha256=image.canonical_sha256, split=split, fold=fold,
                    label=position[image.class_id or 0], label_version=image.label_version)
        )  # fmt: skip
    session.add_all(items)
    session.flush()
    return items


def add_folds(session: Session, row: Run, items: list[RunItem], folds: int, *, finished: bool, epochs: int) -> None:
    """The models of the run, trained or not."""
    for fold in range(max(folds, 1)):
        mine = [item for item in items if item.split != Split.TEST]
        validation = [item for item in mine if (item.fold == fold if folds else item.split == Split.VALIDATION)]
        values = {
            "loss": 0.16 + fold / 100,
            "accuracy": 0.95,
            "val_loss": 0.23 + fold / 50,
            "val_accuracy": 0.9 - fold / 40,
        }
        session.add(
            RunFold(run_id=row.id, fold=fold, train_count=len(mine) - len(validation), validation_count=len(validation),
                    best_epoch=epochs - 10 if finished else None, stop_reason="early" if finished else "",
                    metrics=values if finished else {}, seconds=8.3 if finished else None)
        )  # fmt: skip
    session.flush()


def add_epoch(session: Session, row: Run, fold: int, epoch: int) -> EpochMetric:
    """One epoch on a curve that falls, then overfits."""
    wobble = np.random.default_rng((row.id, fold, epoch)).normal(0, 0.02, 4)
    metric = EpochMetric(
        run_id=row.id, fold=fold, epoch=epoch, attempt=1, learning_rate=0.001, seconds=0.4,
        loss=float(1.1 * np.exp(-epoch / 6) + 0.08 + abs(wobble[0])),
        accuracy=float(min(1 - 0.6 * np.exp(-epoch / 5) + wobble[1] / 2, 1)),
        val_loss=float(1.0 * np.exp(-epoch / 5) + 0.2 + 0.012 * max(epoch - 8, 0) + abs(wobble[2]) + fold * 0.02),
        val_accuracy=float(min(0.92 - 0.55 * np.exp(-epoch / 4) + wobble[3], 1)),
    )  # fmt: skip
    session.add(metric)
    session.flush()
    return metric


def _results(session: Session, store: Store, row: Run, items: list[RunItem], folds: int, share_right: float) -> None:
    rng = np.random.default_rng(row.number)
    for item in items:
        wanted: list[tuple[int, PredictionRole]] = []
        if item.split == Split.TEST:
            wanted = [(fold, PredictionRole.TEST_FOLD) for fold in range(folds)]
            wanted.append((-1 if folds else 0, PredictionRole.TEST))
        elif folds or item.split == Split.VALIDATION:
            wanted = [(item.fold or 0, PredictionRole.VALIDATION)]
        for fold, role in wanted:
            answer = item.label if rng.random() < share_right else (item.label + int(rng.integers(1, 3))) % 3
            values = rng.dirichlet(np.where(np.arange(3) == answer, 9.0, 1.2)).astype("<f4")
            values[[answer, int(values.argmax())]] = values[[int(values.argmax()), answer]]
            session.add(
                Prediction(run_id=row.id, item_id=item.id, fold=fold, role=role, predicted=answer,
                           confidence=float(values[answer]), probabilities=values.tobytes())
            )  # fmt: skip
            if answer != item.label and role is not PredictionRole.TEST_FOLD:
                for place in (answer, item.label):
                    session.add(heat_map(store, row, item, fold, place))


def heat_map(store: Store, row: Run, item: RunItem, fold: int, class_position: int) -> Explanation:
    """A blob of warmth somewhere on a 25 x 25 map."""
    rng = np.random.default_rng((item.id, fold + 1, class_position))
    y, x = np.mgrid[0:25, 0:25]
    u, v = rng.uniform(6, 18, 2)
    grey = 255 * np.exp(-((x - u) ** 2 + (y - v) ** 2) / rng.uniform(15, 60))
    out = io.BytesIO()
    Picture.fromarray(grey.astype(np.uint8)).save(out, "PNG")
    return Explanation(run_id=row.id, item_id=item.id, fold=fold, layer=LAYER, class_position=class_position,
                       sha256=store.put(out.getvalue()), peak=float(rng.uniform(0.6, 2.4)))  # fmt: skip


def known(session: Session) -> Made:
    """The project that ``project`` made earlier."""
    made = session.scalars(sa.select(Project)).one()
    classes = list(session.scalars(sa.select(LabelClass).order_by(LabelClass.position)))
    images = list(session.scalars(sa.select(Image).order_by(Image.id)))
    session.expunge_all()
    test = [image for image in images if image.split == Split.TEST]
    return Made(made, classes, [image for image in images if image.split != Split.TEST], test)


def known_run(session: Session, number: int) -> Run:
    """The run that ``run`` made earlier."""
    row = session.scalars(sa.select(Run).where(Run.number == number)).one()
    session.expunge_all()
    return row

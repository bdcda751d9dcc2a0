"""What a run was made of and what it left, in one document: enough to make it again and to see that it is the same."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image, Project
from app.db.run_models import Job, Run, RunFold, RunItem
from app.domain.recipe import Recipe
from app.services import diary_record, packs
from app.storage import Store

FORMAT = "miwake run"
VERSION = 1


@dataclass(frozen=True)
class Item:
    """One image of a run: hash of its file and of our own copy, position of its class, split, and fold or None."""

    file: str
    copy: str
    label: int
    split: str
    fold: int | None

    def line(self) -> str:
        """As in the fingerprint and in the script; folds count from 0, "-" stands for none."""
        fold = "-" if self.fold is None else str(self.fold)
        return f"{self.file} {self.copy} {self.label} {self.split} {fold}"


def items(session: Session, run_id: int) -> Iterator[Item]:
    """The images of a run in the order in which it was trained with them."""
    columns = (Image.sha256, RunItem.canonical_sha256, RunItem.label, RunItem.split, RunItem.fold)
    query = sa.select(*columns).join(Image, Image.id == RunItem.image_id).where(RunItem.run_id == run_id)
    for row in session.execute(query.order_by(RunItem.id)):
        yield Item(*row)


def fingerprint(session: Session, run: Run, store: Store | None = None) -> tuple[int, str]:
    """How many images a run has, and the SHA-256 over a line for each of them, with a line feed behind each.

    ``store``: where the worker may have left both; the images of a run never change once it has been trained.
    """
    file = packs.find(session, store, run, packs.IMAGES, None) if store is not None else None
    if file is not None and {"count", "fingerprint"} <= file.note.keys():
        return int(file.note["count"]), str(file.note["fingerprint"])
    digest, count = hashlib.sha256(), 0
    for count, item in enumerate(items(session, run.id), 1):  # noqa: B007 - the last one is the number
        digest.update(item.line().encode() + b"\n")
    return count, digest.hexdigest()


def of(session: Session, run: Run, store: Store | None = None) -> dict[str, Any]:
    """The manifest of a run with its version, classes and folds loaded; folds count from 1."""
    count, digest = fingerprint(session, run, store)
    version = run.version
    job = session.get_one(Job, run.job_id)
    return {
        "format": FORMAT,
        "version": VERSION,
        "project": session.get_one(Project, run.project_id).slug,
        "run": run.number,
        "name": run.name,
        "state": job.state,
        "created_at": run.created_at.isoformat(),
        "started_by": run.actor,
        "data_version": version
        and {"number": version.number, "name": version.name, "fingerprint": version.fingerprint},
        "images": {"count": count, "fingerprint": digest, "label_watermark": run.label_watermark},
        "classes": [item.name for item in run.classes],
        "recipe": Recipe.from_json(run.recipe).readable(),
        "seed": run.recipe["seed"],
        "deterministic": bool(run.recipe.get("deterministic")),
        "begins_with": run.origin,
        "views": run.views,
        "environment": run.environment,
        "attempts": job.attempt,
        "seconds": run.seconds,
        "models": [_model(fold) for fold in run.folds],
        "diary": diary_record.of(session, run),
    }


def _model(fold: RunFold) -> dict[str, Any]:
    return {
        "fold": fold.fold + 1,
        "train": fold.train_count,
        "validation": fold.validation_count,
        "best_epoch": fold.best_epoch,
        "stop_reason": fold.stop_reason,
        "metrics": fold.metrics,
        "weights_sha256": fold.weights_sha256,
        "seconds": fold.seconds,
    }

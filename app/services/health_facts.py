"""Facts of pictures: which images have none yet, writing them, and reading them all as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.count_models import FactCount
from app.db.health_models import ImageFact
from app.db.models import Image, ImageCount, ImportBatch, LabelClass
from app.domain.enums import ImageState
from app.domain.picture_facts import METHOD, SKETCH, Facts

NUMBERS = (
    "brightness",
    "contrast",
    "sharpness",
    "entropy",
    "colourfulness",
    "border_brightness",
    "border_contrast",
)
_UNREADABLE = Facts("", b"", *(0.0,) * len(NUMBERS))


@dataclass(frozen=True)
class Table:
    """The active images of a project whose facts are known, in the order of their ids; arrays have the shape (n,).

    ``labels`` are ids of classes, 0 without one; ``sketches`` has the shape (n, 32, 32).
    """

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    class_names: Mapping[int, str]
    names: list[str]
    paths: list[str]
    formats: list[str]
    imports: list[str]
    pixels: list[str]
    numbers: Mapping[str, NDArray[np.float64]]  # NUMBERS, "width" and "height"
    sketches: NDArray[np.uint8]


def progress(session: Session, project_id: int) -> tuple[int, int]:
    """(measured, all) images of a project."""
    done = sa.select(sa.func.sum(FactCount.count)).where(FactCount.project_id == project_id)
    total = sa.select(sa.func.sum(ImageCount.count)).where(ImageCount.project_id == project_id)
    return int(session.scalar(done.where(FactCount.method == METHOD)) or 0), int(session.scalar(total) or 0)


def missing(session: Session, project_id: int, after_id: int, limit: int) -> list[tuple[int, str]]:
    """(image id, hash of our copy) of the next images without facts of the present method."""
    query = (
        sa.select(Image.id, Image.canonical_sha256)
        .outerjoin(ImageFact, sa.and_(ImageFact.image_id == Image.id, ImageFact.method == METHOD))
        .where(Image.project_id == project_id, Image.id > after_id, ImageFact.image_id.is_(None))
        .order_by(Image.id)
        .limit(limit)
    )
    return [(image_id, digest) for image_id, digest in session.execute(query)]


def write(session: Session, facts: Mapping[int, Facts | None]) -> None:
    """Write facts by image id; None for a copy that could not be read. Earlier rows of the images are replaced."""
    if not facts:
        return
    session.execute(sa.delete(ImageFact).where(ImageFact.image_id.in_(facts)))
    rows = [
        {"image_id": image_id, "method": METHOD, **asdict(found or _UNREADABLE)} for image_id, found in facts.items()
    ]
    session.execute(sa.insert(ImageFact), rows)


def unreadable(session: Session, project_id: int) -> int:
    """How many of our copies could not be read."""
    query = sa.select(sa.func.sum(FactCount.count)).where(FactCount.project_id == project_id)
    return int(session.scalar(query.where(FactCount.readable.is_(False))) or 0)


def table(session: Session, project_id: int) -> Table:
    """All that a check needs of a project."""
    query = (
        sa.select(
            Image.id,
            Image.class_id,
            Image.name,
            Image.path,
            Image.file_format,
            ImportBatch.number,
            Image.width,
            Image.height,
            ImageFact.pixels_sha256,
            ImageFact.sketch,
            *(getattr(ImageFact, name) for name in NUMBERS),
        )
        .join(ImageFact, ImageFact.image_id == Image.id)
        .outerjoin(ImportBatch, ImportBatch.id == Image.import_id)
        .where(
            Image.project_id == project_id,
            Image.state == ImageState.ACTIVE,
            ImageFact.method == METHOD,
            ImageFact.pixels_sha256 != "",
        )
        .order_by(Image.id)
    )
    classes = sa.select(LabelClass.id, LabelClass.name).where(LabelClass.project_id == project_id)
    return _arrays(
        [tuple(row) for row in session.execute(query)], {row.id: row.name for row in session.execute(classes)}
    )


def _arrays(rows: Sequence[tuple[object, ...]], class_names: Mapping[int, str]) -> Table:
    columns: list[Sequence[object]] = list(zip(*rows, strict=True)) if rows else [()] * (10 + len(NUMBERS))
    named = dict(zip(("width", "height"), columns[6:8], strict=True)) | dict(zip(NUMBERS, columns[10:], strict=True))
    sketches = np.frombuffer(b"".join(bytes(row) for row in columns[9] if isinstance(row, bytes)), dtype=np.uint8)
    return Table(
        ids=np.array(columns[0], dtype=np.int64),
        labels=np.array([label or 0 for label in columns[1]], dtype=np.int64),
        class_names=class_names,
        names=[str(value) for value in columns[2]],
        paths=[str(value) for value in columns[3]],
        formats=[str(value) for value in columns[4]],
        imports=[str(value or "") for value in columns[5]],
        pixels=[str(value) for value in columns[8]],
        numbers={name: np.array(values, dtype=np.float64) for name, values in named.items()},
        sketches=sketches.reshape(-1, SKETCH, SKETCH),
    )

"""Projects with pictures, made through the services. Pictures are tiny PNG files that differ in colour and grain."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image as Picture
from sqlalchemy.orm import Session

from app.db.models import Image, ImportBatch, LabelClass, Project
from app.domain.enums import LabelSource, Split
from app.domain.imaging import decode
from app.services import classes, images, imports, labels, projects
from app.storage import Store

CLASSES = ("好中球", "好酸球", "単球")


def make_project(session: Session, name: str = "血球", class_names: Sequence[str] = CLASSES) -> Project:
    """A project with classes, keys and colours; ``classes`` is loaded."""
    made = projects.create(session, name=name)
    for class_name in class_names:
        classes.add(session, made, class_name)
    return projects.by_slug(session, made.slug)


def png(number: int, size: int = 24) -> bytes:
    """A picture of its own for each number: a bright spot whose colour and place depend on it."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 60, (size, size, 3), dtype=np.uint8)
    top, left = rng.integers(0, size // 2, 2)
    pixels[top : top + size // 2, left : left + size // 2, number % 3] += 150
    file = BytesIO()
    Picture.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def add_images(
    session: Session,
    store: Store,
    project: Project,
    count: int,
    *,
    label_class: LabelClass | None = None,
    split: Split | None = None,
    first: int = 0,
    prefix: str = "細胞_",
) -> list[Image]:
    """Add ``count`` pictures, numbered from ``first``; with ``label_class`` they are labelled with it."""
    batch = imports.create(session, project, source="folder", name="factory", actor="tester", total=count)
    added = [_add(session, store, project, batch, number, split, prefix) for number in range(first, first + count)]
    if label_class is not None:
        changes = [labels.LabelChange(image.id, label_class.id, None) for image in added]
        request_id = f"factory-{batch.id}-{label_class.id}"
        labels.assign(session, project.id, changes, source=LabelSource.IMPORT, actor="tester", request_id=request_id)
        for image in added:
            session.refresh(image)
    imports.finish(session, batch.id)
    return added


def _add(
    session: Session,
    store: Store,
    project: Project,
    batch: ImportBatch,
    number: int,
    split: Split | None,
    prefix: str,
) -> Image:
    data = png(number)
    prepared = images.prepare(store, data, decode(data))
    image, _is_new = images.add(session, project, batch, prepared, path=f"{prefix}{number:04}.png", split=split)
    return image


def labelled_project(session: Session, store: Store, name: str, classes: Sequence[str], each: int) -> Project:
    """A project with ``each`` different pictures of every class."""
    project = make_project(session, name, classes)
    for number, row in enumerate(project.classes):
        add_images(session, store, project, each, label_class=row, first=each * number)
    return project

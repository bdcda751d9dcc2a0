"""Projects whose pictures have made-up features: clouds around a few centres, one for each class."""

import hashlib

import numpy as np
import sqlalchemy as sa

from app.db.feature_models import ProjectArray
from app.db.models import Image
from app.db.session import Database
from app.domain.enums import LabelSource
from app.domain.space import FEATURES
from app.services import feature_space, features, labels
from app.storage import Store
from app.storage.arrays import Arrays, pack_one
from tests.labelling.conftest import Rows, picture
from tests.labelling.factories import class_ids, make_images, make_project

CLASSES = ("好中球", "好酸球", "単球")


def clouds(count: int, seed: int = 0, spread: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Features of ``count`` pictures and the class that each looks like."""
    centres = np.random.default_rng(99).normal(size=(len(CLASSES), FEATURES))
    rng = np.random.default_rng(seed)
    owner = rng.integers(0, len(CLASSES), count)
    rows = np.abs(centres[owner] + rng.normal(scale=spread, size=(count, FEATURES)))
    return rows.astype(np.float16), owner


def add_pictures(database: Database, store: Store, count: int, slug: str = "blood", **values) -> Rows:
    """A project of images that differ in their hashes, without labels and without features."""
    shown = store.put(picture())
    with database.write() as session:
        project = make_project(session, slug, CLASSES)
        images = make_images(session, project, count, blob=shown, **values)
        for image_id in images:
            digest = hashlib.sha256(f"{slug} {image_id}".encode()).hexdigest()
            session.execute(sa.update(Image).where(Image.id == image_id).values(canonical_sha256=digest))
        return Rows(project.id, slug, class_ids(session, project), images)


def add_features(database: Database, store: Store, rows: Rows, values: np.ndarray, block: int = 64) -> None:
    """Write features of the images of a project, in order, and make its space."""
    with database.write() as session:
        wanted = features.missing(session, rows.project_id)
        for start in range(0, len(wanted), block):
            sha256 = store.put(pack_one(values[start : start + block]))
            features.add_block(session, wanted[start : start + block], sha256)
    make_space(database, store, rows)


def make_space(database: Database, store: Store, rows: Rows) -> None:
    with database.write() as session:
        made = feature_space.build(features.places(session, rows.project_id), Arrays(store))
        sha256 = store.put(feature_space.packed(made, rows.project_id))
        feature_space.keep(
            session, store, rows.project_id, features.SPACE, sha256=sha256, count=len(made["ids"]), info={}
        )


def label(database: Database, rows: Rows, places, owner, request_id: str = "x") -> None:
    """Give images the classes that ``owner`` names."""
    with database.write() as session:
        changes = [labels.LabelChange(rows.images[place], rows.classes[owner[place]]) for place in places]
        labels.assign(session, rows.project_id, changes, source=LabelSource.COMMAND, actor="x", request_id=request_id)


def array_row(database: Database, rows: Rows, kind: str) -> ProjectArray | None:
    with database.read() as session:
        return session.get(ProjectArray, (rows.project_id, kind))

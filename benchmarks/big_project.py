"""A project of any size with generated rows and one small shared picture, in either database."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ChangeSet, Image, ImportBatch
from app.db.session import Database
from app.domain.imaging import decode
from app.services import classes, projects
from app.storage import Store
from tests.factories import png

CLASSES, IMPORTS, SINGLE_ACTS = 10, 20, 2000
NAME = "Big"
_HASH = {"sqlite": "printf('%064x', i)", "postgresql": "lpad(to_hex(cast(i as bigint)), 64, '0')"}
_IMAGES = """
INSERT INTO image (project_id, import_id, sha256, canonical_sha256, thumbnail_sha256, name, name_order, path, width,
  height, file_format, file_bytes, conversion, class_id, label_version, split, split_source, state, reason, unsure,
  skipped,
  note, mark_version, created_at, origin, licence, publish)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
SELECT :project, :first_import + i % :imports, {hash},
  :canonical, :thumbnail, 'cell_' || i || '.png', 'cell_0' || length(cast(i as text)) || i || '.png',
  'cells/cell_' || i || '.png',
  24, 24, 'PNG', 1700, '{}', CASE WHEN i % 5 < 3 THEN :first_class + (i / 7) % :classes END,
  CASE WHEN i % 5 < 3 THEN 1 ELSE 0 END,
  CASE WHEN i % 10 = 0 THEN 'test' WHEN i % 10 = 1 THEN 'validation' END, '',
  CASE WHEN i % 50 = 7 THEN 'excluded' ELSE 'active' END,
  CASE WHEN i % 50 = 7 THEN (CASE WHEN i % 100 = 7 THEN 'blurred' ELSE 'damaged' END) ELSE '' END,
  i % 101 = 0, i % 103 = 0, CASE WHEN i % 211 = 0 THEN 'look again' ELSE '' END, 0, '2026-01-01', '', '', ''
FROM n
"""
_EVENTS = """
INSERT INTO label_event (change_set_id, image_id, version, before_id, after_id)
SELECT CASE WHEN id % :apart = 3 THEN :first_change + 1 + (id / :apart) % :acts ELSE :first_change END, id, 1, NULL,
  class_id
FROM image WHERE project_id = :project AND class_id IS NOT NULL
"""


@dataclass(frozen=True)
class Big:
    """The project and what is needed to ask for its pages."""

    slug: str
    project_id: int
    first_image: int
    count: int
    class_ids: list[int]


def make(database: Database, store: Store, count: int) -> Big:
    """Make the project; half a minute for a million images."""
    decoded = decode(png(1))
    thumbnail, canonical = store.put(decoded.thumbnail), store.put(decoded.canonical)
    with database.write() as session:
        project = projects.create(session, name=NAME)
        class_ids = [classes.add(session, project, f"class {place}").id for place in range(CLASSES)]
        values = {
            "project": project.id,
            "first_import": _imports(session, project.id),
            "imports": IMPORTS,
            "count": count,
            "canonical": canonical,
            "thumbnail": thumbnail,
            "first_class": class_ids[0],
            "classes": CLASSES,
        }
        session.execute(sa.text(_images_text(database.engine.dialect.name)), values)
        first_change = _changes(session, project.id, count)
        acts = {"apart": max(1, count // SINGLE_ACTS), "first_change": first_change, "acts": SINGLE_ACTS}
        session.execute(sa.text(_EVENTS), {"project": project.id, **acts})
        first_image = session.scalar(sa.select(sa.func.min(Image.id)).where(Image.project_id == project.id))
    with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if connection.dialect.name == "postgresql" else "ANALYZE")
    return Big(project.slug, project.id, int(first_image or 0), count, class_ids)


def _images_text(dialect: str) -> str:
    text = _IMAGES.replace("{hash}", _HASH[dialect])
    if dialect == "postgresql":
        return text.replace("'{}'", "cast('{}' as json)").replace("'2026-01-01'", "cast('2026-01-01' as timestamptz)")
    return text


def _imports(session: Session, project_id: int) -> int:
    """Twenty imports; the id of the first."""
    values = {"project_id": project_id, "source": "folder", "finished": True, "actor": "tester", "options": {}}
    made = [ImportBatch(**values, number=place + 1, name=f"import {place + 1}") for place in range(IMPORTS)]
    session.add_all(made)
    session.flush()
    return made[0].id


def _changes(session: Session, project_id: int, count: int) -> int:
    """One large change of labels and two thousand of one image each; the id of the large one."""
    values = {"project_id": project_id, "source": "label", "field": "label", "actor": "tester"}
    made = [
        ChangeSet(**values, request_id=f"r{place}", image_count=1 if place else count // 2)
        for place in range(SINGLE_ACTS + 1)
    ]
    session.add_all(made)
    session.flush()
    return made[0].id

"""What a large project has besides images: measured pictures, findings of a check, a finished run, suggestions."""

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.health_models import HealthCheck
from app.db.run_models import Job, Run, RunClass, RunFold
from app.db.session import Database
from app.domain.enums import JobKind, JobState, Lane, RunKind
from app.domain.picture_facts import METHOD
from app.domain.presets import PRESETS
from app.services import feature_space, features, suggesting
from app.storage import Store
from benchmarks.big_project import Big

_FACTS = """
INSERT INTO image_fact (image_id, method, pixels_sha256, sketch, brightness, contrast, sharpness, entropy,
  colourfulness, border_brightness, border_contrast)
SELECT id, :method, sha256, :sketch, 0.5, 0.2, 1, 5, 0.1, 0.5, 0.2 FROM image WHERE project_id = :project
"""
_FINDINGS = """
INSERT INTO health_finding (project_id, kind, signature, score, params, found, created_at)
SELECT project_id, CASE WHEN id % 200 = 8 THEN 'blurred' ELSE 'copies' END, sha256, id % 97, {none}, {yes}, created_at
FROM image WHERE project_id = :project AND id % 200 IN (8, 100)
"""
_PARAMS = '\'{"exact": true, "value": 0.5}\''
_MEMBERS = """
INSERT INTO health_member (finding_id, image_id)
SELECT health_finding.id, image.id - n.step FROM health_finding
JOIN image ON image.project_id = health_finding.project_id AND image.sha256 = health_finding.signature
JOIN (SELECT 0 AS step UNION ALL SELECT 1) n ON n.step = 0 OR health_finding.kind = 'copies'
WHERE health_finding.project_id = :project
"""
_ITEMS = """
INSERT INTO run_item (run_id, image_id, canonical_sha256, label, label_version, split)
SELECT :run, id, canonical_sha256, class_id - :first_class, 1, CASE WHEN id % 5 = 1 THEN 'validation' ELSE 'train' END
FROM image WHERE project_id = :project AND class_id IS NOT NULL AND split IS NULL AND state = 'active'
"""
_PREDICTIONS = """
INSERT INTO prediction (run_id, item_id, fold, role, predicted, confidence, probabilities)
SELECT :run, id, 0, 'validation', CASE WHEN id % 25 = 0 THEN (label + 1) % :classes ELSE label END, 0.9, :blob
FROM run_item WHERE run_id = :run AND split = 'validation'
"""


def fill(database: Database, store: Store, big: Big) -> None:
    """Put all of it beside the images."""
    with database.write() as session:
        _health(session, big)
        _run(session, big)
        _suggestions(session, store, big)
    with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        postgresql = connection.dialect.name == "postgresql"
        connection.exec_driver_sql("VACUUM ANALYZE" if postgresql else "ANALYZE")
        if postgresql:  # or it writes what was filled in while the pages are measured
            connection.exec_driver_sql("CHECKPOINT")


def _health(session: Session, big: Big) -> None:
    """Facts of every image; of each hundred one is half of a pair of copies or blurred."""
    postgresql = session.get_bind().dialect.name == "postgresql"
    project = {"project": big.project_id}
    session.execute(sa.text(_FACTS), {**project, "method": METHOD, "sketch": b"\x80" * 64})
    words = {"none": f"cast({_PARAMS} as json)" if postgresql else _PARAMS, "yes": "true" if postgresql else "1"}
    session.execute(sa.text(_FINDINGS.format(**words)), project)
    session.execute(sa.text(_MEMBERS), project)
    session.add(HealthCheck(project_id=big.project_id, checked_at=utc_now(), image_count=big.count))


def _run(session: Session, big: Big) -> None:
    """A finished run that was judged by a tenth of the images, and is wrong about one of 25."""
    job = Job(project_id=big.project_id, kind=JobKind.TRAIN, lane=Lane.CPU, state=JobState.DONE, finished_at=utc_now())
    session.add(job)
    session.flush()
    recipe = next(iter(PRESETS.values())).recipe.to_json()
    values = {"project_id": big.project_id, "number": 1, "kind": RunKind.HOLDOUT, "actor": "tester"}
    run = Run(**values, recipe=recipe, job_id=job.id, label_watermark=0)
    session.add(run)
    session.flush()
    for place, class_id in enumerate(big.class_ids):
        row = RunClass(run_id=run.id, position=place, class_id=class_id, name=f"class {place}", color="#336699")
        session.add(row)
    session.add(RunFold(run_id=run.id, fold=0, train_count=big.count // 3, validation_count=big.count // 10))
    session.flush()
    known = {"run": run.id, "project": big.project_id}
    session.execute(sa.text(_ITEMS), {**known, "first_class": big.class_ids[0]})
    blob = np.full(len(big.class_ids), 1 / len(big.class_ids), dtype="<f4").tobytes()
    session.execute(sa.text(_PREDICTIONS), {"run": run.id, "classes": len(big.class_ids), "blob": blob})


def _suggestions(session: Session, store: Store, big: Big) -> None:
    """What a small head says of every image."""
    draw = np.random.default_rng(1)
    ids = np.arange(big.first_image, big.first_image + big.count, dtype=np.int64)
    weights = draw.random((big.count, len(big.class_ids)), dtype=np.float32)
    found = suggesting.ranked(ids, np.array(big.class_ids), weights / weights.sum(axis=1, keepdims=True))
    labels = big.count * 3 // 5
    info = {"kind": suggesting.SIMILAR, "number": labels, "right": 900, "total": 1000, "space": ""}
    sha256 = store.put(feature_space.packed(found, big.project_id))
    feature_space.keep(session, store, big.project_id, features.HEAD, sha256=sha256, count=big.count, info=info)

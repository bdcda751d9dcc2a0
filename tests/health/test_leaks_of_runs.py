"""What copies do to the figures of a finished run: with the leaked pictures, and without."""

import numpy as np
import sqlalchemy as sa

from app.db.health_models import HealthFinding, HealthMember
from app.db.models import Image
from app.db.run_models import Job, Prediction, RunItem
from app.domain.enums import JobState, PredictionRole, Split
from app.domain.recipe import Recipe
from app.services import health_runs, runs
from tests.train.rows import project_of


def copies(session, project, *groups):
    for number, ids in enumerate(groups):
        found = HealthFinding(
            project_id=project.id, kind="copies", signature=str(number), score=1.0, params={"exact": True}
        )
        session.add(found)
        session.flush()
        session.add_all(HealthMember(finding_id=found.id, image_id=image_id) for image_id in ids)


def finished(session, project, recipe, wrong=frozenset()):
    """A run that is right on every image but ``wrong``."""
    run = runs.create(session, project, recipe, actor="t")
    session.get_one(Job, run.job_id).state = JobState.DONE
    for item in session.scalars(sa.select(RunItem).where(RunItem.run_id == run.id)):
        role = PredictionRole.TEST if item.split == Split.TEST else PredictionRole.VALIDATION
        predicted = 1 - item.label if item.image_id in wrong else item.label
        fold = -1 if role == PredictionRole.TEST else item.fold
        session.add(
            Prediction(
                run_id=run.id,
                item_id=item.id,
                fold=fold,
                role=role,
                predicted=predicted,
                confidence=1.0,
                probabilities=np.eye(2, dtype="<f4")[predicted].tobytes(),
            )
        )
    session.flush()
    return run


def test_effects__of_copies_between_folds_and_into_the_test_set(client, database):
    with database.write() as session:
        project = project_of(session, {"a": 20, "b": 20}, test=5)
        free = session.scalars(sa.select(Image.id).where(Image.split.is_(None)).order_by(Image.id)).all()
        test = session.scalars(sa.select(Image.id).where(Image.split == Split.TEST).order_by(Image.id)).all()
        run = finished(session, project, Recipe(folds=4), wrong={test[1], test[2], free[0], free[30]})
        items = session.scalars(sa.select(RunItem).where(RunItem.run_id == run.id))
        fold_of = {item.image_id: item.fold for item in items}
        other = next(image for image in free[1:] if fold_of[image] != fold_of[free[0]] and image != free[30])
        beside = next(
            image for image in free[1:] if fold_of[image] == fold_of[free[30]] and image not in (free[30], other)
        )
        copies(session, project, (free[0], other), (free[30], beside), (test[0], free[5]))
        found = {effect.role: effect for effect in health_runs.effects(session, project.id)}
    folds, tested = found[PredictionRole.VALIDATION], found[PredictionRole.TEST]
    # The pair in two folds leaked, the pair in one fold did not.
    assert (folds.all.correct, folds.all.total) == (38, 40)
    assert (folds.leaked.correct, folds.leaked.total) == (1, 2)
    assert (folds.clean.correct, folds.clean.total) == (37, 38)
    assert (tested.leaked.correct, tested.leaked.total) == (1, 1)
    assert (tested.clean.correct, tested.clean.total) == (7, 9)
    page = client.get(f"/p/{project.slug}/health/runs").text
    assert "Each fold" in page
    assert "37 / 38" in page
    assert page.count("Look at the copies") == 2
    page = client.get(f"/p/{project.slug}/health/folds").text
    assert "Five ordinary folds tear about 80" in page
    assert "37 / 38" in page
    assert "7 / 9" not in page  # the test set is another matter
    train = client.get(f"/p/{project.slug}/train?group=copies").text
    assert '<option value="copies" selected>' in train
    assert 'name="folds" id="f-folds" value="5"' in train or 'value="5"' in train


def test_effects__a_run_that_keeps_copies_together_has_no_leak_between_folds(database):
    with database.write() as session:
        project = project_of(session, {"a": 30, "b": 30})
        free = session.scalars(sa.select(Image.id).order_by(Image.id)).all()
        copies(session, project, *[(free[number], free[number + 1]) for number in range(0, 20, 2)])
        finished(session, project, Recipe(folds=5, seed=1))
        finished(session, project, Recipe(folds=5, seed=1, group_by="copies"))
        together, apart = health_runs.effects(session, project.id)
    assert together.leaked.total == 0
    assert apart.leaked.total > 5

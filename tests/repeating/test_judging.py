"""A finished run judged again with several views, by a real worker: what it keeps is what the definition says."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.commands import line
from app.commands.common import Exit
from app.db.run_models import Judgement, Prediction, Run, RunItem
from app.domain import views
from app.domain.enums import JobState, PredictionRole
from app.domain.recipe import Recipe
from app.services import answers, judged, judging, runs
from tests.jobs import processes
from tests.jobs.bench import Bench, one_worker
from tests.jobs.processes import QUICK
from worker.ml import data, predict, saving

pytestmark = [pytest.mark.ml, pytest.mark.slow]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, empty_sqlite: Path) -> Iterator[Bench]:
    with one_worker(tmp_path_factory.mktemp("judging"), empty_sqlite) as made:
        yield made


def trained(bench: Bench, recipe: Recipe) -> Run:
    run = processes.add_run(bench.database, bench.project_id, recipe)
    job = processes.ended(bench.database, run.job_id)
    assert job.state == JobState.DONE, f"{job.error_code} {job.error_params} {job.error_trace}"
    return run


def judge(bench: Bench, run: Run, kind: str) -> None:
    with bench.database.write() as session:
        job = judging.start(session, session.get_one(Run, run.id), kind, actor="tester")
        assert judging.start(session, session.get_one(Run, run.id), kind, actor="tester").id == job.id
    job = processes.ended(bench.database, job.id)
    assert job.state == JobState.DONE, f"{job.error_code} {job.error_params} {job.error_trace}"
    assert job.progress["phase"] == "judge"
    assert job.progress["done"] == job.progress["total"] == 24 + 8 * len(run.folds or [0])


def judgement(session: Session, run: Run, kind: str) -> Judgement:
    found = judging.find(session, run, kind)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def kfold(bench: Bench) -> Run:
    """Two folds, judged in two views when they were trained, and in eight of another kind afterwards."""
    run = trained(bench, QUICK.updated({"folds": 2, "test_views": "mirror"}))
    with bench.database.read() as session:
        run = runs.by_number(session, bench.project_id, run.number)
    for kind in ("mirror", "turns"):
        judge(bench, run, kind)
    return run


def by_hand(bench: Bench, run: Run, items: list[RunItem], kind: str) -> dict[int, np.ndarray]:
    """What each saved model (by its fold) says of the pictures over all views."""
    recipe = Recipe.from_json(run.recipe)
    pixels = np.stack([data.square(bench.store.get(item.canonical_sha256), recipe) for item in items])
    said = {}
    for fold in run.folds:
        net = predict.network(saving.load(bench.store.get(str(fold.weights_sha256))))
        each = [predict.probabilities(net, views.look(pixels, view)) for view in views.VIEWS[kind]]
        said[fold.fold] = np.asarray(each).sum(axis=0) / len(each)
    return said


def test_judgement__each_picture_is_judged_by_the_models_that_may_and_the_mean_over_views_is_that_by_hand(bench, kfold):
    with bench.database.read() as session:
        row = judgement(session, kfold, "turns")
        items = list(session.scalars(sa.select(RunItem).where(RunItem.run_id == kfold.id).order_by(RunItem.id)))
        said = {}
        for role in judging.ROLES:
            both = judging.said(session, answers.Kept(bench.store), kfold, row, role)
            assert both is not None
            said[role] = both[1]
    assert {role: len(one.items) for role, one in said.items()} == {"test": 8, "validation": 24}
    hand, place = by_hand(bench, kfold, items, "turns"), {item.id: at for at, item in enumerate(items)}
    for role, one in said.items():
        for item_id, values in zip(one.items.tolist(), one.probabilities, strict=True):
            at, fold = place[item_id], items[place[item_id]].fold
            if role is PredictionRole.TEST:
                np.testing.assert_allclose(values, (hand[0][at] + hand[1][at]) / 2, atol=1e-5)
            else:
                np.testing.assert_allclose(values, hand[fold][at], atol=1e-5)
                assert np.abs(values - hand[1 - fold][at]).max() > 1e-4, "not by the model that learned from it"


def test_judgement__is_that_of_the_training_with_the_same_views_and_leaves_the_run_alone(bench, kfold):
    with bench.database.read() as session:
        run = runs.by_number(session, bench.project_id, kfold.number)
        row = judgement(session, run, "mirror")
        found = judged.result_json(session, answers.Kept(bench.store), run, row)
        own = session.scalar(sa.select(sa.func.count()).where(Prediction.run_id == run.id))
        images = dict(session.execute(sa.select(RunItem.id, RunItem.image_id)).all())
    assert run.views is not None
    for role in ("test", "validation"):
        then, now = run.views[role], found[role]
        assert (now["images"], now["gained"], now["lost"]) == (then["images"], then["gained"], then["lost"])
        assert (now["plain"]["correct"], now["views"]["correct"]) == (then["plain_right"], then["views_right"])
        assert now["views"]["loss"] == pytest.approx(then["views_loss"], rel=1e-4)
        assert [one["image"] for one in now["changed"]] == sorted(images[one[0]] for one in then["changed"])
        assert (now["unread"], now["differs_as_they_are"]) == (0, 0)
        assert now["views"]["seconds_per_image"] > now["plain"]["seconds_per_image"] > 0
    assert (found["test"]["models"], found["validation"]["models"]) == (2, 1)
    assert own == 24 + 8 * 3, "the answers of the run are those of its training"


def test_command__has_the_model_of_a_holdout_run_judge_both(bench, monkeypatch, capsys):
    monkeypatch.setenv("MIWAKE_DATA_DIR", str(bench.settings.data_dir))
    run = trained(bench, QUICK)
    words = ["judge", bench.project().slug, str(run.number)]
    assert line.main([*words, "--views", "shifts", "--wait", "--json"]) == Exit.OK
    (found,) = json.loads(capsys.readouterr().out)["judged"]
    assert (found["views"], found["count"], found["state"]) == ("shifts", 6, "done")
    with bench.database.read() as session:
        run = runs.by_number(session, bench.project_id, run.number)
    assert (found["validation"]["images"], found["test"]["images"]) == (run.folds[0].validation_count, 8)
    assert found["test"]["models"] == found["validation"]["models"] == 1
    assert line.main(words) == Exit.OK
    assert "6 views (shifts): done\n  test        accuracy" in capsys.readouterr().out

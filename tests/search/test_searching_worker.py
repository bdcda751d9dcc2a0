"""Searches as a real worker carries them out: one start of TensorFlow for all of them."""

import pytest
import sqlalchemy as sa

from app.db.models import Image, LabelClass, Project
from app.db.run_models import EpochMetric
from app.domain import rate_search, search
from app.domain.enums import JobState, Split
from app.services import rates, report, searches
from app.services.searches import Plan
from tests.jobs import processes
from tests.jobs.processes import QUICK

pytestmark = [pytest.mark.ml, pytest.mark.slow]


def test_rates__a_worker_finds_one_without_looking_at_test_or_validation(bench):
    with bench.database.write() as session:
        project = session.get_one(Project, bench.project_id)
        job = rates.start(session, project, QUICK)
    ended = processes.ended(bench.database, job.id)
    assert ended.state == JobState.DONE, f"{ended.error_code} {ended.error_params} {ended.error_trace}"
    with bench.database.read() as session:
        found = rates.by_number(session, bench.project_id, job.id)
        _, drawn, places = rates.pictures(session, bench.project_id, QUICK)
        held = {split for place in places.tolist() if (split := drawn.draw.splits[place]) != Split.TRAIN}
        tested = sa.select(sa.func.count()).where(Image.split == Split.TEST)
        assert session.scalar(tested) == 8
    assert not held
    assert 20 < len(found.losses) <= rate_search.STEPS
    assert found.found is not None  # a red and a blue half are told apart by anything
    assert 1e-5 < found.found.proposed < 1
    assert found.seconds is not None


def test_begin__a_class_that_was_renamed_keeps_its_output_in_a_training_and_in_a_search_for_a_rate(bench):
    """Almost without a step, the loss of the first epoch is that of the run before; new outputs would be guessing."""
    recipe = QUICK.updated({"architecture": "own", "layers": '["flatten"]', "epochs": 30, "learning_rate": 0.01})
    first = processes.add_run(bench.database, bench.project_id, recipe)
    assert processes.ended(bench.database, first.job_id).state == JobState.DONE
    with bench.database.write() as session:
        row = session.scalars(sa.select(LabelClass).where(LabelClass.name == "単球")).one()
        row.name, row.name_key = "Monocyte", "monocyte"
    still = recipe.updated({"begin": str(first.number), "epochs": 1, "learning_rate": 1e-7})
    second = processes.add_run(bench.database, bench.project_id, still)
    with bench.database.write() as session:
        job = rates.start(session, session.get_one(Project, bench.project_id), still)
    assert processes.ended(bench.database, second.job_id).state == JobState.DONE
    assert processes.ended(bench.database, job.id).state == JobState.DONE
    with bench.database.read() as session:
        least = sa.select(sa.func.min(EpochMetric.val_loss))
        learned, kept = (session.scalar(least.where(EpochMetric.run_id == run.id)) for run in (first, second))
        found = rates.by_number(session, bench.project_id, job.id)
    assert kept == pytest.approx(learned, rel=1e-3)
    assert max(found.losses[:3]) < 0.5


@pytest.mark.parametrize("method", [search.RANDOM, search.READY])
def test_search__a_worker_carries_it_on_to_its_end(bench, method):
    """Two trials on eight pictures of validation; drawn ones have no test images, ready recipes come one by one."""
    recipe = QUICK.updated({"validation_share": 0.4, "epochs": 1})
    ready = (recipe.to_json(), recipe.updated({"architecture": "conv2-plus"}).to_json())
    plan = Plan(method, trials=2, fields=("learning_rate",), ready=ready)
    with bench.database.write() as session:
        job = searches.start(session, session.get_one(Project, bench.project_id), recipe, plan, actor="tester")
        assert len(searches.trials(session, job.id)) == (1 if method == search.READY else 2)
    ended = processes.ended(bench.database, job.id)
    assert ended.state == JobState.DONE, f"{ended.error_code} {ended.error_params} {ended.error_trace}"
    with bench.database.read() as session:
        found = searches.trials(session, job.id)
        best = searches.chosen(found)
        tested = [report.result_json(session, trial.run)["test"] for trial in found]
    assert [trial.state for trial in found] == [JobState.DONE] * 2
    assert best is not None
    assert [bool(one) for one in tested] == [method == search.READY] * 2
    assert ended.result["honest"]["low"] <= ended.result["honest"]["accuracy"] <= ended.result["honest"]["high"]
    assert ("lead" in ended.result) is (method == search.READY)

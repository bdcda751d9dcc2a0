"""What is known of a training before its start; what happens when it did not fit."""

import re
from dataclasses import replace
from math import prod
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from app.db.run_models import EpochMetric, Job, Run, RunFold, RunItem, Worker
from app.db.session import db_now
from app.domain import architectures, footprint
from app.domain.errors import Invalid
from app.domain.recipe import ARCHITECTURES, Recipe
from app.services import pacing, plans, preflight, projects, runs, splits
from tests.train.pages import form_of, rows_of, runs_in

GIGABYTE = 2**30
BIG = Recipe(architecture="conv4", image_size=256, batch_size=96, precision="float32")


@pytest.fixture
def place(database) -> str:
    return f"/p/{quote(rows_of(database, {'好中球': 90, '単球': 30}, test=4).slug)}"


@pytest.fixture
def worker(database):
    """Says that a worker with so much memory is alive."""

    def alive(limit: int, name: str = "lab:1") -> None:
        info = {"host": name, "job_memory": limit, "available": limit, "slots": {"gpu": 1}}
        with database.write() as session:
            session.execute(sa.insert(Worker).values(name=name, heartbeat=db_now(), info=info))

    return alive


def looked(session, recipe: Recipe) -> preflight.Preflight:
    project_id = 1
    forecast = plans.forecast(splits.table(session, project_id), recipe)
    return preflight.look(session, project_id, recipe, forecast, "")


def test_footprint__grows_with_batch_size_and_pictures():
    def high(recipe: Recipe, images: int = 100, batch: int = 32) -> int:
        return footprint.of(recipe, architectures.layer_table(recipe, 3), images, batch).high

    base = Recipe(precision="float32")
    assert high(base) < high(base, batch=64) < high(base, batch=256)
    assert high(base) < high(replace(base, image_size=192))
    assert high(base) < high(base, images=10_000)
    assert high(replace(base, precision="mixed")) < high(base)
    # Gathered steps need their pictures and one sum of gradients, far less than a step of all of them.
    gathered = high(replace(base, accumulation=4), 1000)
    assert high(base, 1000) + 3 * 32 * base.image_size**2 * 3 < gathered < high(base, 1000, batch=128)
    assert footprint.of(base, architectures.layer_table(base, 3), 100_000, 32).mapped


@pytest.mark.ml
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_footprint__counts_the_weights_that_keras_makes(name):
    from worker.ml import models  # noqa: PLC0415 - TensorFlow

    recipe = Recipe(architecture=name, image_size=64)
    found = footprint.of(recipe, architectures.layer_table(recipe, 3), 0, 1)
    model = models.build(recipe, 3)
    assert found.weights == 4 * model.count_params()
    outputs = sum(prod(layer.output.shape[1:]) for layer in model.layers[1:])
    assert found.step == round(footprint.OUTPUTS[1] * 4 * outputs)


def test_look__says_steps_smallest_class_and_that_nothing_was_measured(database, place):
    with database.read() as session:
        found = looked(session, Recipe(batch_size=16, folds=5))
    assert (found.steps, found.models) == (6, 5)
    assert found.smallest is not None
    assert (found.smallest.name, found.smallest.train, found.smallest.validation) == ("単球", 24, 6)
    assert found.seconds is None
    assert found.room is None
    assert found.refusal is None


def test_look__refuses_what_does_not_fit_and_proposes_what_does(database, place, worker):
    worker(2 * GIGABYTE)
    with database.read() as session:
        found = looked(session, BIG)
        assert found.refusal is not None
        assert found.refusal.code == "memory_too_small"
        fits = looked(session, BIG.updated(found.proposal))
    assert fits.refusal is None
    assert not fits.tight
    taken = BIG.updated(found.proposal)
    assert 90 <= taken.batch_size * taken.accumulation <= 104, "of about 96 images each change of the weights is made"
    assert fits.memory is not None
    assert fits.memory.high <= 2 * GIGABYTE


def test_look__a_larger_worker_only_warns(database, place, worker):
    worker(2 * GIGABYTE)
    worker(16 * GIGABYTE, "big:1")
    with database.read() as session:
        found = looked(session, BIG)
    assert found.refusal is None
    assert found.tight


def test_look__network_that_needs_larger_pictures_and_folds_that_are_too_many(database, place):
    with database.read() as session:
        small = looked(session, Recipe(architecture="conv4", image_size=16))
        folds = looked(session, Recipe(folds=20))
    assert small.proposal == {"image_size": architectures.smallest_size("conv4")}
    assert folds.refusal is None


def test_look__proposes_as_many_folds_as_the_smallest_class_has_images(database):
    rows_of(database, {"好中球": 90, "単球": 7})
    with database.read() as session:
        found = looked(session, Recipe(folds=10))
    assert found.refusal is not None
    assert found.refusal.code == "class_too_small_for_folds"
    assert found.proposal == {"folds": 7}


def test_create__refuses_what_no_worker_can_hold(database, place, worker):
    worker(2 * GIGABYTE)
    with database.write() as session, pytest.raises(Invalid, match="memory_too_small"):
        runs.create(session, projects.by_slug(session, "血球"), BIG, actor="test")


def test_look__a_worker_that_has_hardly_less_than_is_needed_does_not_have_the_same(database, place, worker):
    with database.read() as session:
        memory = looked(session, BIG).memory
    assert memory is not None
    worker(memory.low - 4_000_000)
    with database.read() as session:
        refusal = looked(session, BIG).refusal
    assert refusal is not None
    amounts = str(refusal.params["needed"]), str(refusal.params["room"])
    needed, room = (float(text.removesuffix(" GB")) for text in amounts)
    assert 0.001 < needed - room < 0.1, amounts


def test_page__refuses_shows_a_proposal_and_takes_it(client, database, place, worker):
    worker(2 * GIGABYTE)
    answer = client.post(f"{place}/train", data=form_of(BIG))
    assert answer.status_code == 422
    assert "and 2.1 GB is all that one training may have here" in answer.text
    assert "one training may have 2.1 GB" in answer.text
    assert re.search(r"needs at least (\d[\d.]* GB), .*<[^>]+>\1 to ", answer.text, re.DOTALL)
    assert 'id="take-proposal"' in answer.text
    assert runs_in(database) == []
    query = form_of(BIG) | {"use": "batch_size=8&image_size=128"}
    taken = client.get(f"{place}/train", params=query).text
    assert 'name="batch_size" value="8"' in taken
    assert 'name="image_size" value="128"' in taken
    assert "not measured yet" in taken


def test_measured__earlier_runs_with_the_same_network_give_a_range(database, kfold):
    recipe = Recipe.from_json(kfold.recipe)
    with database.read() as session:
        pace = pacing.measured(session, 1, recipe)
        assert pace is not None
        assert pace.same
        assert pace.once is None
        (span,) = pace.stages
        assert 0 < span.low <= span.high < 1
        other = pacing.measured(session, 1, replace(recipe, batch_size=7))
        assert other is not None
        assert not other.same
        assert pacing.measured(session, 1, replace(recipe, image_size=48)) is None


TWO = Recipe(
    architecture="efficientnet-lite0", epochs=3, fine_epochs=3, unfrozen_blocks=1, patience=0, batch_size=8, folds=5
)


@pytest.fixture
def two_stages(database, kfold):
    """The run was one on a pretrained network: 0.01 s a picture in stage 1, 0.5 s in stage 2, 2 s for each once."""
    with database.write() as session:
        images = session.scalar(sa.select(sa.func.count()).where(RunItem.run_id == kfold.id)) or 0
        session.execute(sa.delete(EpochMetric))
        session.execute(sa.update(RunFold).values(stop_reason="epochs", train_count=10))
        folds = session.scalars(sa.select(RunFold.fold).where(RunFold.run_id == kfold.id)).all()
        paces = [0.05, 0.01, 0.01, 0.9, 0.5, 0.5]  # the first epoch of a stage compiles
        known = {"run_id": kfold.id, "attempt": 1, "loss": 1.0, "accuracy": 0.5, "learning_rate": 0.1}
        rows = [
            known | {"fold": fold, "epoch": epoch, "seconds": 10 * pace}
            for fold in folds
            for epoch, pace in enumerate(paces, 1)
        ]
        session.execute(sa.insert(EpochMetric), rows)
        seconds = sum(row["seconds"] for row in rows) + 2.0 * images
        session.execute(sa.update(Run).values(recipe=TWO.to_json(), seconds=seconds))


def test_measured__each_stage_of_a_pretrained_network_and_what_is_computed_once(database, two_stages):
    with database.read() as session:
        pace = pacing.measured(session, 1, TWO)
        assert pace is not None
        assert [span.low for span in pace.stages] == [span.high for span in pace.stages] == [0.01, 0.5]
        assert pace.once is not None
        assert pace.once.low == pace.once.high == pytest.approx(2.0)
        patient = pacing.measured(session, 1, replace(TWO, patience=1, batch_size=16))
        assert patient is not None
        assert (patient.stages, patient.same) == (pace.stages, False)
        found = looked(session, TWO)
        forecast = plans.forecast(splits.table(session, 1), TWO)
    assert found.seconds is not None
    learned = round(forecast.train * 4 / 5) * 5
    images = forecast.train + forecast.validation + forecast.test
    assert found.seconds.high == pytest.approx(learned * 3 * (0.01 + 0.5) + 2.0 * images)


@pytest.mark.parametrize("changed", [{"unfrozen_blocks": 2}, {"unfrozen_blocks": 0}])
def test_measured__not_by_runs_with_other_frozen_blocks(database, two_stages, changed):
    with database.read() as session:
        assert pacing.measured(session, 1, TWO.updated(changed)) is None


def test_measured__not_by_runs_with_other_copies_or_whose_rest_nobody_knows(database, two_stages):
    copies = {"feature_copies": 2, "augmentation.rotation": 10}
    with database.write() as session:
        assert pacing.measured(session, 1, TWO.updated(copies)) is None
        session.execute(sa.update(Run).values(seconds=1.0))  # less than its epochs: several jobs shared them
        assert pacing.measured(session, 1, TWO) is None


def test_measured__where_patience_ended_a_stage_only_what_is_sure_counts(database, two_stages):
    recipe = replace(TWO, epochs=50, fine_epochs=50, patience=1)
    with database.write() as session:
        session.execute(sa.update(Run).values(recipe=recipe.to_json()))
        pace = pacing.measured(session, 1, recipe)
        assert pace is not None
        assert [span.high for span in pace.stages] == [0.01, 0.5]


def test_page__shows_the_measured_time(client, kfold):
    html = client.get("/p/blood/train?from=1").text
    assert "measured in run 1 and before" in html


def test_page__names_no_run_of_another_project(client, database, kfold):
    place = f"/p/{quote(rows_of(database, {'好中球': 90, '単球': 30}).slug)}"
    recipe = Recipe.from_json(kfold.recipe)
    html = client.get(f"{place}/train", params=form_of(recipe)).text
    assert "measured in another project, on " in html
    assert "measured in run" not in html
    html = client.get(f"{place}/train", params=form_of(replace(recipe, batch_size=7))).text
    assert "measured with other settings of the step, in another project, on " in html


def test_run_that_did_not_fit__starts_again_with_half_and_only_once(client, database, place):
    client.post(f"{place}/train", data=form_of(Recipe(batch_size=32)))
    with database.write() as session:
        values = {
            "state": "failed",
            "error_code": "out_of_memory",
            "error_params": {"batch_size": 32, "image_size": 96},
        }
        session.execute(sa.update(Job).values(**values))
    page = client.get(f"{place}/runs/1").text
    assert "32 images in a step did not fit: try with 16" in page
    for _ in range(2):
        answer = client.post(f"{place}/runs/1/smaller", follow_redirects=False)
        assert answer.headers["location"].endswith("/runs/2")
    with database.read() as session:
        recipes = [Recipe.from_json(recipe) for recipe in session.scalars(sa.select(Run.recipe).order_by(Run.id))]
    # As many images as before for each change of the weights.
    assert [(recipe.batch_size, recipe.accumulation) for recipe in recipes] == [(32, 1), (16, 2)]


@pytest.mark.parametrize("copies", [0, 2])
def test_run_that_did_not_fit__with_fewer_pictures_than_a_step_could_have_halves_what_it_had(client, database, copies):
    made = rows_of(database, {"好中球": 20, "単球": 20})
    place = f"/p/{quote(made.slug)}"
    recipe = Recipe(batch_size=128, validation_share=0.2, folds=0).updated({"augmentation.rotation": 9})
    client.post(f"{place}/train", data=form_of(replace(recipe, added_copies=copies)))
    with database.write() as session:
        params = {"batch_size": 128, "image_size": 96}
        session.execute(sa.update(Job).values(state="failed", error_code="out_of_memory", error_params=params))
        learned = session.scalars(sa.select(RunFold.train_count)).one() * (1 + copies)
    assert learned < 128
    assert f"{learned} images in a step did not fit: try with {learned // 2}" in client.get(f"{place}/runs/1").text
    client.post(f"{place}/runs/1/smaller")
    with database.read() as session:
        taken = Recipe.from_json(session.scalars(sa.select(Run.recipe).where(Run.number == 2)).one())
    assert (taken.batch_size, taken.accumulation) == (learned // 2, 2)

"""What is known of a training before its start; what happens when it did not fit."""

from dataclasses import replace
from math import prod
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from app.db.run_models import Job, Run, Worker
from app.db.session import db_now
from app.domain import architectures, footprint
from app.domain.errors import Invalid
from app.domain.recipe import ARCHITECTURES, Recipe
from app.services import plans, preflight, projects, runs, splits
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


def test_page__refuses_shows_a_proposal_and_takes_it(client, database, place, worker):
    worker(2 * GIGABYTE)
    answer = client.post(f"{place}/train", data=form_of(BIG))
    assert answer.status_code == 422
    assert "is all that one training may have here" in answer.text
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
        pace = preflight.measured(session, recipe)
        assert pace is not None
        assert pace.same
        assert 0 < pace.low <= pace.high < 1
        other = preflight.measured(session, replace(recipe, batch_size=7))
        assert other is not None
        assert not other.same
        assert preflight.measured(session, replace(recipe, image_size=48)) is None


def test_page__shows_the_measured_time(client, kfold):
    html = client.get("/p/blood/train?from=1").text
    assert "measured in run 1 and before" in html


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
        sizes = list(session.scalars(sa.select(Run.recipe["batch_size"].as_integer()).order_by(Run.id)))
    assert sizes == [32, 16]

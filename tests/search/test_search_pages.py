"""A search for settings from the page to its end, with trainings that somebody says have ended."""

import html
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.run_models import Job, Prediction, Run, RunFold, RunItem, Worker
from app.db.session import db_now
from app.domain import architectures, best, footprint, search
from app.domain.enums import JobState, PredictionRole, Split
from app.domain.errors import Invalid
from app.domain.presets import PRESETS
from app.services import jobs, searches
from tests.train.pages import JSON, form_of, read_form, rows_of
from worker import search_jobs
from worker.supervisor import Outcome

RECIPE = PRESETS["keras-blog-plus"].recipe


def begin(client, database, **values):
    slug = rows_of(database, {"猫": 30, "犬": 30}, test=6).slug
    sent = {**RECIPE.flat(), "method": "halving", "trials": 9, "varies": ["learning_rate", "batch_size"]} | values
    answer = client.post(f"/p/{slug}/searches", json=sent, headers=JSON)
    assert answer.status_code == 201, answer.text
    return slug, answer.json()["url"], answer.json()["search"]


def end_trials(database, job_id, *, failing=()):
    """Every training that was begun ends: the higher its rate, the more images are right; then the search goes on."""
    with database.write() as session:
        for trial in searches.trials(session, job_id):
            if trial.ended:
                continue
            if trial.number in failing:
                session.execute(sa.update(Job).where(Job.id == trial.job.id).values(state=JobState.FAILED))
                continue
            finish(session, trial.run, trial.recipe)
        session.execute(sa.update(Job).where(Job.id == job_id).values(state=JobState.WAITING))
        session.expire_all()
        jobs.settle(session, job_id)
        job = session.get_one(Job, job_id)
        if job.state == JobState.QUEUED:
            going = searches.advance(session, job)
            job.state = JobState.WAITING if going else JobState.DONE
            job.result = {} if going else searches.result(session, job_id)


def finish(session, run, recipe, part=None):
    held = RunItem.fold.is_not(None) if recipe.folds else RunItem.split == Split.VALIDATION
    items = session.scalars(sa.select(RunItem).where(RunItem.run_id == run.id, held)).all()
    share = 0.5 + 0.4 * min(recipe.learning_rate / 0.02, 1)
    right = np.random.default_rng(run.id).random(len(items)) < share
    if part is not None:
        right = np.arange(len(items)) < round(part * len(items))
    for item, said in zip(items, right.tolist(), strict=True):
        truth = np.full(2, 0.2 if said else 0.8)
        truth[item.label] = 1 - truth[item.label]
        predicted = item.label if said else 1 - item.label
        session.add(
            Prediction(run_id=run.id, item_id=item.id, fold=0, role=PredictionRole.VALIDATION, predicted=predicted,
                       confidence=0.8, probabilities=truth.astype("<f4").tobytes())
        )  # fmt: skip
    values = {"val_accuracy": float(right.mean()), "val_loss": 1 - float(right.mean())}
    session.execute(sa.update(RunFold).where(RunFold.run_id == run.id).values(metrics=values, stop_reason="epochs"))
    session.execute(sa.update(Job).where(Job.id == run.job_id).values(state=JobState.DONE))
    run.seconds = 30.0


def state_of(database, job_id):
    with database.read() as session:
        return session.get_one(Job, job_id).state, searches.trials(session, job_id)


def test_halving__goes_through_its_rounds_and_names_the_luck_of_the_best(client, database):
    _, url, number = begin(client, database)
    end_trials(database, number, failing=(2,))
    assert len(state_of(database, number)[1]) == 9 + 3
    assert "of training left" in client.get(url).text
    end_trials(database, number)
    end_trials(database, number)
    state, found = state_of(database, number)
    assert state == JobState.DONE
    assert [(trial.round, trial.recipe.epochs) for trial in found] == [(0, 6)] * 9 + [(1, 20)] * 3 + [(2, 60)]
    assert found[-1].number in {trial.number for trial in found[9:12]}
    page = client.get(url).text
    assert "Without the luck of having been chosen" in page
    assert page.count('class="dot') == 2 * 12  # two settings; one trial failed
    assert "9 with 6 epochs" in page
    chosen = client.post(f"{url}/train", follow_redirects=False)
    with database.read() as session:
        run = session.scalars(sa.select(Run).order_by(Run.id.desc())).first()
        assert chosen.headers["location"].endswith(f"/runs/{run.number}")
        assert run.recipe["learning_rate"] == found[-1].recipe.learning_rate
        assert run.recipe["epochs"] == 60
        tested = sa.select(RunItem.run_id, sa.func.count()).where(RunItem.split == Split.TEST).group_by(RunItem.run_id)
        assert session.execute(tested).all() == [(run.id, 12)]  # the trials never had a test image


def test_random__ends_when_its_minutes_are_used_up(client, database):
    _, _, number = begin(client, database, method="random", trials=50, minutes=2)
    for _ in range(10):
        end_trials(database, number)
    state, found = state_of(database, number)
    assert state == JobState.DONE
    assert len(found) == 4  # of 30 seconds each
    assert found[0].recipe == RECIPE
    assert [trial.recipe for trial in found[1:]] == [
        search.trial(RECIPE, [search.dimensions(RECIPE)[key] for key in ("learning_rate", "batch_size")], 0, place)
        for place in (1, 2, 3)
    ]


def test_random__a_draw_that_no_worker_can_hold_is_tried_with_steps_that_fit(client, database):
    base = RECIPE.updated({"batch_size": 8, "image_size": 96})
    layers = architectures.layer_table(base, 2)
    small, large = (footprint.of(base, layers, 60, batch).low for batch in (8, 32))
    info = {"host": "lab", "job_memory": (small + large) // 2, "slots": {"gpu": 1}}
    with database.write() as session:
        session.execute(sa.insert(Worker).values(name="lab:1", heartbeat=db_now(), info=info))
    varied = {"trials": 12, "varies": ["learning_rate", "batch_size"]}
    _, _, number = begin(client, database, method="random", **base.flat(), **varied)
    sizes = {trial.recipe.batch_size for trial in state_of(database, number)[1]}
    assert 8 in sizes
    assert not sizes & {32, 64, 128}
    assert len(state_of(database, number)[1]) == 12


def begin_ready(client, database, counts=60):
    slug = rows_of(database, {"猫": counts // 2, "犬": counts - counts // 2}, test=6).slug
    page = client.get(f"/p/{slug}/train").text
    answer = client.post(f"/p/{slug}/train", data=read_form(page), follow_redirects=False)
    url = answer.headers["location"]
    assert client.post(f"/p/{slug}/train", data=read_form(page), follow_redirects=False).headers["location"] == url
    return slug, url.removeprefix("http://testserver"), int(url.rsplit("/", 1)[1])


def say(database, number, right, images=60):
    """The training that was begun ends, so many of its validation images right; the search goes on."""
    with database.write() as session:
        trial = searches.trials(session, number)[-1]
        finish(session, trial.run, trial.recipe, right / images)
    end_trials(database, number)


def test_ready__the_second_recipe_is_tried_after_the_first_and_the_better_one_is_the_result(client, database):
    slug, url, number = begin_ready(client, database)
    first, second = best.candidates(60, 100)
    assert [trial.recipe for trial in state_of(database, number)[1]] == [first]
    assert "0 of 2 ended" in client.get(url).text
    say(database, number, 50)
    assert [trial.recipe for trial in state_of(database, number)[1]] == [first, second]
    say(database, number, 60)
    state, found = state_of(database, number)
    assert state == JobState.DONE
    page = client.get(url).text
    assert f'id="open-best" href="/p/{quote(slug)}/runs/{found[1].run.number}"' in page
    assert "Of the validation images 10 are right only with run 2, and 0 only with run 1." in page
    assert "Run 2 is better beyond chance (McNemar, p = 0.002)." in page
    assert "Without the luck of having been chosen" in page
    with database.read() as session:  # they are ordinary trainings
        tested = sa.select(RunItem.run_id, sa.func.count()).where(RunItem.split == Split.TEST).group_by(RunItem.run_id)
        assert [count for _, count in session.execute(tested)] == [12, 12]
    # The table of the runs leads to it, and so does the way of a group.
    assert client.get(f"/p/{slug}/groups/{number}", follow_redirects=False).headers["location"] == url


def test_ready__a_second_recipe_that_could_not_win_is_left_out(client, database):
    _, url, number = begin_ready(client, database)
    say(database, number, 60)
    state, found = state_of(database, number)
    assert (state, len(found)) == (JobState.DONE, 1)
    assert "1 recipe was left out: run 1 has 0 of 60 validation images wrong" in client.get(url).text


def test_ready__the_second_gets_no_more_time_than_there_is(client, database):
    _, _, number = begin_ready(client, database, 600)
    with database.write() as session:
        trial = searches.trials(session, number)[0]
        finish(session, trial.run, trial.recipe, 0.5)
        trial.run.seconds = 60.0
    end_trials(database, number)
    second = state_of(database, number)[1][1].recipe
    assert second == best.bounded(best.candidates(600, 100)[1], 480, best.pace(second), 60.0)


def test_search__nothing_to_choose_from_is_said(client, database):
    _, _, number = begin(client, database, trials=3)
    with pytest.raises(Invalid, match="search_no_result"):
        end_trials(database, number, failing=(0, 1, 2))


def test_stop__ends_all_trainings_and_going_on_takes_them_up_again(client, database):
    _, url, number = begin(client, database)
    client.post(f"{url}/stop")
    state, found = state_of(database, number)
    assert state == JobState.CANCELLED
    assert {trial.state for trial in found} == {JobState.CANCELLED}
    client.post(f"{url}/retry")
    assert {trial.state for trial in state_of(database, number)[1]} == {JobState.QUEUED}


def test_stop__of_a_search_that_a_worker_is_just_carrying_on_begins_nothing_more(client, database):
    _, url, number = begin(client, database)
    with database.write() as session:
        for trial in searches.trials(session, number):
            finish(session, trial.run, trial.recipe)
        session.expire_all()
        jobs.settle(session, number)
        claim = jobs.claim(session, number, owner="worker", lease_seconds=60)
    assert claim is not None
    client.post(f"{url}/stop")
    parts: Any = SimpleNamespace(database=database)
    lease: Any = None
    assert search_jobs.run(parts, claim, lease).outcome is Outcome.CANCELLED
    assert len(state_of(database, number)[1]) == 9


def test_page__starts_from_the_form_once_and_refuses_what_cannot_be(client, database):
    slug = rows_of(database, {"猫": 30, "犬": 30}).slug
    sent = form_of(RECIPE)
    page = client.get(f"/p/{slug}/searches/new", params={**sent, "method": "halving"}).text
    assert 'value="halving" checked' in page
    assert 'name="varies-learning_rate" value="1" checked' in page
    assert 'name="varies-batch_size" value="1">' in page
    assert "0.0002 – 0.02" in page
    sent |= {"method": "random", "trials": "3", "minutes": "0", "varies-learning_rate": "1", "request": "once"}
    answers = [client.post(f"/p/{slug}/searches", data=sent, follow_redirects=False) for _ in range(2)]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    for wrong, words in (
        ({"trials": "many"}, "“many” cannot be used."),
        ({"varies-learning_rate": ""}, ""),
        ({"method": "ready"}, "“ready” is not one of the choices."),
    ):
        refused = client.post(f"/p/{slug}/searches", data={**sent, **wrong, "request": ""}, follow_redirects=False)
        assert refused.status_code == (422 if words else 303)
        assert words in refused.text
    del sent["varies-learning_rate"]
    assert "Tick at least one setting." in client.post(f"/p/{slug}/searches", data=sent).text
    assert client.get(f"/p/{slug}/searches/9999").status_code == 404


def test_page__takes_the_classes_that_are_changed_and_the_place_from_the_form_of_a_training(client, database):
    slug = rows_of(database, {"猫": 30, "犬": 30}).slug
    sent = {key: value for key, value in form_of(RECIPE).items() if key != "augmented_classes"}
    sent |= {"only:猫": "1", "needs": "gpu", "spread": "together", "method": "halving"}
    page = client.get(f"/p/{slug}/searches/new", params=sent).text.replace("search-form", "recipe")
    typed = {key: html.unescape(value) for key, value in read_form(page).items()}
    answer = client.post(f"/p/{slug}/searches", data={**typed, "varies-learning_rate": "1"}, follow_redirects=False)
    assert answer.status_code == 303
    number = int(answer.headers["location"].rsplit("/", 1)[1])
    recipes = [trial.recipe for trial in state_of(database, number)[1]]
    assert [recipe.chosen_classes for recipe in recipes] == [{"猫"}] * 9
    assert recipes[0].augmentation == RECIPE.augmentation
    with database.read() as session:
        job = session.get_one(Job, number)
        assert (job.needs, job.spec["spread"]) == ("gpu", "together")
    # The same from a program that sends what a form sends.
    answer = client.post(f"/p/{slug}/searches", json={"preset": "keras-blog-plus", **RECIPE.flat(), "only:犬": "1"})
    assert state_of(database, answer.json()["search"])[1][0].recipe.chosen_classes == {"犬"}


def test_page__keeps_what_was_typed_wrong_and_says_so(client, database):
    slug = rows_of(database, {"猫": 30, "犬": 30}).slug
    page = client.get(f"/p/{slug}/searches/new", params=form_of(RECIPE, epochs="many"))
    assert page.status_code == 422
    assert "<strong>Epochs at most</strong> “many” cannot be used." in page.text
    assert read_form(page.text.replace("search-form", "recipe"))["epochs"] == "many"

"""Where a training runs: chosen on the form, kept by a copy and by "train again", refused when it is no place."""

import pytest

from app.db.run_models import Job
from app.services import jobs
from tests.train.pages import JSON, errors_of, form_of, read_form, rows_of, runs_in


@pytest.fixture
def slug(database):
    with database.write() as session:
        jobs.heartbeat(session, "lab:1", {"host": "lab", "gpus": [{"name": "card", "memory": 8}], "slots": {"gpu": 1}})
        jobs.heartbeat(session, "研究室:2", {"host": "研究室", "slots": {"gpu": 1}})
    return rows_of(database, {"a": 30, "b": 30}).slug


def job_of(database, number=-1):
    with database.read() as session:
        return session.get_one(Job, runs_in(database)[number].job_id)


def test_form__offers_the_workers_that_are_there(client, slug):
    page = client.get(f"/p/{slug}/train").text
    assert 'value="worker:lab"' in page
    assert "on 研究室" in page
    assert "no worker has one now" not in page


@pytest.mark.parametrize(("needs", "spread"), [("", "auto"), ("gpu", "together"), ("worker:研究室", "spread")])
def test_form__what_is_chosen_is_kept_by_a_copy_and_by_again(client, database, slug, needs, spread):
    client.post(f"/p/{slug}/train", data=form_of(needs=needs, spread=spread))
    job = job_of(database)
    assert (job.needs, job.spec["spread"]) == (needs, spread)
    number = runs_in(database)[-1].number
    copied = read_form(client.get(f"/p/{slug}/train", params={"from": number}).text)
    assert (copied["needs"], copied["spread"]) == (needs, spread)
    client.post(f"/p/{slug}/runs/{number}/again")
    job = job_of(database)
    assert (job.needs, job.spec["spread"]) == (needs, spread)
    client.post(f"/p/{slug}/train", json={"from": number}, headers=JSON)
    assert job_of(database).needs == needs


@pytest.mark.parametrize("needs", ["GPU", "worker:", "worker:a b", "worker:a,b", "cpu", "worker:" + "x" * 101])
def test_form__what_is_no_place_is_refused_beside_its_field(client, database, slug, needs):
    answer = client.post(f"/p/{slug}/train", data=form_of(needs=needs))
    assert answer.status_code == 422
    assert "is no place" in errors_of(answer.text)["f-needs"]
    assert runs_in(database) == []


def test_form__an_unknown_spread_is_refused(client, database, slug):
    assert client.post(f"/p/{slug}/train", data=form_of(spread="butter")).status_code == 422
    assert runs_in(database) == []


def test_form__a_worker_that_is_gone_stays_chosen(client, database, slug):
    client.post(f"/p/{slug}/train", data=form_of(needs="worker:gone"))
    page = client.get(f"/p/{slug}/train", params={"from": runs_in(database)[-1].number}).text
    assert read_form(page)["needs"] == "worker:gone"
    jobs_page = client.get("/jobs").text
    assert "wants the worker on gone, which does not answer" in jobs_page

"""What is started where nobody changed a value: by the page, by a program, and what is said of it before."""

import re

import pytest
import sqlalchemy as sa

from app.db.models import Image
from app.db.run_models import Worker
from app.db.session import db_now
from app.domain import architectures, best, footprint
from app.services import jobs
from tests.train.pages import JSON, read_form, rows_of, runs_in


def test_train__a_form_that_nobody_changed_tries_the_ready_recipes_and_says_so(client, database):
    slug = rows_of(database, {"a": 30, "b": 30}).slug
    page = client.get(f"/p/{slug}/train").text
    assert "The best of 2 ready recipes" in page
    for words in ("Few pictures on a pretrained network", "Blood cells, improved", "not measured here yet"):
        assert words in page
    card = page[page.index('id="preflight"') :]
    assert [card.count(f"<h3>{title}") for title in ("Few pictures on", "Blood cells, improved")] == [1, 1]
    sent = read_form(page)
    answer = client.post(f"/p/{slug}/train", data=sent, follow_redirects=False)
    assert "/searches/" in answer.headers["location"]
    assert [run.recipe["preset"] for run in runs_in(database)] == ["transfer-few"]
    # Any change makes it one training, and the page says that before it is started.
    changed = sent | {"epochs": "7", "request": ""}
    assert "one training with the values of the form" in client.get(f"/p/{slug}/train", params=changed).text
    answer = client.post(f"/p/{slug}/train", data=changed, follow_redirects=False)
    assert "/runs/2" in answer.headers["location"]
    assert [(run.recipe["preset"], run.recipe["epochs"]) for run in runs_in(database)][1:] == [("transfer-few", 7)]
    varied = changed | {"epochs": sent["epochs"], "repeats": "2"}
    assert "/groups/" in client.post(f"/p/{slug}/train", data=varied, follow_redirects=False).headers["location"]
    assert runs_in(database)[-1].recipe["preset"] == "transfer-few"


def test_train__json_without_values_tries_the_ready_recipes(client, database):
    slug = rows_of(database, {"a": 30, "b": 30}).slug
    for sent in ({}, {"preset": "best", "seed": 4, "name": "最初"}):
        answer = client.post(f"/p/{slug}/train", json=sent, headers=JSON)
        assert answer.status_code == 201
        assert answer.json()["url"].endswith(f"/searches/{answer.json()['search']}")
    assert client.post(f"/p/{slug}/train", json={"epochs": 3}, headers=JSON).json()["run"] == 3
    assert [run.recipe["seed"] for run in runs_in(database)] == [0, 4, 0]


def test_train__of_many_tiny_pictures_one_recipe_is_one_training(client, database):
    slug = rows_of(database, {"a": 3200, "b": 3200}).slug
    with database.write() as session:
        session.execute(sa.update(Image).values(width=32, height=28))
    page = client.get(f"/p/{slug}/train").text
    assert "Trained with one ready recipe" in page
    assert "it could see each of so many tiny pictures fewer than 10 times" in page
    assert "10 epochs at most" in page  # of both stages
    answer = client.post(f"/p/{slug}/train", data=read_form(page), follow_redirects=False)
    assert answer.headers["location"].endswith("/runs/1")
    assert [run.recipe["preset"] for run in runs_in(database)] == ["transfer-tiny"]
    assert client.post(f"/p/{slug}/train", json={}, headers=JSON).json()["run"] == 2


def test_train__one_recipe_alone_that_does_not_fit_comes_with_what_would(client, database):
    slug = rows_of(database, {"a": 3200, "b": 3200}).slug
    info = {"host": "lab", "job_memory": 1200 * 2**20, "slots": {"gpu": 1}}
    with database.write() as session:
        session.execute(sa.update(Image).values(width=32, height=28))
        session.execute(sa.insert(Worker).values(name="lab:1", heartbeat=db_now(), info=info))
    page = client.get(f"/p/{slug}/train").text
    assert "This would work: " in page
    assert '<p class="notice error">' in page
    use = dict(re.findall(r'name="(use)" value="([^"]+)"', page))
    taken = client.get(f"/p/{slug}/train", params=read_form(page) | use).text
    assert "A value was changed: one training" in taken
    assert '<p class="notice error">' not in taken


def test_train__a_recipe_that_no_worker_can_hold_is_left_out(client, database):
    slug = rows_of(database, {"a": 30, "b": 30}).slug
    first, second = best.candidates(60, 100)
    low = [footprint.of(one, architectures.layer_table(one, 2), 60, 16).low for one in (first, second)]
    info = {"host": "lab", "job_memory": (low[0] + low[1]) // 2, "slots": {"gpu": 1}}
    with database.write() as session:
        session.execute(sa.insert(Worker).values(name="lab:1", heartbeat=db_now(), info=info))
    page = client.get(f"/p/{slug}/train").text
    assert page.count("Left out:") == 1
    client.post(f"/p/{slug}/train", data=read_form(page))
    assert [run.recipe["preset"] for run in runs_in(database)] == [(second if low[0] > low[1] else first).preset]


@pytest.mark.parametrize(
    ("more", "place"), [({}, "/searches/"), ({"repeats": "2", "epochs": "7"}, "/groups/"), ({}, "/rates/")]
)
def test_train__with_nobody_to_do_it_names_the_missing_worker(client, database, more, place):
    slug = rows_of(database, {"a": 30, "b": 30}).slug
    sent = read_form(client.get(f"/p/{slug}/train").text) | more
    asked = "rates" if place == "/rates/" else "train"
    url = client.post(f"/p/{slug}/{asked}", data=sent, follow_redirects=False).headers["location"]
    assert place in url
    page = client.get(url).text
    assert "No worker is alive, so nothing is trained." in page
    assert "python -m app worker" in page
    with database.write() as session:
        jobs.heartbeat(session, "here:1", {"slots": {"gpu": 1}})
    assert "No worker is alive" not in client.get(url).text


@pytest.mark.parametrize(("test", "said"), [(0, "There is no test set"), (6, "each with its result on the test set")])
def test_train__says_what_the_test_set_tells_of_the_ready_recipes(client, database, test, said):
    slug = rows_of(database, {"a": 30, "b": 30}, test=test).slug
    url = client.post(f"/p/{slug}/train", json={}, headers=JSON).json()["url"]
    page = client.get(url).text
    assert said in page
    assert ("on the test set" in page) == bool(test)

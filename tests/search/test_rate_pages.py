"""The page of a search for a learning rate: started from the form, refused, shown, and put into the form again."""

import re

import pytest
import sqlalchemy as sa

from app.db.run_models import Job, Run
from app.domain import rate_search
from app.domain.enums import JobState
from app.domain.presets import PRESETS
from tests.search.test_rate_search import curve
from tests.train.pages import JSON, form_of, read_form, rows_of, the_one_refusal

RECIPE = PRESETS["wbc-plus"].recipe


def job_of(database):
    with database.read() as session:
        return session.scalars(sa.select(Job)).one()


def ended(database, losses, *, diverged=True):
    with database.write() as session:
        result = {"losses": [float(loss) for loss in losses], "diverged": diverged}
        session.execute(sa.update(Job).values(state=JobState.DONE, result=result))


def test_search__starts_from_the_form_once_and_makes_no_run(client, database):
    slug = rows_of(database, {"a": 30, "b": 30}).slug
    sent = {**form_of(RECIPE), "request": "mark"}
    first, second = (client.post(f"/p/{slug}/rates", data=sent, follow_redirects=False) for _ in range(2))
    assert first.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    job = job_of(database)
    assert (job.kind, job.lane, job.spec["recipe"]) == ("rates", "gpu", RECIPE.to_json())
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Run)) == 0
    assert "Next in line." in client.get(first.headers["location"]).text
    # The same form may be used for a training afterwards.
    answer = client.post(f"/p/{slug}/train", data=sent, follow_redirects=False)
    assert answer.headers["location"].endswith("/runs/1")


def test_search__refuses_in_the_form_and_for_a_program(client, database):
    slug = rows_of(database, {"a": 30, "b": 30}).slug
    page = client.post(f"/p/{slug}/rates", data=form_of(epochs="many"))
    assert page.status_code == 422
    assert "“many” cannot be used." in page.text
    assert client.get(f"/p/{slug}/rates/77").status_code == 404


def test_search__of_a_rate_for_the_weights_of_a_run_that_is_not_there_is_refused(client, database):
    slug = rows_of(database, {"a": 30, "b": 30}).slug
    answer = client.post(f"/p/{slug}/rates", json={**RECIPE.flat(), "folds": 0, "begin": "7"}, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "begin_missing")


def test_search__tells_a_program_why_nothing_can_be_trained(client, database):
    slug = rows_of(database, {"a": 30}).slug
    answer = client.post(f"/p/{slug}/rates", json={"architecture": "conv2"}, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "too_few_classes")


def test_search__of_a_program_begins_with_the_values_of_a_preset(client, database):
    slug = rows_of(database, {"a": 30, "b": 30}).slug
    sent = {"preset": "wbc", "batch_size": 8, "request": "mark"}
    answers = [client.post(f"/p/{slug}/rates", json=sent, headers=JSON) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    wanted = PRESETS["wbc"].recipe.updated({"batch_size": 8})
    assert job_of(database).spec["recipe"] == wanted.to_json()


@pytest.mark.parametrize(
    ("sent", "field", "said"),
    [
        ({"preset": "nope"}, "preset", "There is no preset “nope”. There are: wbc, "),
        ({"preset": "wbc", "epoch": 3}, "epoch", "There is no setting “epoch”."),
        ({"preset": "wbc", "repeats": 3}, "repeats", "There is no setting “repeats”."),
        ({"preset": "wbc", "learning_rate": "fast"}, "learning_rate", "“fast” cannot be used."),
    ],
)
def test_search__tells_a_program_what_is_not_known_and_begins_nothing(client, database, sent, field, said):
    slug = rows_of(database, {"a": 30, "b": 30}).slug
    message = the_one_refusal(client, database, f"/p/{slug}/rates", sent, field)
    assert message.startswith(said)


def test_page__shows_the_curve_and_puts_the_rate_into_the_form(client, database):
    slug = rows_of(database, {"a": 30, "b": 30}).slug
    answer = client.post(f"/p/{slug}/rates", json={**RECIPE.flat(), "name": "x"}, headers=JSON)
    assert answer.status_code == 201, answer.text
    ended(database, curve()[:190])
    page = client.get(answer.json()["url"]).text
    data = client.get(answer.json()["url"] + ".json").json()
    assert data["proposed"] == min(data["steepest"], data["tenth_of_lowest"])
    assert f'<output id="proposed">{data["proposed"]:g}</output>' in page
    assert "grown to four times" in page
    (link,) = re.findall(r'id="use-tenth" href="([^"]+)"', page)
    typed = read_form(client.get(link.replace("&amp;", "&")).text)
    assert float(typed["learning_rate"]) == data["tenth_of_lowest"]
    assert (typed["architecture"], typed["epochs"]) == (RECIPE.architecture, str(RECIPE.epochs))


def test_page__says_when_a_curve_proposes_nothing(client, database):
    slug = rows_of(database, {"a": 30, "b": 30}).slug
    url = client.post(f"/p/{slug}/rates", json=RECIPE.flat(), headers=JSON).json()["url"]
    ended(database, [0.7] * rate_search.STEPS, diverged=False)
    assert "no rate is proposed" in client.get(url).text
    assert client.post(f"{url}/again", follow_redirects=False).status_code == 303


def test_stop__ends_a_waiting_search(client, database):
    slug = rows_of(database, {"a": 30, "b": 30}).slug
    url = client.post(f"/p/{slug}/rates", json=RECIPE.flat(), headers=JSON).json()["url"]
    client.post(f"{url}/stop")
    assert job_of(database).state == JobState.CANCELLED
    assert "The search was stopped." in client.get(url).text

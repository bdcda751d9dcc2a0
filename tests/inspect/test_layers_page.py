"""The page of the layers of a run: the table, a question to a worker, and its answer."""

import base64

import sqlalchemy as sa

from app.db.base import utc_now
from app.db.run_models import Job, RunFold
from app.domain.enums import JobState, Lane
from app.web.routes import run_layers
from tests.inspect import factory

PAGE = "/p/blood/runs/1/layers"
ANSWER = {
    "layer": factory.LAYER,
    "shape": [20, 30, 64],
    "channels": [3, 1],
    "highest": [2.0, 1.0],
    "kernel": [3, 3, 32],
    "maps": base64.b64encode(b"\x89PNG maps").decode(),
    "filters": base64.b64encode(b"\x89PNG filters").decode(),
}


def trained(database):
    with database.write() as session:
        session.execute(sa.update(RunFold).values(weights_sha256="a" * 64))


def test_page__shows_the_table_and_says_when_nothing_can_be_seen(client, kfold):
    page = client.get(PAGE).text
    assert "Nothing can be shown" in page
    assert "Conv2D" in page


def test_look__asks_the_worker_and_shows_its_answer(client, kfold, database, monkeypatch):
    trained(database)
    page = client.get(PAGE).text
    assert f'<option value="{factory.LAYER}"' in page
    with database.read() as session:
        run = factory.known_run(session, 1)
        item = session.scalar(sa.text(f"select min(id) from run_item where run_id = {run.id} and split = 'test'"))
    assert f'name="item" value="{item}"' in page
    sent = {"layer": factory.LAYER, "item": str(item), "model": "2"}
    monkeypatch.setattr(run_layers, "LONGEST", 0.0)  # nobody answers
    answer = client.post(PAGE, data=sent, follow_redirects=False)
    assert answer.status_code == 303
    asked = answer.headers["location"]
    assert "data-waiting" in client.get(asked).text
    with database.write() as session:
        job = session.scalars(sa.select(Job).order_by(Job.id.desc())).first()
        assert (job.lane, job.spec["looked_layer"], job.spec["fold"]) == (Lane.INTERACTIVE, factory.LAYER, 1)
        job.state, job.finished_at, job.result = JobState.DONE, utc_now(), ANSWER
        number = job.id
    page = client.get(asked).text
    assert "Activations: 2 of 64 channels of 20 × 30 cells" in page
    assert "What comes in is added up." in page
    assert client.get(f"{PAGE}/{number}/maps.png").content == b"\x89PNG maps"
    assert client.get(f"{PAGE}/{number}/weights.png").status_code == 404
    assert 'role="alert"' in client.get(f"{PAGE}?job={number + 7}").text


def test_look__of_what_is_not_there_is_refused(client, kfold, database):
    trained(database)
    for changed in ({"layer": "conv_9"}, {"item": "99999"}, {"model": "9"}):
        sent = {"layer": factory.LAYER, "item": "1", "model": "1"} | changed
        assert client.post(PAGE, data=sent, headers={"Accept": "application/json"}).status_code in (404, 422)

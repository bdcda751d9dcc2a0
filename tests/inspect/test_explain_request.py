"""Heat maps that a run cannot have are refused at once instead of failing in the worker."""

import pytest
import sqlalchemy as sa

from app.db.run_models import Job
from app.domain.enums import JobKind
from tests.inspect.factory import LAYER


@pytest.mark.parametrize(
    "changed",
    [{"position": 3}, {"position": -1}, {"fold": 5}, {"fold": -2}, {"layer": "conv_9"}, {"layer": "x" * 5000}],
)
def test_explain__of_what_is_not_there_is_refused(client, kfold, database, changed):
    wanted = {"item": 1, "fold": 0, "layer": LAYER, "position": 0} | changed
    answer = client.post("/p/blood/runs/1/explain", data=wanted, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "explain_request_invalid")
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).where(Job.kind == JobKind.EXPLAIN)) == 0


@pytest.mark.parametrize("fold", [-1, 0, 4])
def test_explain__of_every_model_and_their_mean_is_ordered(client, kfold, fold):
    wanted = {"item": 1, "fold": fold, "layer": LAYER, "position": 2}
    answer = client.post("/p/blood/runs/1/explain", data=wanted, headers={"Accept": "application/json"})
    assert answer.status_code == 202


def test_explain__a_hold_out_run_has_no_mean(client, holdout):
    wanted = {"item": 1, "fold": -1, "layer": LAYER, "position": 0}
    answer = client.post("/p/blood/runs/1/explain", data=wanted, headers={"Accept": "application/json"})
    assert answer.status_code == 422

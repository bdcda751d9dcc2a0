"""Ways to explain on the pages: chosen on the review card and where a picture is tried, kept apart in the rows."""

import pytest
import sqlalchemy as sa

from app.db.run_models import Explanation, Job
from app.domain.explaining import ABOUT, PIXELS, Method
from app.services import heatmaps
from tests.inspect.factory import LAYER

JSON = {"Accept": "application/json"}


def explain(client, **changed):
    wanted = {"item": 1, "fold": -1, "layer": LAYER, "position": 0} | changed
    return client.post("/p/blood/runs/1/explain", data=wanted, headers=JSON)


def test_about__every_way_has_a_name_a_paper_and_a_sentence():
    assert set(ABOUT) == set(Method)
    assert all(about.name and about.paper[-4:].isdigit() and about.says.endswith(".") for about in ABOUT.values())


@pytest.mark.parametrize(
    ("method", "layer", "status"),
    [("layer-cam", LAYER, 202), ("occlusion", PIXELS, 202), ("occlusion", LAYER, 422), ("grad-cam", PIXELS, 422)],
)
def test_explain__a_way_and_a_layer_that_fit(client, kfold, database, method, layer, status):
    answer = explain(client, method=method, layer=layer)
    assert answer.status_code == status
    if status == 202:
        with database.read() as session:
            spec = session.get_one(Job, answer.json()["job"]).spec
        assert spec.get("method", "grad-cam") == method


def test_explain__an_unknown_way_is_refused(client, kfold):
    assert explain(client, method="guess").status_code == 422


def test_review__a_map_of_another_way_is_another_map_with_its_own_scale(client, kfold, database):
    with database.write() as session:
        first = session.scalars(sa.select(Explanation).where(Explanation.fold == -1)).first()
        values = {name: getattr(first, name) for name in ("run_id", "item_id", "fold", "class_position", "sha256")}
        session.add(Explanation(**values, layer=PIXELS, method="integrated", peak=700.0))
        item, position = first.item_id, first.class_position
    with database.read() as session:
        run = session.merge(kfold, load=False)
        assert heatmaps.scale(session, run, -1, PIXELS, Method.INTEGRATED) == 1000
        assert heatmaps.scale(session, run, -1, LAYER) <= 100
        assert PIXELS not in heatmaps.layers(session, run)
        assert heatmaps.usual_layer(session, run) == LAYER
    address = f"/p/blood/runs/1/review?at={item}&show=all&cam={position + 1}&method=integrated"
    page = client.get(address).text
    assert f"layer={PIXELS}&amp;position={position}&amp;method=integrated&amp;limit=1000" in page
    assert "Sundararajan et al., 2017" in page
    assert '<select name="layer">' not in page
    picture = f"/p/blood/runs/1/heat/{item}.png?fold=-1&layer={PIXELS}&position={position}"
    assert client.get(f"{picture}&method=integrated").status_code == 200
    assert client.get(f"{picture}&method=occlusion").status_code == 404
    assert '<form method="post"' in client.get(address.replace("integrated", "occlusion")).text


def test_review__each_model_of_the_mean_has_its_own_map(client, kfold):
    page = client.get("/p/blood/runs/1/review?on=test&show=all").text
    assert '<select name="model">' in page
    own = client.get("/p/blood/runs/1/review?on=test&show=all&model=2").text
    assert '<option value="2" selected>' in own
    assert 'name="fold" value="1"' in own
    assert '<select name="model">' not in client.get("/p/blood/runs/1/review?on=validation&show=all").text

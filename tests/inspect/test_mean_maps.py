"""Mean heat maps of classes and of confused pairs."""

import io

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image as Picture

from app.db.run_models import Explanation
from app.domain.enums import PredictionRole
from app.domain.errors import NotFound
from app.services import mean_maps
from app.services.mean_maps import Mean
from tests.inspect import factory

PAGE = "/p/blood/runs/1/borders?on=validation"


def test_find__counts_what_the_worker_has_prepared(kfold, database, store):
    with database.read() as session:
        run = factory.known_run(session, 1)
        found = mean_maps.find(session, run, PredictionRole.VALIDATION)
        assert (found.layer, found.fold) == (factory.LAYER, 0)
        assert found.wrong, "the factory makes mistakes with maps"
        said, true = found.wrong[0]
        assert said.true != said.said == said.position
        assert true is None or true.position == said.true
        assert [one.count for one, _ in found.wrong] == sorted((one.count for one, _ in found.wrong), reverse=True)
        content, peak = mean_maps.grey(session, store, run, PredictionRole.VALIDATION, said)
        with Picture.open(io.BytesIO(content)) as picture:
            assert np.asarray(picture).max() == 255
        assert peak > 0
        with pytest.raises(NotFound):
            mean_maps.grey(session, store, run, PredictionRole.VALIDATION, Mean(0, 0, 2, 1))


def test_grey__is_the_mean_of_maps_on_one_scale(holdout, database, store):
    def png(values):
        out = io.BytesIO()
        Picture.fromarray(np.array(values, np.uint8)).save(out, "PNG")
        return store.put(out.getvalue())

    with database.write() as session:
        run = factory.known_run(session, 1)
        found = mean_maps.find(session, run, PredictionRole.TEST)
        said = found.wrong[0][0]
        rows = session.scalars(
            sa.select(Explanation).where(Explanation.run_id == run.id, Explanation.class_position == said.position)
        ).all()
        for place, row in enumerate(rows):
            row.sha256, row.peak = (png([[255, 0]]), 1.0) if place % 2 else (png([[0, 255]]), 3.0)
        session.flush()
        content, peak = mean_maps.grey(session, store, run, PredictionRole.TEST, said)
        with Picture.open(io.BytesIO(content)) as picture:
            left, right = np.asarray(picture)[0].astype(float) * peak / 255
        # Of c maps on the left with 1 and the rest on the right with 3, the two means are a line.
        assert left / 1.0 + right / 3.0 == pytest.approx(1.0, abs=0.01)


def test_page__shows_them_with_one_scale_and_links_to_their_pictures(client, kfold):
    page = client.get(PAGE).text
    assert "Mean heat maps" in page
    address = page.split('src="/p/blood/runs/1/mean-heat.png?')[1].split('"')[0].replace("&amp;", "&")
    picture = client.get(f"/p/blood/runs/1/mean-heat.png?{address}")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert "immutable" in picture.headers["cache-control"]
    assert client.get("/p/blood/runs/1/mean-heat.png?on=test&true=0&said=0&position=99&limit=1").status_code == 404
    assert client.get("/p/blood/runs/1/mean-heat.png?on=fold&true=0&said=0&position=0&limit=1").status_code == 422

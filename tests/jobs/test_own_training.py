"""A run of a network without a convolution as the child of a worker does it: its heat maps are those of occlusion."""

import shutil

import pytest

from app.config import Settings
from app.db.session import Database
from app.domain.explaining import PIXELS, Method
from app.domain.recipe import Recipe
from app.storage import LocalStore
from tests.jobs import processes
from worker import heat_maps, order_maker, training
from worker.orders import Environment, HeatMaps, Progress

pytestmark = pytest.mark.ml

RECIPE = Recipe(architecture="own", layers='["flatten"]', image_size=16, epochs=1, patience=0, folds=2)


def test_run__without_a_convolution_makes_few_maps_of_pixels(tmp_path, empty_sqlite, monkeypatch):
    settings = Settings(data_dir=tmp_path)
    shutil.copy(empty_sqlite, tmp_path / "miwake.sqlite3")
    database, store = Database(settings.database), LocalStore(tmp_path / "store")
    run = processes.add_run(database, processes.add_project(database, store), RECIPE)
    monkeypatch.setattr(heat_maps, "MOST_SLOW", 5)
    with database.read() as session:
        order = order_maker.train_order(session, run.id, settings)
    database.dispose()
    said: list[object] = []
    training.run(order, said.append, lambda: False)
    (environment,) = (one for one in said if isinstance(one, Environment))
    assert environment.values["conv_layers"] == []
    sent = [one.maps for one in said if isinstance(one, HeatMaps)]
    assert {(one.layer, one.method) for maps in sent for one in maps} == {(PIXELS, Method.OCCLUSION)}
    for fold in {one.fold for maps in sent for one in maps}:
        assert len({one.item_id for maps in sent for one in maps if one.fold == fold}) == 5
    assert max(len({one.item_id for one in maps}) for maps in sent) == heat_maps.FEW
    assert sum(isinstance(one, Progress) and one.phase == "explain" for one in said) == len(sent)

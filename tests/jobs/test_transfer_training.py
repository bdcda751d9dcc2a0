"""A run on a pretrained network as the child of a worker does it: what it leaves for the next one."""

import shutil

import pytest
import sqlalchemy as sa

from app.config import Settings
from app.db.feature_models import FeaturePlace
from app.db.session import Database
from app.domain.enums import PredictionRole
from app.domain.recipe import Recipe
from app.services import features, transfer
from app.storage import LocalStore
from tests.jobs import processes
from worker import order_maker, training
from worker.orders import Environment, FeatureBlock, FoldEnd, HeatMaps, Predictions, Progress

pytestmark = pytest.mark.ml

RECIPE = Recipe(architecture="efficientnet-lite0", image_size=32, epochs=2, patience=0, batch_size=16, folds=2)


def of_kind(kind, said):
    return [message for message in said if isinstance(message, kind)]


def test_run__leaves_features_for_the_next_run_which_reads_no_picture_for_them(tmp_path, empty_sqlite):
    settings = Settings(data_dir=tmp_path)
    shutil.copy(empty_sqlite, tmp_path / "miwake.sqlite3")
    database, store = Database(settings.database), LocalStore(tmp_path / "store")
    run = processes.add_run(database, processes.add_project(database, store), RECIPE)
    with database.read() as session:
        order = order_maker.train_order(session, run.id, settings)
    names = ("efficientnet-lite0-32-float16", "efficientnet-lite0-32-bfloat16")
    assert order.features == {name: {} for name in names}
    said: list[object] = []
    training.run(order, said.append, lambda: False)
    blocks = of_kind(FeatureBlock, said)
    assert sorted(digest for block in blocks for digest in block.digests) == sorted(set(order.items.digests))
    assert [end.fold for end in of_kind(FoldEnd, said)] == [0, 1]
    assert of_kind(HeatMaps, said)[0].maps[0].layer == "head_act"
    assert of_kind(Environment, said)[0].values["conv_layers"][-1] == "head_act"
    roles = [message.role for message in of_kind(Predictions, said)]
    assert roles.count(PredictionRole.TEST_FOLD) == 2
    with database.write() as session:
        for block in blocks:
            features.add_block(session, block.digests, block.sha256, block.method)
    with database.read() as session:
        again = order_maker.train_order(session, run.id, settings)
        assert session.scalar(sa.select(sa.func.count()).select_from(FeaturePlace)) == len(set(order.items.digests))
    used = names[of_kind(Environment, said)[0].values["precision"] == "bfloat16"]
    assert {name: set(known) for name, known in again.features.items()} == {
        name: set(order.items.digests) if name == used else set() for name in names
    }
    more: list[object] = []
    training.run(again, more.append, lambda: False)
    assert of_kind(FeatureBlock, more) == []
    assert [message for message in of_kind(Progress, more) if message.phase == "features"] == []
    assert [end.metrics for end in of_kind(FoldEnd, more)] == [end.metrics for end in of_kind(FoldEnd, said)]
    database.dispose()


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({}, []),
        ({"architecture": "conv2"}, []),
        ({"backbone_scaling": False}, ["backbone_scaled_wrongly"]),
        ({"architecture": "vgg16", "unfrozen_blocks": 6}, ["backbone_blocks"]),
        ({"augmentation.rotation": 10}, ["backbone_unchanged"]),
        ({"augmentation.rotation": 10, "feature_copies": 2}, []),
        ({"augmentation.rotation": 10, "unfrozen_blocks": 1}, []),
    ],
)
def test_warnings__of_a_recipe(changed, codes):
    assert [error.code for error in transfer.warnings(RECIPE.updated(changed))] == codes

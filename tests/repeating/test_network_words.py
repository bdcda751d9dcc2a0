"""What pages say of the networks of trainings: what a run is called, and what its network makes of the settings."""

from urllib.parse import quote

from app.db.run_models import Run
from app.domain.recipe import Augmentation, Recipe
from tests.train.pages import form_of, rows_of

CHANGED = Recipe(augmentation=Augmentation(rotation=20, horizontal_flip=True))


def test_runs__with_another_network_than_its_ready_recipe_has_are_called_by_the_network(client, kfold, database):
    with database.write() as session:
        run = session.get_one(Run, kfold.id)
        run.recipe = run.recipe | {"architecture": "efficientnet-lite0"}
    for path in ("runs", "runs/1", "runs/1/report"):
        text = client.get(f"/p/blood/{path}").text
        assert "EfficientNet-Lite0, pretrained (always there)" in text
        assert text.count("Blood cells, as in post 000") == ("Preset: Blood cells, as in post 000." in text)


def test_form__and_table_say_where_changes_of_pictures_do_nothing_for_a_network(client, database):
    place = f"/p/{quote(rows_of(database, {'好中球': 30, '単球': 30}, test=4).slug)}"
    form = form_of(CHANGED) | {"vary-1": "architecture", "pick-1-conv2-plus": "1", "pick-1-efficientnet-lite0": "1"}
    said = "EfficientNet-Lite0, pretrained (always there): The changed pictures have no effect"
    for more, there in (({}, 1), ({"feature_copies": "1"}, 0)):
        form |= more
        assert client.get(f"{place}/train", params=form).text.count(said) == there
        assert client.post(f"{place}/train", data=form).text.count(said) == there

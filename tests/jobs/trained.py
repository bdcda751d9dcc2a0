"""Runs with real models that were never trained: weights as they are drawn, which answer as quickly as good ones."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.run_models import Explanation, Run, RunFold
from app.domain.recipe import Recipe
from app.storage import Store
from tests.inspect import factory

RECIPE = Recipe(architecture="conv2", image_size=32, precision="float32")


def run(session: Session, store: Store, made: factory.Made, *, folds: int = 0, recipe: Recipe = RECIPE) -> Run:
    """A finished run of ``made`` whose models are in the store."""
    from worker.ml import explain, saving  # noqa: PLC0415 - TensorFlow, only where a test needs it
    from worker.ml.network import Network  # noqa: PLC0415 - as above

    row = factory.run(session, store, made, folds=folds, recipe=recipe)
    net = Network(recipe, len(made.classes), "float32")
    names = tuple(item.name for item in made.classes)
    for fold in range(max(folds, 1)):
        net.initialise((recipe.seed, fold))
        saved = saving.SavedModel(recipe, names, net.weights(), None, "float32", 1, {}, {})
        digest = store.put(saving.dump(saved))
        same = (RunFold.run_id == row.id, RunFold.fold == fold)
        session.execute(sa.update(RunFold).where(*same).values(weights_sha256=digest))
    names_of_layers = explain.conv_layers(net)
    row.environment = {"conv_layers": names_of_layers}
    session.execute(sa.update(Explanation).where(Explanation.run_id == row.id).values(layer=names_of_layers[-1]))
    session.flush()
    return row

"""The saved model that a training begins with."""

from dataclasses import replace

from app.storage import Store
from worker.ml import saving
from worker.ml.saving import SavedModel


def start(store: Store, digest: str, classes: tuple[str, ...]) -> SavedModel | None:
    """The model of this hash; None where there is none.

    Args:
        store: where it is kept.
        digest: "" for a training with new weights.
        classes: the names of this training's classes where the model has the same ones, whatever they were called
            then; otherwise empty.
    """
    if not digest:
        return None
    model = saving.load(store.get(digest))
    return replace(model, class_names=classes) if classes else model

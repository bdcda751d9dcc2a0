"""What the models of a run say of several views of each picture, beside what they say of the picture as it is."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain import metrics, views
from app.domain.views import View
from worker.ml import predict, saving
from worker.ml.data import Pictures
from worker.ml.network import Network
from worker.summary import Judged

CHUNK = 256  # pictures that are held at a time
MOST_CHANGED = 500  # images whose answer changed that are named

Indices = NDArray[np.int64]
Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class Asked:
    """The images of a run: their ids and labels, and how their pictures are read."""

    ids: Indices
    labels: NDArray[np.int32]
    pictures: Callable[[Indices], Pictures]
    told: Callable[[int, int], None]  # called with (done, total) pictures
    stop: Callable[[], bool]


class Stopped(Exception):
    """``Asked.stop`` said so; what was judged so far is of no use."""


def judge(
    kind: str, models: Mapping[int, saving.SavedModel], validation: Sequence[Judged], test: Judged, asked: Asked
) -> dict[str, Any]:
    """The plain answers and the mean over the views of ``kind`` beside each other, for ``Run.views``.

    Args:
        models: by their folds; on the test set they speak together.
        validation: of each fold, what was said of the plain pictures; ``test``: the same of the test set.

    Returns:
        {"kind", "views", "validation", "test"}; the last two are None without images, else {"images", "plain_right",
        "views_right", "gained", "lost", "plain_loss", "views_loss", "changed": [[item id, plain, views], …]}.

    Raises:
        Stopped: before all was judged.
    """
    looks = views.VIEWS[kind]
    work = [(one.fold, one.places) for one in validation] + [(fold, test.places) for fold in sorted(models)]
    total, done = sum(len(places) for _, places in work), 0
    said: dict[tuple[str, int], Probabilities] = {}
    for fold, model in models.items():
        net = predict.network(model)
        own = next(one.places for one in validation if one.fold == fold)
        for name, places in (("validation", own), ("test", test.places)):
            said[name, fold] = _mean_of_views(net, places, looks, asked)
            done += len(places)
            asked.told(done, total)
    labels = asked.labels
    return {
        "kind": kind,
        "views": len(looks),
        "validation": _beside(asked, validation, [said["validation", one.fold] for one in validation], labels),
        "test": _beside(asked, [test], [np.mean([said["test", fold] for fold in sorted(models)], axis=0)], labels),
    }


def each(
    ask: Callable[[Pictures], Probabilities], pictures: Pictures, looks: Sequence[View]
) -> Iterator[Probabilities]:
    """What a model says of each view of some pictures, (n, classes), one after the other; ``ask`` asks the model."""
    for view in looks:
        yield ask(views.look(pictures, view))


def mean(said: Iterable[Probabilities]) -> Probabilities:
    """What is said several times, (n, classes) each, taken together: all count alike."""
    together: Probabilities = np.stack(list(said)).mean(axis=0, dtype=np.float32)
    return together


def _mean_of_views(net: Network, places: Indices, looks: Sequence[View], asked: Asked) -> Probabilities:
    parts = [np.zeros((0, net.model.output.shape[-1]), np.float32)]
    for start in range(0, len(places), CHUNK):
        pictures = asked.pictures(places[start : start + CHUNK])
        if asked.stop():
            raise Stopped
        parts.append(mean(each(partial(predict.probabilities, net), pictures, looks)))
    return np.concatenate(parts)


def _beside(
    asked: Asked, plain: Sequence[Judged], said: Sequence[Probabilities], labels: NDArray[np.int32]
) -> dict[str, Any] | None:
    places = np.concatenate([one.places for one in plain])
    if not len(places):
        return None
    before, after = np.concatenate([one.probabilities for one in plain]), np.concatenate(said)
    truth, was, now = labels[places], before.argmax(axis=1), after.argmax(axis=1)
    changed = np.flatnonzero(was != now)
    return {
        "images": len(places),
        "plain_right": int((was == truth).sum()),
        "views_right": int((now == truth).sum()),
        "gained": int(((was != truth) & (now == truth)).sum()),
        "lost": int(((was == truth) & (now != truth)).sum()),
        "plain_loss": float(metrics.losses(truth.astype(np.int64), before).mean()),
        "views_loss": float(metrics.losses(truth.astype(np.int64), after).mean()),
        "changed": [[int(asked.ids[places[at]]), int(was[at]), int(now[at])] for at in changed[:MOST_CHANGED].tolist()],
    }

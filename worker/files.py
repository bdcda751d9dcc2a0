"""Further orders and answers, as plain values like those of ``worker.orders``."""

from dataclasses import dataclass
from typing import Any

from app.config import StoreAddress


@dataclass(frozen=True)
class FileOrder:
    """Make a file that Keras alone can read out of the saved model ``weights``; the answer is ``Filed``.

    ``about``: what stands beside the model: project, run, model, what its epoch is best by.
    """

    storage: StoreAddress
    recipe: dict[str, Any]
    weights: str
    about: dict[str, Any]


@dataclass(frozen=True)
class Filed:
    """A file that is in the store, and its number of bytes."""

    file: str
    size: int


@dataclass(frozen=True)
class Views:
    """What the models say of several views of each picture, see ``worker.views.judge``."""

    values: dict[str, Any]

"""What a child process is told for a search for a learning rate, and what it answers; see ``worker.orders``."""

from dataclasses import dataclass, field
from typing import Any

from app.config import StoreAddress
from worker.order_items import Items, Known


@dataclass(frozen=True)
class RateOrder:
    """Train for a moment with a rate that grows with every step; the answer is many ``Swept``.

    ``items`` are those that are learned from, and no others; the rest is as in ``TrainOrder``.
    """

    storage: StoreAddress
    scratch: str
    recipe: dict[str, Any]
    class_names: tuple[str, ...]
    items: Items
    features: Known = field(default_factory=dict, repr=False)
    weights: str = ""
    start: str = ""
    start_classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Swept:
    """The losses of all steps so far of a training with a growing rate; ``diverged``: it ended because of them."""

    losses: tuple[float, ...]
    diverged: bool = False

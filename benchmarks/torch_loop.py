"""The peer in PyTorch: the same network, trained by hand in bfloat16 with channels last; or the rate it can reach.

``PYTHON -m benchmarks.torch_loop train PRESET CLASSES PICTURES`` and ``... rate``, in turns (``benchmarks.turns``).
``benchmarks.peers`` starts it with an interpreter that has PyTorch. Of this project it uses what needs nothing but
NumPy: the description of the networks and the draws of the changes.
"""

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch  # type: ignore[import-not-found]
from torch import nn

from app.domain import architectures, augment
from app.domain.presets import PRESETS
from app.domain.recipe import Recipe
from app.domain.sketch import Sketch
from benchmarks.turns import CONVOLUTIONS, PRODUCTS, Clock, best_rate, pictures_of

EPSILON = 1e-7


class Layers:
    """The vocabulary of ``app.domain.sketch``, in layers of PyTorch; a sketch beside it knows the shapes."""

    def __init__(self, size: int) -> None:
        self.initializer = "glorot_uniform"
        self.made: list[Any] = []
        self.sketch = Sketch(size)

    def _add(self, layer: Any) -> "Layers":
        self.made.append(layer)
        return self

    def conv(self, filters: int, kernel: int, *, padding: str = "same", bias: bool = True) -> "Layers":
        """Convolution without an activation."""
        channels = self.sketch.shape[2]
        self.sketch.conv(filters, kernel, padding=padding, bias=bias)
        return self._add(nn.Conv2d(channels, filters, kernel, padding=padding, bias=bias))

    def relu(self) -> "Layers":
        """Rectifier."""
        return self._add(nn.ReLU(inplace=True))

    def norm(self) -> "Layers":
        """Batch normalisation."""
        return self._add(nn.BatchNorm2d(self.sketch.shape[-1]))

    def pool(self) -> "Layers":
        """Maximum of 2 x 2 pixels."""
        self.sketch.pool()
        return self._add(nn.MaxPool2d(2))

    def mean(self) -> "Layers":
        """Mean over the whole map."""
        self.sketch.mean()
        return self._add(nn.AdaptiveAvgPool2d(1))._add(nn.Flatten())

    def border(self, pixels: int) -> "Layers":
        """Zeros around the map."""
        self.sketch.border(pixels)
        return self._add(nn.ZeroPad2d(pixels))

    def flatten(self) -> "Layers":
        """All values of the map in one row."""
        self.sketch.flatten()
        return self._add(nn.Flatten())

    def dropout(self, rate: float) -> "Layers":
        """Zeroes a part of the values while training."""
        return self._add(nn.Dropout(rate))

    def dense(self, units: int) -> "Layers":
        """Dense layer with a rectifier."""
        before = self.sketch.shape[0]
        self.sketch.dense(units)
        return self._add(nn.Linear(before, units))._add(nn.ReLU(inplace=True))


def network(recipe: Recipe, classes: int) -> Any:
    """The network of a recipe, to the values before the softmax."""
    net = Layers(recipe.image_size)
    architectures.builder(recipe)(net)
    net.made.append(nn.Linear(net.sketch.shape[0], classes))
    if recipe.logit_dropout:
        net.made.append(nn.Dropout(recipe.logit_dropout))
    return nn.Sequential(*net.made).to(memory_format=torch.channels_last)


class Loop:
    """Epochs of one network.

    Args:
        preset: of ``app.domain.presets``; RMSprop and Adam are known.
        classes, count: outputs and pictures.
    """

    def __init__(self, preset: str, classes: int, count: int) -> None:
        self._recipe = recipe = PRESETS[preset].recipe
        pictures, labels = pictures_of(count, recipe.image_size, classes)
        self._pictures = torch.from_numpy(pictures).permute(0, 3, 1, 2)  # in memory the channels stay last
        self._labels = torch.from_numpy(labels)
        self._model = network(recipe, classes)
        weights = self._model.parameters()
        if recipe.optimizer == "rmsprop":
            self._optimizer = torch.optim.RMSprop(weights, recipe.learning_rate, 0.9, EPSILON, foreach=True)
        else:
            self._optimizer = torch.optim.Adam(weights, recipe.learning_rate, eps=EPSILON, fused=True)
        self._rng = np.random.default_rng(0)
        side = torch.arange(recipe.image_size, dtype=torch.float32)
        self._columns, self._rows = side[None, None, :], side[None, :, None]

    def epoch(self) -> float:
        """One pass over all pictures, each changed anew where the recipe wants it; the sum of the losses."""
        count, batch, total = len(self._labels), self._recipe.batch_size, 0.0
        order = torch.from_numpy(self._rng.permutation(count))
        matrices = torch.from_numpy(
            augment.draw(self._recipe.augmentation, count, self._recipe.image_size, self._rng).matrices
        )
        for start in range(0, count, batch):
            places = order[start : start + batch]
            given = self._pictures[places].to(torch.float32).mul_(1 / 255)
            if self._recipe.augmentation.active:
                given = self._changed(given, matrices[start : start + batch])
            with torch.autocast("cpu", dtype=torch.bfloat16):
                said = self._model(given.contiguous(memory_format=torch.channels_last))
            loss = nn.functional.cross_entropy(said.float(), self._labels[places])
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._optimizer.step()
            total += float(loss.detach())
        return total

    def _changed(self, given: Any, matrices: Any) -> Any:
        a, b, c, d, e, f = (matrices[:, place, None, None] for place in range(6))
        scale = 2 / (self._recipe.image_size - 1)  # places are from -1 to 1 here
        x, y = a * self._columns + b * self._rows + c, d * self._columns + e * self._rows + f
        grid = torch.stack([x * scale - 1, y * scale - 1], -1)
        return nn.functional.grid_sample(given, grid, "bilinear", "border", align_corners=True)


def rate() -> Callable[[], float]:
    """Operations a second of the quickest large product or convolution in bfloat16 or float32."""
    made: list[tuple[float, Callable[[], Any]]] = []
    for kind in (torch.bfloat16, torch.float32):
        for batch, side, channels in CONVOLUTIONS:
            maps = torch.randn(batch, channels, side, side, dtype=kind).contiguous(memory_format=torch.channels_last)
            layer = nn.Conv2d(channels, channels, 3, padding=1, bias=False).to(kind, memory_format=torch.channels_last)
            made.append((2.0 * batch * side * side * 9 * channels * channels, _call(layer, maps)))
        for side in PRODUCTS:
            values = torch.randn(side, side, dtype=kind)
            made.append((2.0 * side**3, _call(torch.matmul, values, values)))

    def turn() -> float:
        with torch.inference_mode():
            return best_rate(made)

    return turn


def _call(function: Callable[..., Any], *given: Any) -> Callable[[], Any]:
    return lambda: function(*given)


def main() -> None:
    """Be what is named."""
    warnings.simplefilter("ignore")  # an even kernel with a border is said to cost a copy
    if sys.argv[1] == "rate":
        Clock().work(rate())
    Clock().work(Loop(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])).epoch)


if __name__ == "__main__":
    main()

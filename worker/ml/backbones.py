"""Networks that were trained on ImageNet, as the first layers of a network, and their weights.

Pictures go in on the scale 0 to 255, and the scaling that the weights expect is part of the network. ``scaled=False``
leaves it out, so that somebody can see what the wrong scaling costs.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import applications, layers
from numpy.typing import NDArray

from app.domain import backbones, weight_files
from app.domain.errors import AppError
from worker.ml import backbone

FEATURES = "features"  # the layer with the mean over the last map
_BGR_MEAN = (103.939, 116.779, 123.68)  # of ImageNet, which VGG and ResNet were trained with
_MAKERS: dict[str, tuple[Any, bool]] = {  # and whether the maker adds the scaling by itself
    "vgg16": (applications.VGG16, False),
    "mobilenet-v3-large": (applications.MobileNetV3Large, True),
    "efficientnet-v2-b0": (applications.EfficientNetV2B0, True),
    "resnet50": (applications.ResNet50, False),
    "convnext-tiny": (applications.ConvNeXtTiny, True),
}


def _caffe(x: Any) -> Any:
    """Blue, green, red, each without its mean, as the program had it with which VGG and ResNet were trained."""
    return layers.Rescaling(1.0, offset=[-mean for mean in _BGR_MEAN], name="scale")(keras.ops.flip(x, axis=-1))


def last_map(name: str, inputs: Any, *, scaled: bool) -> Any:
    """The layers of a network, with random weights, on ``inputs`` (n, size, size, 3); returns its last map."""
    if name in backbone.VARIANTS:
        return backbone.last_map(inputs, scaled=scaled, name=name)
    make, scales = _MAKERS[name]
    values = {"include_preprocessing": scaled} if scales else {}
    x = inputs if scales or not scaled else _caffe(inputs)
    model = make(include_top=False, weights=None, input_tensor=x, **values)
    known = {layer.name for layer in model.layers}
    if backbones.KNOWN[name].blocks[-1].layer in known:
        return model.output
    return layers.Activation("linear", name=backbones.LAST)(model.output)


def of(model: keras.Model) -> list[Any]:
    """The layers of a model that belong to its pretrained network; none where it has none."""
    if model.name not in backbones.KNOWN:
        return []
    names = [layer.name for layer in model.layers]
    return list(model.layers[: names.index(FEATURES)])


def freeze_averages(own: Sequence[Any]) -> None:
    """Batch normalisation keeps the averages of ImageNet: those of a few small batches would be worse."""
    for layer in own:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def load(name: str, own: Sequence[Any], folder: Path | None) -> None:
    """Give the layers of ``of`` the weights of ImageNet.

    Args:
        name: of the network.
        own: its layers, in their order.
        folder: with the files of weights; None: there is no such folder.

    Raises:
        AppError: ``backbone_missing`` or ``weights_broken`` for the one that comes with a package,
            ``backbone_file_missing`` or ``weights_broken`` for the others.
    """
    if name in backbone.VARIANTS:
        backbone.load(own, name)
        return
    path = checked(name, folder)
    variables = [variable for layer in own for variable in layer.weights]
    for variable, value in zip(variables, _arrays(name, path, path.stat().st_mtime_ns), strict=True):
        variable.assign(value)


def checked(name: str, folder: Path | None) -> Path:
    """The file of weights of a network, after its hash was compared.

    Raises:
        AppError: ``backbone_file_missing`` or ``weights_broken``.
    """
    about = backbones.KNOWN[name]
    path = (folder or Path()) / about.file
    if folder is None or not path.is_file():
        raise AppError("backbone_file_missing", name=about.title, file=about.file, folder=str(folder or ""))
    if not weight_files.sound(about, folder):
        raise AppError("weights_broken", file=about.file, reason="its hash is not the one that Keras names")
    return path


@cache
def _arrays(name: str, path: Path, _changed: int) -> tuple[NDArray[np.float32], ...]:
    model = _MAKERS[name][0](include_top=False, weights=None, input_shape=(None, None, 3))
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise AppError("weights_broken", file=path.name, reason=str(error)[:200]) from error
    return tuple(variable.numpy() for layer in model.layers for variable in layer.weights)

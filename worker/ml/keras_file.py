"""A trained model as a zip that needs nothing of this program: Keras alone reads and asks it.

``model.keras`` takes pixels from 0 to 255 and has the scaling of the pixels as its first layers; ``model.json`` says
how a picture is brought to size, what the outputs are called and how it was trained; ``predict.py`` does both.
``weights.zip`` is the saved model itself, whose hash is in the manifest and in the program of a run.
"""

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras
from keras import layers

from app.domain.recipe_fields import PAIRS
from worker.ml import models, saving, standard
from worker.ml.device import FLOAT32
from worker.ml.saving import SavedModel

EPSILON = 1e-12  # of the variance: (x - mean) / 1e-6 for a picture of one colour, as in the training
_TIME = (1980, 1, 1, 0, 0, 0)
PROGRAM = '''\
"""Ask the model about pictures:  python predict.py PICTURE [PICTURE ...]   (needs keras, numpy and Pillow)"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
ABOUT = json.loads((HERE / "model.json").read_text(encoding="utf-8"))


def square(path):
    """The picture as the network sees it, (size, size, 3), 0 to 255."""
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    shape, size, bicubic = ABOUT["picture"], ABOUT["picture"]["size"], Image.Resampling.BICUBIC
    if picture.size == (size, size):
        return np.asarray(picture)
    if shape["resize_mode"] == "crop":
        return np.asarray(ImageOps.fit(picture, (size, size), method=bicubic))
    if shape["resize_mode"] == "stretch":
        return np.asarray(picture.resize((size, size), bicubic))
    scale = size / max(picture.size)
    inner = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    whole = Image.new("RGB", (size, size), shape["pad_color"])
    whole.paste(picture.resize(inner, bicubic), ((size - inner[0]) // 2, (size - inner[1]) // 2))
    return np.asarray(whole)


def main(paths):
    model = keras.models.load_model(HERE / "model.keras", compile=False)
    for path in paths:
        said = np.asarray(model(square(path)[None].astype("float32"), training=False))[0]
        print(path, *(f"{name}={share:.4f}" for name, share in zip(ABOUT["classes"], said)))


if __name__ == "__main__":
    main(sys.argv[1:])
'''


def model(saved: SavedModel) -> keras.Model:
    """From pixels (n, size, size, 3), 0 to 255, to probabilities (n, classes).

    In the precision of the training; a pretrained network in float32, as Keras has no other way through it that answers
    alike.
    """
    recipe = saved.recipe
    inner = models.build(recipe, len(saved.class_names), saved.precision)
    for variable, value in zip(inner.weights, saved.weights, strict=True):
        variable.assign(value)
    inputs = keras.Input((recipe.image_size, recipe.image_size, 3), name="pixels")
    return keras.Model(inputs, inner(_whitened(_scaled(inputs, saved), saved)), name="miwake")


def _scaled(inputs: Any, saved: SavedModel) -> Any:
    """As ``Network.scaled``, in layers of Keras."""
    recipe, x = saved.recipe, inputs
    scale, offset = standard.scale_offset(recipe, saved.statistics)
    if recipe.scale != "none":
        x = layers.Rescaling(scale.tolist(), offset.tolist(), dtype=FLOAT32, name="pixel_scale")(x)
    if recipe.sample_step == "samplewise":
        x = layers.LayerNormalization(
            axis=[1, 2, 3], epsilon=EPSILON, center=False, scale=False, dtype=FLOAT32, name="picture_scale"
        )(x)
    if recipe.sample_step == "samplewise-center":
        mean = layers.GlobalAveragePooling2D(keepdims=True, dtype=FLOAT32, name="channel_means")(x)
        third = keras.initializers.Constant(1 / 3)
        mean = layers.Conv2D(3, 1, use_bias=False, kernel_initializer=third, dtype=FLOAT32, name="picture_mean")(mean)
        x = layers.Subtract(dtype=FLOAT32, name="picture_centre")([x, mean])
    if recipe.scale in PAIRS:
        scale, offset = standard.by_all(recipe, saved.statistics)
        x = layers.Rescaling(scale.tolist(), offset.tolist(), dtype=FLOAT32, name="scale_of_all")(x)
    return x


def _whitened(x: Any, saved: SavedModel) -> Any:
    """As ``Network.whitened``, in layers of Keras."""
    if saved.statistics is None or saved.statistics.root is None:
        return x
    width, directions = saved.statistics.root.shape
    onto = layers.Dense(directions, use_bias=False, dtype=FLOAT32, name="whitening")
    back = layers.Dense(width, use_bias=False, dtype=FLOAT32, name="whitened")
    flat = back(onto(layers.Flatten(dtype=FLOAT32, name="pixels_in_a_row")(x)))
    onto.set_weights([saved.statistics.root])
    back.set_weights([saved.statistics.root.T])
    return layers.Reshape(x.shape[1:], dtype=FLOAT32, name="picture_again")(flat)


def pack(saved: SavedModel, about: dict[str, Any]) -> bytes:
    """The zip; ``about`` stands in ``model.json`` as it is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model(saved).save(path)
        files = {
            "model.keras": path.read_bytes(),
            "model.json": json.dumps(_described(saved, about), ensure_ascii=False, indent=1).encode(),
            "predict.py": PROGRAM.encode(),
            "weights.zip": saving.dump(saved),
        }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _TIME), content)
    return buffer.getvalue()


def _described(saved: SavedModel, about: dict[str, Any]) -> dict[str, Any]:
    recipe = saved.recipe
    return {
        "format": "miwake model",
        **about,
        "epoch": saved.epoch,
        "metrics": saved.metrics,
        "classes": list(saved.class_names),
        "picture": {
            "size": recipe.image_size,
            "colours": "RGB",
            "values": "0 to 255",
            "resize_mode": recipe.resize_mode,
            "resampling": "bicubic",
            "pad_color": recipe.pad_color,
        },
        "in_the_model": _scaling(saved),
        "precision": FLOAT32 if recipe.pretrained else saved.precision,
        "recipe": recipe.to_json(),
        "versions": saved.versions,
    }


def _scaling(saved: SavedModel) -> dict[str, Any]:
    """Of pixels from 0 to 255; ``after_each_picture`` is of what is left when each picture was scaled by itself."""
    recipe = saved.recipe
    scale, offset = standard.scale_offset(recipe, saved.statistics)
    found = {"scaling": recipe.scale, "factor": scale.tolist(), "summand": offset.tolist()}
    if recipe.scale in PAIRS:
        scale, offset = standard.by_all(recipe, saved.statistics)
        found["after_each_picture"] = {"factor": scale.tolist(), "summand": offset.tolist()}
    return found

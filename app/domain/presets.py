"""Ready recipes: the five posts exactly as published, beside each an improved one, and some on a pretrained network.

Sources are the posts 000 to 004 (layer tables in docs/presets.md) and, for post 002, its author's notebooks.
Legacy ``shear_range=0.2`` means 0.2 degrees, and the presets keep that.
"""

from dataclasses import dataclass, replace

from app.domain.recipe import Augmentation, Recipe
from app.domain.text import N_


@dataclass(frozen=True)
class Preset:
    """A recipe with its name and origin."""

    name: str
    title: str  # translated where shown
    post: str  # "000" to "004"; "" for those that belong to no post
    improved: bool
    recipe: Recipe


_BLOG = Augmentation(
    rotation=40, width_shift=0.2, height_shift=0.2, shear=0.2, zoom_low=0.8, zoom_high=1.2, horizontal_flip=True
)
_TURN = Augmentation(rotation=180, horizontal_flip=True)
_TURN_MORE = Augmentation(
    rotation=180, width_shift=0.05, height_shift=0.05, zoom_low=0.9, zoom_high=1.1, horizontal_flip=True,
    fill_mode="reflect",
)  # fmt: skip
_GENTLE = Augmentation(
    rotation=15, width_shift=0.1, height_shift=0.1, zoom_low=0.85, zoom_high=1.15, horizontal_flip=True,
    brightness_low=0.8, brightness_high=1.2, fill_mode="reflect",
)  # fmt: skip

_FREE = Augmentation(
    rotation=20, width_shift=0.1, height_shift=0.1, zoom_low=0.7, zoom_high=1.2, horizontal_flip=True,
    brightness_low=0.7, brightness_high=1.3, fill_mode="reflect",
)  # fmt: skip


def _preset(name: str, title: str, post: str, improved: bool, **values: object) -> Preset:
    values = ({"group_by": "copies"} if improved else {}) | values
    return Preset(name, title, post, improved, Recipe(preset=name, **values))  # type: ignore[arg-type]


_ALL = (
    _preset("wbc", N_("Blood cells, as in post 000"), "000", False, architecture="conv2", image_size=100,
            optimizer="rmsprop", learning_rate=0.001, epochs=50, batch_size=32, folds=5, stratified=False,
            patience=10, augmentation=_TURN),
    _preset("wbc-plus", N_("Blood cells, improved"), "000", True, architecture="conv2-plus", image_size=100,
            optimizer="adam", learning_rate=0.002, schedule="cosine", epochs=60, batch_size=16, folds=5,
            patience=20, augmentation=_TURN_MORE),
    _preset("keras-blog", N_("Little data, as in post 001"), "001", False, architecture="conv3", image_size=150,
            optimizer="rmsprop", learning_rate=0.001, epochs=50, batch_size=16, patience=0, augmentation=_BLOG),
    _preset("keras-blog-plus", N_("Little data, improved"), "001", True, architecture="conv3-plus", image_size=128,
            optimizer="adam", learning_rate=0.002, schedule="cosine", epochs=60, batch_size=32, patience=20,
            augmentation=_GENTLE),
    _preset("penguins-plain", N_("Penguins without augmentation, as in post 002"), "002", False, architecture="conv4",
            image_size=128, resize_mode="pad", optimizer="rmsprop", learning_rate=0.0001, epochs=50, batch_size=10,
            patience=0),
    _preset("penguins", N_("Penguins with augmentation, as in post 002"), "002", False, architecture="conv4",
            image_size=128, resize_mode="pad", optimizer="rmsprop", learning_rate=0.0001, epochs=200, batch_size=10,
            patience=0, augmentation=_BLOG),
    _preset("penguins-plus", N_("Penguins, improved"), "002", True, architecture="conv4-plus", image_size=128,
            resize_mode="crop", optimizer="adam", learning_rate=0.002, schedule="cosine", epochs=120, batch_size=32,
            patience=0, averaging=0.99, label_smoothing=0.1, augmentation=replace(_FREE, mixup=0.2)),
    _preset("cifar", N_("CIFAR-10, as in post 003"), "003", False, architecture="cifar4", image_size=32,
            optimizer="adam", learning_rate=0.001, epochs=25, batch_size=128, validation_share=0.1, patience=0),
    _preset("cifar-plus", N_("CIFAR-10, improved"), "003", True, architecture="cifar4-plus", image_size=32,
            optimizer="adam", learning_rate=0.002, schedule="cosine", epochs=60, batch_size=128,
            validation_share=0.1, patience=20,
            augmentation=Augmentation(width_shift=0.1, height_shift=0.1, horizontal_flip=True, fill_mode="reflect")),
    _preset("deepconv", N_("Cats and dogs, as in post 004"), "004", False, architecture="deepconv", image_size=80,
            optimizer="adam", learning_rate=0.001, epochs=10, batch_size=128, logit_dropout=0.5, patience=0),
    _preset("deepconv-plus", N_("Cats and dogs, improved"), "004", True, architecture="deepconv-plus", image_size=80,
            optimizer="adam", learning_rate=0.002, schedule="cosine", epochs=60, batch_size=64, patience=20,
            augmentation=_GENTLE),
    _preset("transfer-few", N_("Few pictures on a pretrained network"), "", True, architecture="efficientnet-lite0",
            image_size=224, optimizer="adam", learning_rate=0.005, schedule="cosine", epochs=60, batch_size=16,
            folds=5, patience=0),
    _preset("transfer", N_("Pretrained network, frozen"), "", True, architecture="efficientnet-lite1",
            image_size=240, optimizer="adamw", weight_decay=0.3, learning_rate=0.003, schedule="cosine", epochs=60,
            batch_size=32, patience=0),
    _preset("transfer-fine", N_("Pretrained network in two stages"), "", True, architecture="efficientnet-lite0",
            image_size=224, optimizer="adam", learning_rate=0.003, schedule="cosine", epochs=30, batch_size=32,
            patience=0, unfrozen_blocks=2, fine_epochs=10, fine_rate=0.0002),
    _preset("transfer-tiny", N_("Tiny pictures on a pretrained network"), "", True, architecture="efficientnet-lite0",
            image_size=128, optimizer="adam", learning_rate=0.003, schedule="cosine", epochs=6, batch_size=64,
            patience=0, unfrozen_blocks=3, fine_epochs=4, fine_rate=0.0003),
)  # fmt: skip

PRESETS: dict[str, Preset] = {preset.name: preset for preset in _ALL}

"""What each value of a recipe may be, and its place in the form: kind, limits, choices.

Validation, form, ``--set`` and the documentation are all made from ``FIELDS``.
"""

from app.domain.class_changes import COMMON, COPIES, ClassField
from app.domain.fields import Field
from app.domain.groups import GROUPINGS
from app.domain.views import KINDS

ARCHITECTURES = (
    "conv2", "conv2-plus", "conv3", "conv3-plus", "conv4", "conv4-plus",
    "cifar4", "cifar4-plus", "deepconv", "deepconv-plus",
)  # fmt: skip
OWN = "own"  # the network that the field ``layers`` describes
BACKBONES = (
    "efficientnet-lite0", "efficientnet-lite1", "vgg16", "mobilenet-v3-large", "efficientnet-v2-b0", "resnet50",
    "convnext-tiny",
)  # fmt: skip
RESIZE_MODES = ("stretch", "crop", "pad")
ZCA = "zca"
SAMPLEWISE = ("samplewise-center", "samplewise")  # by each picture alone
OF_ALL = ("featurewise-center", "featurewise", ZCA)  # by what is fitted on the training pictures of each fold
PAIRS = {f"{first}-{then}": (first, then) for first in SAMPLEWISE for then in OF_ALL}
FITTED = (*OF_ALL, *PAIRS)
STEPS = {one: (one, "") for one in SAMPLEWISE} | {one: ("", one) for one in OF_ALL} | PAIRS
NORMALISATIONS = ("none", "rescale", "center", *SAMPLEWISE, *FITTED)
MOST_SHIFT = 512  # pixels
OPTIMIZERS = ("sgd", "rmsprop", "adam", "adamw", "lion")
SCHEDULES = ("constant", "cosine", "step", "one-cycle", "plateau")
BALANCES = ("none", "weights", "batches")
MONITORS = ("val_loss", "val_accuracy")
PRECISIONS = ("auto", "float32", "mixed")
FILL_MODES = ("nearest", "constant", "reflect", "wrap")

_CHANGES = {
    "augmentation.rotation": Field("float", "augmentation", 0, 180),
    "augmentation.width_shift": Field("float", "augmentation", 0, MOST_SHIFT),
    "augmentation.height_shift": Field("float", "augmentation", 0, MOST_SHIFT),
    "augmentation.shear": Field("float", "augmentation", 0, 80),
    "augmentation.zoom_low": Field("float", "augmentation", 0.1, 5),
    "augmentation.zoom_high": Field("float", "augmentation", 0.1, 5),
    "augmentation.channel_shift": Field("float", "augmentation", 0, 255),
    "augmentation.brightness_low": Field("float", "augmentation", 0, 5),
    "augmentation.brightness_high": Field("float", "augmentation", 0, 5),
    "augmentation.horizontal_flip": Field("bool", "augmentation"),
    "augmentation.vertical_flip": Field("bool", "augmentation"),
    "augmentation.fill_mode": Field("choice", "augmentation", choices=FILL_MODES),
    "augmentation.fill_value": Field("float", "augmentation", 0, 255),
    "augmentation.contrast_low": Field("float", "augmentation", 0, 5),
    "augmentation.contrast_high": Field("float", "augmentation", 0, 5),
    "augmentation.blur": Field("float", "augmentation", 0, 5),
    "augmentation.noise": Field("float", "augmentation", 0, 100),
    "augmentation.erase": Field("float", "augmentation", 0, 1),
    "augmentation.mixup": Field("float", "augmentation", 0, 5),
    "augmentation.cutmix": Field("float", "augmentation", 0, 5),
}
_COPIES = Field("int", "augmentation", 0, 20)
_OF_A_CLASS = {key.removeprefix("augmentation."): spec for key, spec in _CHANGES.items()}

FIELDS: dict[str, Field] = {
    "preset": Field("text", ""),
    "architecture": Field("choice", "network", choices=(*ARCHITECTURES, OWN, *BACKBONES)),
    "layers": Field("layers", "network"),
    "begin": Field("run", "network"),
    "head_units": Field("int", "network", 0, 2048),
    "head_dropout": Field("float", "network", 0, 0.9),
    "backbone_scaling": Field("bool", "network"),
    "feature_copies": Field("int", "network", 0, 20),
    "unfrozen_blocks": Field("int", "network", 0, 7),
    "fine_epochs": Field("int", "network", 1, 1000),
    "fine_rate": Field("float", "network", 1e-7, 1),
    "image_size": Field("int", "picture", 16, 512),
    "resize_mode": Field("choice", "picture", choices=RESIZE_MODES),
    "pad_color": Field("color", "picture"),
    "normalisation": Field("choice", "picture", choices=NORMALISATIONS),
    "zca_epsilon": Field("float", "picture", 0, 1000),
    "optimizer": Field("choice", "optimisation", choices=OPTIMIZERS),
    "learning_rate": Field("float", "optimisation", 1e-7, 10),
    "weight_decay": Field("float", "optimisation", 0, 1),
    "schedule": Field("choice", "optimisation", choices=SCHEDULES),
    "warmup_epochs": Field("int", "optimisation", 0, 100),
    "decay_factor": Field("float", "optimisation", 0.01, 0.99),
    "decay_epochs": Field("int", "optimisation", 1, 1000),
    "class_balance": Field("choice", "optimisation", choices=BALANCES),
    "label_smoothing": Field("float", "optimisation", 0, 0.5),
    "averaging": Field("float", "optimisation", 0, 0.9999),
    "epochs": Field("int", "optimisation", 1, 2000),
    "batch_size": Field("int", "optimisation", 1, 1024),
    "accumulation": Field("int", "optimisation", 1, 64),
    "folds": Field("int", "data", 0, 20),
    "stratified": Field("bool", "data"),
    "group_by": Field("choice", "data", choices=GROUPINGS),
    "group_pattern": Field("text", "data"),
    "group_seconds": Field("float", "data", 0, 86_400),
    "validation_share": Field("float", "data", 0.01, 0.9),
    "use_validation_folder": Field("bool", "data"),
    "monitor": Field("choice", "stopping", choices=MONITORS),
    "patience": Field("int", "stopping", 0, 1000),
    "min_delta": Field("float", "stopping", 0, 1),
    "logit_dropout": Field("float", "network", 0, 0.9),
    "precision": Field("choice", "optimisation", choices=PRECISIONS),
    "deterministic": Field("bool", "optimisation"),
    "test_views": Field("choice", "stopping", choices=KINDS),
    "seed": Field("int", "data", 0, 2**31 - 1),
    "added_copies": _COPIES,
    "augmented_classes": Field("names", "augmentation"),
    "class_augmentation": ClassField(
        "changes",
        "augmentation",
        inner={COPIES: _COPIES} | {key: spec for key, spec in _OF_A_CLASS.items() if key not in COMMON},
    ),
    **_CHANGES,
}

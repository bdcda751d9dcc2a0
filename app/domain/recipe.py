"""The recipe of a training: one frozen object for form, command line, API, notebook and worker.

``FIELDS`` (``app.domain.recipe_fields``) describes every value once: its kind, its limits and its place in the form.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from app.domain import class_changes, own_network
from app.domain.augmentation import Augmentation
from app.domain.errors import AppError, Invalid
from app.domain.fields import plain
from app.domain.groups import name_pattern
from app.domain.recipe_fields import (
    ARCHITECTURES,
    BACKBONES,
    FIELDS,
    FILL_MODES,
    FITTED,
    NORMALISATIONS,
    OPTIMIZERS,
    OWN,
    RESIZE_MODES,
    SCHEDULES,
    STEPS,
)

__all__ = [
    "ARCHITECTURES", "BACKBONES", "FIELDS", "FILL_MODES", "NORMALISATIONS", "OPTIMIZERS", "RESIZE_MODES", "SCHEDULES",
    "Augmentation", "Recipe",
]  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """All settings of one training. ``folds`` of 0 means hold-out; 2 or more means K-fold.

    Attributes:
        preset: the preset it was made from, for information only.
        architecture: name in ``ARCHITECTURES``, or in ``BACKBONES`` for a network that was trained on ImageNet.
        head_units, head_dropout: of what stands on such a network: a hidden layer (0: none), and dropout before it.
        backbone_scaling: pixels are scaled as its weights expect; off, wrongly, as ``normalisation`` says.
        feature_copies: changed copies of each training picture whose features are computed once; 0: none.
        unfrozen_blocks: so many of its last blocks learn in a second stage; 0: there is none.
        fine_epochs, fine_rate: of that stage.
        begin: the run whose weights the training begins with, "4", or with the model of a K-fold run "4/2"; "": anew.
        image_size: side of the square input in pixels.
        normalisation: what is done to the pixels before the network; those of ``FITTED`` are fitted on the training
            pictures of each fold. ``zca_epsilon`` is added to the singular values of ``zca``, as Keras does.
        weight_decay: part of each weight that ``adamw`` and ``lion`` take away per step, times the rate.
        schedule: how the rate changes, see ``app.domain.schedules``; ``warmup_epochs``, ``decay_factor`` and
            ``decay_epochs`` belong to it.
        class_balance: ``weights`` makes mistakes on small classes cost more, ``batches`` shows them more often.
        label_smoothing: part of the target that is spread evenly over all classes.
        averaging: decay of a moving average of the weights, which is what is validated and kept; 0 is off.
        accumulation: so many batches are gathered for one change of the weights; 1 changes them after each.
        layers: the network ``own`` as a list of layers, see ``app.domain.own_network``; "" for the others.
        added_copies: changed copies of each picture that stand beside the originals in every epoch; 0 changes the
            pictures themselves, anew in each epoch.
        augmented_classes: names of the classes whose pictures are changed, as a JSON list; "" is all of them.
        class_augmentation: what single classes have of their own, as a JSON object, see ``app.domain.class_changes``.
        monitor: value by which the best epoch is chosen, and early stopping decided.
        patience: epochs without improvement before the training ends; 0 switches early stopping off.
        logit_dropout: dropout behind the last dense layer, as the network of post 004 has it; 0 is off.
        group_by: images that no split tears apart, one of ``groups.GROUPINGS``.
        group_pattern: how a file name tells the group, for ``name``; see ``groups.name_pattern``.
        group_seconds: the longest pause between two pictures of one ``burst``.
        validation_share: part of the labelled training images that a hold-out run sets aside.
        deterministic: the same training gives the same weights to the last bit, also when it was interrupted; slower.
        test_views: what is judged beside the plain pictures at the end, one of ``views.KINDS``.
        use_validation_folder: take the images of the ``validation`` split instead, where there are any.
    """

    preset: str = ""
    architecture: str = "conv2-plus"
    head_units: int = 0
    head_dropout: float = 0.2
    backbone_scaling: bool = True
    feature_copies: int = 0
    unfrozen_blocks: int = 0
    fine_epochs: int = 20
    fine_rate: float = 0.0001
    layers: str = ""
    begin: str = ""
    image_size: int = 96
    resize_mode: str = "stretch"
    pad_color: str = "#000000"
    normalisation: str = "rescale"
    zca_epsilon: float = 1e-6
    optimizer: str = "adam"
    learning_rate: float = 0.001
    weight_decay: float = 0.004
    schedule: str = "constant"
    warmup_epochs: int = 0
    decay_factor: float = 0.5
    decay_epochs: int = 10
    class_balance: str = "none"
    label_smoothing: float = 0.0
    averaging: float = 0.0
    added_copies: int = 0
    augmented_classes: str = ""
    class_augmentation: str = ""
    epochs: int = 50
    batch_size: int = 32
    accumulation: int = 1
    folds: int = 0
    stratified: bool = True
    group_by: str = "none"
    group_pattern: str = "*_#"
    group_seconds: float = 2.0
    validation_share: float = 0.2
    use_validation_folder: bool = True
    monitor: str = "val_loss"
    patience: int = 10
    min_delta: float = 0.0
    logit_dropout: float = 0.0
    precision: str = "auto"
    deterministic: bool = False
    test_views: str = "none"
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def to_json(self) -> dict[str, Any]:
        """Plain values for the database, a file or an API answer."""
        return asdict(self)

    @property
    def pretrained(self) -> bool:
        """True for a network that was trained on ImageNet."""
        return self.architecture in BACKBONES

    @property
    def staged(self) -> bool:
        """True when there is a second stage."""
        return self.pretrained and bool(self.unfrozen_blocks)

    @property
    def scale(self) -> str:
        """What is done to the pixels before the network; a pretrained one scales them by itself."""
        return "none" if self.pretrained and self.backbone_scaling else self.normalisation

    @property
    def sample_step(self) -> str:
        """The part of ``scale`` that is done by each picture alone, one of ``SAMPLEWISE``; "" for none."""
        return STEPS.get(self.scale, ("", ""))[0]

    @property
    def fitted_step(self) -> str:
        """The part of ``scale`` that is fitted on the training pictures, one of ``OF_ALL``; "" for none."""
        return STEPS.get(self.scale, ("", ""))[1]

    @property
    def chosen_classes(self) -> frozenset[str]:
        """Names of the classes whose pictures are changed; empty for all of them."""
        return frozenset(json.loads(self.augmented_classes or "[]"))

    @property
    def class_changes(self) -> dict[str, dict[str, Any]]:
        """What single classes have in place of the values of all: class -> name without prefix -> value."""
        return class_changes.of(self.class_augmentation)

    @property
    def all_changes(self) -> Augmentation:
        """Everything that is switched on for any class; the changes of all where no class has its own."""
        chosen = self.chosen_classes
        own = [name for name in self.class_changes if not chosen or name in chosen]
        return class_changes.union([self.augmentation, *(self.changes_of(name) for name in own)])

    @property
    def most_copies(self) -> int:
        """Added copies of each picture of the class that has most of them."""
        common = self.added_copies if self.augmentation.active else 0
        return max([common, *(self.copies_of(name) for name in self.class_changes)])

    @property
    def names_classes(self) -> bool:
        """True when it says something of single classes."""
        return bool(self.augmented_classes or self.class_augmentation)

    def readable(self) -> dict[str, Any]:
        """``to_json`` with what is said of single classes as lists and objects; ``from_json`` reads it as well."""
        texts = {name: getattr(self, name) for name in ("augmented_classes", "class_augmentation")}
        return self.to_json() | {name: json.loads(text) for name, text in texts.items() if text}

    def with_names(self, names: Mapping[str, str]) -> "Recipe":
        """The same for classes that are called otherwise; ``names`` are the new ones by the old ones."""
        chosen = [names.get(name, name) for name in json.loads(self.augmented_classes or "[]")]
        own = {names.get(name, name): values for name, values in self.class_changes.items()}
        return self.updated({"augmented_classes": chosen, "class_augmentation": own})

    def changes_of(self, name: str) -> Augmentation:
        """The changes of the pictures of one class."""
        if self.chosen_classes and name not in self.chosen_classes:
            return Augmentation()
        return class_changes.applied(self.augmentation, self.class_changes.get(name, {}))

    def copies_of(self, name: str) -> int:
        """Added copies of each picture of one class; a class whose pictures are not changed has none."""
        own: int = self.class_changes.get(name, {}).get(class_changes.COPIES, self.added_copies)
        return own if self.changes_of(name).active else 0

    @property
    def all_epochs(self) -> int:
        """Of all stages, at most."""
        return self.epochs + (self.fine_epochs if self.staged else 0)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Recipe":
        """The recipe that ``to_json`` wrote.

        Raises:
            Invalid: an unknown key or a value outside its limits; ``fields`` names each.
        """
        flat: dict[str, Any] = {}
        for key, value in values.items():
            if key == "augmentation" and isinstance(value, Mapping):
                flat |= {f"augmentation.{name}": item for name, item in value.items()}
            else:
                flat[key] = value
        return cls().updated(flat)

    def flat(self) -> dict[str, Any]:
        """All values by the names of ``FIELDS``."""
        values = self.to_json()
        inner = values.pop("augmentation")
        return values | {f"augmentation.{name}": value for name, value in inner.items()}

    def updated(self, values: Mapping[str, Any]) -> "Recipe":
        """A copy with ``values`` (typed values or their text, by the names of ``FIELDS``) set and everything checked.

        Raises:
            Invalid: ``fields`` holds one error for each value that cannot be used.
        """
        errors: dict[str, AppError] = {}
        merged = self.flat()
        for name, value in values.items():
            spec = FIELDS.get(name)
            if spec is None:
                errors[name] = Invalid("field_unknown", name=name)
                continue
            try:
                merged[name] = spec.parse(value)
            except Invalid as error:
                errors[name] = error
        if not errors:
            errors = _cross_check(merged)
        if errors:
            raise Invalid.of_fields(errors)
        prefix = "augmentation."
        inner = {name.removeprefix(prefix): value for name, value in merged.items() if name.startswith(prefix)}
        outer = {name: value for name, value in merged.items() if not name.startswith(prefix)}
        return replace(self, **outer, augmentation=Augmentation(**inner))


def _cross_check(values: Mapping[str, Any]) -> dict[str, AppError]:
    errors: dict[str, AppError] = {}
    for name in class_changes.PAIRS:
        low, high = values[f"augmentation.{name}_low"], values[f"augmentation.{name}_high"]
        if low > high:
            errors[f"augmentation.{name}_low"] = Invalid("field_order", low=plain(low), high=plain(high))
    if values["folds"] == 1:
        errors["folds"] = Invalid("folds_one")
    wrong = values["architecture"] in BACKBONES and not values["backbone_scaling"]
    if wrong and values["normalisation"] in FITTED:  # features are computed once, for all folds
        errors["normalisation"] = Invalid("backbone_featurewise")
    errors |= _cross_check_network(values)
    if crossed := class_changes.crossed(values):
        errors["class_augmentation"] = crossed
    try:
        name_pattern(values["group_pattern"])
    except Invalid as error:
        errors["group_pattern"] = error
    return errors


def _cross_check_network(values: Mapping[str, Any]) -> dict[str, AppError]:
    errors: dict[str, AppError] = {}
    if values["layers"] or values["architecture"] == OWN:
        try:
            own_network.parse(values["layers"])
        except Invalid as error:
            errors["layers"] = error
    if values["architecture"] in BACKBONES:  # they have features of changed copies instead
        for name in ("added_copies", "augmented_classes"):
            if values[name]:
                errors[name] = Invalid("backbone_changes_all")
        if any(class_changes.COPIES in own for own in class_changes.of(values["class_augmentation"]).values()):
            errors["class_augmentation"] = Invalid("backbone_changes_all")
    return errors


_EXPECTED = {item.name for item in fields(Recipe)} - {"augmentation"} | {
    f"augmentation.{item.name}" for item in fields(Augmentation)
}
if set(FIELDS) != _EXPECTED:  # a field without limits would be a field without validation
    raise RuntimeError(f"FIELDS and Recipe differ: {set(FIELDS) ^ _EXPECTED}")

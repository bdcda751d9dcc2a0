"""Changes of the pictures of single classes, in place of those of all.

A recipe has them as one JSON object: the name of a class, and under it the values that this class has of its own, by
their names without prefix, such as ``rotation`` or ``added_copies``. What a class does not set is that of all classes.
How gaps are filled, MixUp and CutMix are always common: the first is compiled into the training, and the other two
make one picture of two that may be of two classes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from app.domain.augmentation import Augmentation
from app.domain.errors import Invalid
from app.domain.fields import Field, plain

COPIES = "added_copies"
COMMON = ("fill_mode", "fill_value", "mixup", "cutmix")
PAIRS = ("zoom", "brightness", "contrast")  # of a lower and an upper limit
Own = dict[str, dict[str, Any]]
_CODES = {
    "field_bool": "class_change_bool", "field_float": "class_change_float", "field_int": "class_change_int"
}  # fmt: skip
_SHOWN = 60  # characters of a wrong value in a sentence


@dataclass(frozen=True)
class ClassField(Field):
    """The value of a recipe that holds the changes of single classes; ``inner`` are the fields a class can have."""

    inner: Mapping[str, Field] = field(default_factory=dict)

    def parse(self, value: Any) -> str:
        """The changes as JSON in a fixed order, from a text or an object; "" for none.

        Raises:
            Invalid: ``field_changes``; ``class_change_doubled``; or an error that names class and field.
        """
        found = _objects(value)
        made = {name: self._of_class(name, found[name]) for name in sorted(found)}
        kept = {name: own for name, own in made.items() if own}
        return json.dumps(kept, ensure_ascii=False) if kept else ""

    def _of_class(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        for key in values:
            if key in COMMON:
                raise Invalid("class_change_common", name=name, field=key)
            if key not in self.inner:
                raise Invalid("class_change_unknown", name=name, field=key[:_SHOWN], known=", ".join(self.inner))
        return {key: self._one(name, key, values[key]) for key in self.inner if key in values}

    def _one(self, name: str, key: str, value: Any) -> Any:
        try:
            return self.inner[key].parse(value)
        except Invalid as error:
            params = {**error.params, "value": str(value)[:_SHOWN], "name": name, "field": key}
            raise Invalid(_CODES[error.code], **params) from None


def _objects(value: Any) -> Mapping[str, Mapping[str, Any]]:
    try:
        found = json.loads(value.strip() or "{}", object_pairs_hook=_once) if isinstance(value, str) else value or {}
        json.dumps(found, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):  # ValueError also of half a pair of surrogates
        found = None
    if not isinstance(found, Mapping) or not all(isinstance(own, Mapping) for own in found.values()):
        raise Invalid("field_changes", value=str(value)[:_SHOWN].encode(errors="replace").decode())
    return {str(name): {str(key): item for key, item in own.items()} for name, own in found.items()}


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Invalid("class_change_doubled", name=name[:_SHOWN].encode(errors="replace").decode())
        found[name] = value
    return found


def of(text: str) -> Own:
    """What ``ClassField.parse`` wrote, by the names of the classes."""
    found: Own = json.loads(text or "{}")
    return found


def applied(common: Augmentation, own: Mapping[str, Any]) -> Augmentation:
    """The changes of one class."""
    return replace(common, **{key: value for key, value in own.items() if key != COPIES})


def union(specs: Sequence[Augmentation]) -> Augmentation:
    """Every change that one of ``specs`` has, with the widest limits; what is common is that of the first."""
    found = {key: [getattr(spec, key) for spec in specs] for key in asdict(specs[0])}
    widest = {key: min(values) if key.endswith("_low") else max(values) for key, values in found.items()}
    return replace(specs[0], **{key: value for key, value in widest.items() if key not in COMMON})


def crossed(values: Mapping[str, Any]) -> Invalid | None:
    """The first class whose lower limit is above its upper one; ``values`` are those of a recipe by their names."""
    for name, own in of(values["class_augmentation"]).items():
        for pair in PAIRS:
            low, high = (own.get(key, values[f"augmentation.{key}"]) for key in (f"{pair}_low", f"{pair}_high"))
            if low > high and (f"{pair}_low" in own or f"{pair}_high" in own):
                mine = f"{pair}_low" if f"{pair}_low" in own else f"{pair}_high"
                return Invalid("class_change_order", name=name, field=mine, low=plain(low), high=plain(high))
    return None

"""Many trainings at once: every combination of some values of a recipe, and the same with other seeds."""

import contextlib
import itertools
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.errors import Invalid
from app.domain.recipe import FIELDS, Augmentation, Recipe
from app.domain.typed import number_text

MOST_RUNS = 200  # of one matrix
MOST_SHOWN = 200  # characters of values in a sentence
AUGMENTATION = "augmentation"  # all changes of pictures together: on (as the recipe has them) or off
SWITCH = ("on", "off")
CLASSES = "augmented_classes"  # lists of names, or one of the words that follow
NONE, ALL = "none", "all"
_RANGE = re.compile(r"(\d{1,10})\.\.(\d{1,10})")
_PREFIX = AUGMENTATION + "."
_OF_CLASSES = "class_augmentation"


@dataclass(frozen=True)
class Axis:
    """One field of the recipe, or ``AUGMENTATION``, with the texts of its values."""

    field: str
    values: tuple[str, ...]


def read(wish: str) -> Axis:
    """An axis from ``name=value,value``; ``0..4`` stands for 0, 1, 2, 3 and 4.

    Raises:
        Invalid: ``vary_unreadable``; ``matrix_size``.
    """
    field, sign, text = wish.partition("=")
    if not sign or not field.strip():
        raise Invalid("vary_unreadable", text=wish)
    return axis(field.strip(), text)


def axis(field: str, text: str) -> Axis:
    """An axis from a name and the text of its values.

    Raises:
        Invalid: ``vary_unreadable``; ``matrix_size``.
    """
    if field == CLASSES:
        return Axis(field, _lists(text))
    values: list[str] = []
    numbers = field in FIELDS and FIELDS[field].kind in ("int", "float")
    for part in (text.replace("，", ",") if numbers else text).replace("、", ",").split(","):
        own = number_text(part) if numbers else part.strip()
        between = _RANGE.fullmatch(own)
        if between is None:
            values.append(own)
            continue
        first, last = int(between[1]), int(between[2])
        if last - first >= MOST_RUNS:
            raise Invalid("matrix_size", count=last - first + 1, most=MOST_RUNS)
        values += map(str, range(first, last + 1))
    if not all(values) or len(set(values)) < len(values):
        raise Invalid("vary_unreadable", text=f"{field}={text}")
    return Axis(field, tuple(values))


def _lists(text: str) -> tuple[str, ...]:
    """``none``, ``all`` and JSON lists of names with commas between them."""
    values: list[str] = []
    rest = text.strip()
    while rest:
        value = rest.partition(",")[0]
        if rest.startswith("["):
            with contextlib.suppress(ValueError):  # what is no list is said when the value is read
                value = rest[: json.JSONDecoder().raw_decode(rest)[1]]
        values.append(value.strip())
        rest = rest[len(value) :].strip().removeprefix(",").strip()
    if not values or not all(values) or len(set(values)) < len(values):
        raise Invalid("vary_unreadable", text=f"{CLASSES}={text}")
    return tuple(values)


def seeds(recipe: Recipe, count: int) -> Axis:
    """The seed of the recipe and those that follow it."""
    return Axis("seed", tuple(str(recipe.seed + number) for number in range(count)))


def recipes(recipe: Recipe, axes: Sequence[Axis], name: str = "") -> list[tuple[str, Recipe]]:
    """(name, recipe) of every combination; the last axis varies fastest.

    Args:
        recipe: of which the values are changed.
        axes: at least one; each field once.
        name: comes before the values in each name.

    Raises:
        Invalid: ``vary_unreadable``; ``matrix_size``; ``vary_no_augmentation``; ``vary_class_unchanged``; values that
            cannot be used.
    """
    if len({one.field for one in axes}) < len(axes):
        raise Invalid("vary_unreadable", text=" ".join(f"{one.field}={','.join(one.values)}" for one in axes))
    count = math.prod(len(one.values) for one in axes)
    if count > MOST_RUNS:
        raise Invalid("matrix_size", count=count, most=MOST_RUNS)
    for one in axes:
        _check_values(one)
    made = []
    for chosen in itertools.product(*(one.values for one in axes)):
        pairs = [(one.field, value) for one, value in zip(axes, chosen, strict=True)]
        words = [name, *(f"{field}={_named(field, value)}" for field, value in pairs)]
        values: dict[str, Any] = {}
        for field, value in pairs:
            values |= _values(recipe, field, value)
        made.append((" ".join(word for word in words if word), recipe.updated(values)))
        _check_classes(recipe, made[-1][1], dict(pairs))
    return made


def _named(field: str, value: str) -> str:
    """A value in the name of a run: names of classes without the signs of a list, unless they would mean another."""
    if field != CLASSES or value in (NONE, ALL):
        return value
    names = FIELDS[CLASSES].parse(value)
    plain = " + ".join(json.loads(names or "[]"))
    return names if plain in (NONE, ALL) or plain.startswith("[") else plain or ALL


def _values(recipe: Recipe, field: str, value: str) -> dict[str, Any]:
    if field == CLASSES and value == NONE:
        return {**_switched(recipe, "off"), CLASSES: ""}
    if field == CLASSES and value == ALL:
        return {CLASSES: ""}
    return _switched(recipe, value) if field == AUGMENTATION else {field: value}


def _check_values(one: Axis) -> None:
    """Refuse values that mean the same, however they are spelt: their trainings would be taken for two."""
    if one.field == "preset":
        raise Invalid.of_fields({one.field: Invalid("vary_preset")})
    if one.field not in FIELDS:
        return
    try:
        read = {_meaning(one.field, value) for value in one.values}
    except Invalid:  # said with its limits where the recipe is made
        return
    if len(read) < len(one.values):
        raise Invalid.of_fields({one.field: Invalid("vary_values", text=", ".join(one.values)[:MOST_SHOWN])})


def _meaning(field: str, value: str) -> Any:
    """The same for all texts of one value; lists of classes mean the same in any order."""
    if field != CLASSES:
        return FIELDS[field].parse(value)
    return value if value == NONE else frozenset(json.loads(FIELDS[field].parse("" if value == ALL else value) or "[]"))


def _check_classes(recipe: Recipe, made: Recipe, chosen: Mapping[str, str]) -> None:
    """Refuse a choice of classes that changes no picture: its training would be that of no class."""
    others = any(name in (AUGMENTATION, _OF_CLASSES) or name.startswith(_PREFIX) for name in chosen)
    if chosen.get(CLASSES, NONE) == NONE or others or made.all_changes.active:
        return
    if not made.chosen_classes or not recipe.all_changes.active:
        raise Invalid("vary_no_augmentation")
    raise Invalid.of_fields({CLASSES: unchanged(made.chosen_classes)})


def unchanged(names: Iterable[str]) -> Invalid:
    """The refusal of classes of which no picture is changed."""
    return Invalid("vary_class_unchanged", names=", ".join(sorted(names))[:MOST_SHOWN])


def _switched(recipe: Recipe, value: str) -> dict[str, Any]:
    if value not in SWITCH:
        raise Invalid.of_fields({AUGMENTATION: Invalid("field_choice", value=value, choices=", ".join(SWITCH))})
    if not recipe.all_changes.active:
        raise Invalid("vary_no_augmentation")
    if value == "on":
        return {}
    neutral = Recipe(augmentation=Augmentation()).flat()
    return {key: item for key, item in neutral.items() if key.startswith(_PREFIX) or key == _OF_CLASSES}


def varied(recipes: Sequence[Recipe]) -> list[str]:
    """The fields in which recipes differ, in the order of ``FIELDS``.

    Changes of pictures are one field where several differ, or where one of the recipes has none at all; none where
    those without changes stand beside some that change single classes: ``CLASSES`` tells them then.
    """
    flat = [recipe.flat() for recipe in recipes]
    found = [key for key in FIELDS if any(one[key] != flat[0][key] for one in flat[1:])]
    inner = [key for key in found if key.startswith(_PREFIX) or key == _OF_CLASSES]
    outer = [key for key in found if key != "preset" and key not in inner]
    if inner and CLASSES in outer and _by_class(recipes):
        return outer
    together = len(inner) > 1 or (inner and not all(recipe.all_changes.active for recipe in recipes))
    return outer + ([AUGMENTATION] if together else inner)


def _by_class(recipes: Sequence[Recipe]) -> bool:
    """True when some change no picture, and the others differ at most in whose pictures are changed."""
    plain = [recipe for recipe in recipes if not recipe.all_changes.active]
    others = {(recipe.augmentation, recipe.class_augmentation) for recipe in recipes if recipe.all_changes.active}
    return bool(plain) and len(others) == 1 and not any(recipe.chosen_classes for recipe in plain)

"""The part of the train form that starts many trainings at once: fields with their values, and repetitions."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.domain import matrix
from app.domain.errors import AppError, Invalid
from app.domain.fields import Field
from app.domain.matrix import ALL, AUGMENTATION, CLASSES, MOST_RUNS, MOST_SHOWN, NONE, Axis
from app.domain.recipe import FIELDS, Recipe
from app.domain.text import N_
from app.web.fields import TEXTS

ROWS = 3
MOST_TEXT = 4000  # characters of the values of a setting as text
MOST_REPEATS = 50
PICK = "pick-"  # pick-1-conv2: a tick box of the first row
REPEATS = Field("int", "", 1, MOST_REPEATS)
NAMES = frozenset({"repeats", "vary", *(f"{kind}-{row}" for kind in ("vary", "values") for row in range(1, ROWS + 1))})
WHOLE = ("names", "layers", "text", "changes")  # kinds of fields whose values may have commas
OBJECTS = ("layers", "changes")  # and of those whose values may be objects
SWITCHED = {"on": N_("with"), "off": N_("without")}
CHANGES = N_("All changes of pictures (augmentation)")
FIRST = (
    "architecture",
    "image_size",
    AUGMENTATION,
    CLASSES,
    "folds",
    "batch_size",
    "optimizer",
    "learning_rate",
    "schedule",
)
LEFT_OUT = (
    "seed",
    "pad_color",
    "group_pattern",
    "group_seconds",
    "deterministic",
    "class_augmentation",
    "layers",
    "begin",
)


@dataclass(frozen=True)
class Row:
    """One setting that varies, as typed: the name of a field or "", the text of its values, and ticked choices.

    ``told`` are the values that a program sent as a list; None where they were typed or ticked.
    """

    field: str = ""
    text: str = ""
    picked: tuple[str, ...] = ()
    told: Sequence[Any] | None = None

    @property
    def choices(self) -> Mapping[str, str]:
        """The values that can be ticked with their names; empty for numbers."""
        if self.field == AUGMENTATION:
            return SWITCHED
        spec = FIELDS.get(self.field)
        if spec is None or spec.kind not in ("choice", "bool"):
            return {}
        return {"1": N_("yes"), "0": N_("no")} if spec.kind == "bool" else TEXTS[self.field].choices

    @property
    def values(self) -> str:
        """What is varied over, as text."""
        if self.field == CLASSES:  # a program may have written them
            return ",".join(self.picked) or self.text
        return ",".join(self.picked) if self.choices else self.text


@dataclass(frozen=True)
class Several:
    """The rows and how often each combination is repeated, both as typed; ``errors`` by the id of the control."""

    rows: tuple[Row, ...] = (Row(),) * ROWS
    repeats: str = "1"
    errors: Mapping[str, AppError] = field(default_factory=dict)
    made: Sequence[tuple[str, Recipe]] = ()

    @property
    def wanted(self) -> bool:
        """True when more than one training is asked for."""
        return self.repeats.strip() not in ("", "1") or any(row.field for row in self.rows)

    def worked_out(self, recipe: Recipe | None, name: str) -> "Several":
        """With all recipes, or with the reasons why there are none; ``recipe`` is None while others are wrong."""
        if self.errors or not self.wanted:
            return self
        errors: dict[str, AppError] = {}
        axes: list[Axis] = []
        for number, row in enumerate(self.rows, 1):
            try:
                axes += _axis(row)
            except Invalid as error:
                errors[f"values-{number}"] = error
        try:
            count = int(REPEATS.parse(self.repeats or "1"))
        except Invalid as error:
            errors["repeats"], count = error, 1
        if recipe is None or errors:
            return Several(self.rows, self.repeats, errors)
        if count > 1:
            axes.append(matrix.seeds(recipe, count))
        try:
            made = matrix.recipes(recipe, axes, name)
        except Invalid as error:
            return Several(self.rows, self.repeats, self._placed(error))
        return Several(self.rows, self.repeats, {}, made)

    def _placed(self, error: Invalid) -> dict[str, AppError]:
        """An error beside the row that it is about."""
        places = {row.field: f"values-{number}" for number, row in enumerate(self.rows, 1)}
        if error.code == "vary_unreadable":
            return {"values-1": Invalid("vary_twice")}
        if error.code == "vary_no_augmentation":
            return {next(places[key] for key in (AUGMENTATION, CLASSES) if key in places): error}
        found = {places[key]: item for key, item in error.fields.items() if key in places}
        return found or {"values-1": next(iter(error.fields.values()), error)}


def read(sent: Mapping[str, Any]) -> Several:
    """What a form sent, or a program: ``vary`` is then an object of lists or texts by the names of fields."""
    rows = []
    for number in range(1, ROWS + 1):
        prefix = f"{PICK}{number}-"
        picked = tuple(key.removeprefix(prefix) for key in sent if key.startswith(prefix))
        rows.append(Row(str(sent.get(f"vary-{number}", ""))[:60], str(sent.get(f"values-{number}", "")), picked))
    repeats = str(sent.get("repeats", "1"))[:20]
    wish = sent.get("vary")
    if wish is None:
        return Several(tuple(rows), repeats)
    if not isinstance(wish, Mapping) or "" in wish:
        return Several(tuple(rows), repeats, {"vary": Invalid("vary_object")})
    told = [row for row in rows if row.field] + [_told(str(key), value) for key, value in wish.items()]
    if len(told) > ROWS:
        return Several(tuple(rows), repeats, {"vary": Invalid("vary_rows", count=len(told), most=ROWS)})
    return Several(tuple(told), repeats)


def _told(name: str, value: Any) -> Row:
    if isinstance(value, str) and name == CLASSES:
        return Row(name, value)
    if isinstance(value, str):
        return Row(name[:60], value, tuple(text.strip() for text in value.split(",")))
    return Row(name[:60], told=value if isinstance(value, list) else [value])


def known(key: str) -> bool:
    """True for a name that belongs to this part of the form."""
    return key in NAMES or key.startswith(PICK)


def _axis(row: Row) -> list[Axis]:
    if not row.field:
        return []
    if row.field != AUGMENTATION and row.field not in FIELDS:
        raise Invalid("field_unknown", name=row.field)
    if row.told is not None:
        return [_listed(row.field, row.told)]
    if not row.values.strip():
        raise Invalid("vary_unchosen" if row.choices or row.field == CLASSES else "vary_unwritten")
    return [_typed(row.field, row.values)]


def _typed(name: str, text: str) -> Axis:
    """From values with commas between them."""
    if len(text) > MOST_TEXT:
        raise Invalid("vary_long", count=len(text), most=MOST_TEXT)
    try:
        return matrix.axis(name, text)
    except Invalid as error:
        code = "vary_lists" if name == CLASSES else "vary_values"
        raise error if error.code == "matrix_size" else Invalid(code, text=text[:MOST_SHOWN]) from None


def _listed(name: str, told: Sequence[Any]) -> Axis:
    """From the list of a program; a value that is a list or an object itself, such as names of classes, stays one."""
    if len(told) > MOST_RUNS:  # before the ranges in it are written out
        raise Invalid("matrix_size", count=len(told), most=MOST_RUNS)
    values: list[str] = []
    kind = FIELDS[name].kind if name in FIELDS else ""
    whole = kind in WHOLE
    for value in told:
        if isinstance(value, list) or (kind in OBJECTS and isinstance(value, Mapping)):
            values.append(json.dumps(value, ensure_ascii=False))
        elif whole and isinstance(value, str):
            values.append(value)
        elif isinstance(value, str | int | float):
            values += _typed(name, _plain(value)).values
        else:
            raise Invalid("vary_kind", name=name, value=json.dumps(value, ensure_ascii=False)[:60])
    if not values or len(set(values)) < len(values):
        raise Invalid("vary_values", text=", ".join(values)[:MOST_SHOWN])
    return Axis(name, tuple(values))


def _plain(value: Any) -> str:
    return ("1" if value else "0") if isinstance(value, bool) else str(value)


def offered(gettext: Callable[[str], str]) -> list[tuple[str, str]]:
    """(name, label) of everything that can vary, what is varied most often first."""
    order = [*FIRST, *(key for key in TEXTS if key not in FIRST and key not in LEFT_OUT)]
    return [(key, gettext(CHANGES if key == AUGMENTATION else TEXTS[key].label)) for key in order]


def choices(
    several: Several, recipe: Recipe, classes: Sequence[str], gettext: Callable[[str], str]
) -> list[Mapping[str, str]]:
    """Of each row the values that can be ticked, and what they are called; ``classes`` are those of the images."""
    words = {NONE: gettext("no class"), ALL: gettext("all classes")}
    words |= {json.dumps([name], ensure_ascii=False): name for name in classes[:MOST_RUNS]}
    if recipe.augmented_classes:
        words.setdefault(recipe.augmented_classes, " + ".join(json.loads(recipe.augmented_classes)))
    return [
        words if row.field == CLASSES else {value: gettext(label) for value, label in row.choices.items()}
        for row in several.rows
    ]


__all__ = ["MOST_REPEATS", "MOST_RUNS", "ROWS", "Row", "Several", "choices", "known", "offered", "read"]

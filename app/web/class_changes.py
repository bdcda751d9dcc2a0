"""The changes of single classes: as rows of the form, each a class, a change and its value; and in words."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.domain import class_changes
from app.domain.errors import AppError, Invalid
from app.domain.fields import Field, plain
from app.domain.recipe import FIELDS
from app.web.augmentation_fields import TEXTS

KEY = "class_augmentation"
PREFIX = "own:"  # own:1:class, own:1:change and own:1:value are the first row
ADD, REMOVE = "own-add", "own-remove"  # buttons of the page without JavaScript
FIXED = ":"  # horizontal_flip:1 is a change with its value
_PART = re.compile(r"own:(\d{1,4}):(class|change|value)")
_COPIES = class_changes.COPIES


@dataclass(frozen=True)
class Row:
    """One row as typed."""

    number: int
    class_name: str = ""
    change: str = ""
    value: str = ""

    @property
    def field(self) -> str:
        """Name of the value that is set."""
        return self.change.partition(FIXED)[0]

    @property
    def given(self) -> str:
        """The value, wherever it was chosen."""
        return self.change.partition(FIXED)[2] or self.value.strip()


@dataclass(frozen=True)
class Offered:
    """A change that a row can have; ``limits`` is empty where the value is part of it."""

    value: str
    label: str
    limits: str


@dataclass(frozen=True)
class Card:
    """What the form shows; ``gone`` are classes without labelled images.

    ``blank`` is the row that can be added; with ``add`` it is shown.
    """

    rows: Sequence[Row]
    blank: Row
    add: bool
    classes: Sequence[str]
    gone: Sequence[str]
    offered: Sequence[Offered]
    wrong: frozenset[int]

    def limits(self, row: Row) -> str:
        """What may stand beside the value of a row."""
        return next((one.limits for one in self.offered if one.value == row.change), "")


def fields() -> Mapping[str, Field]:
    """What a class can have of its own, by name."""
    spec = FIELDS[KEY]
    return spec.inner if isinstance(spec, class_changes.ClassField) else {}


def read(sent: Mapping[str, Any]) -> tuple[Row, ...] | None:
    """The rows that a form sent, without those that are empty; None where it sent none."""
    found: dict[int, dict[str, str]] = {}
    for key, value in sent.items():
        if part := _PART.fullmatch(key):
            found.setdefault(int(part[1]), {})[part[2]] = str(value)[:200]
    if not found:
        return None
    removed = str(sent.get(REMOVE, ""))
    rows = [
        Row(number, one.get("class", ""), one.get("change", ""), one.get("value", ""))
        for number, one in sorted(found.items())
        if str(number) != removed
    ]
    rows = [row for row in rows if row.class_name or row.change or row.value.strip()]
    return tuple(replace(row, number=number) for number, row in enumerate(rows, 1))


def known(key: str) -> bool:
    """True for a name that belongs to this part of the form."""
    return key in (ADD, REMOVE) or _PART.fullmatch(key) is not None


def text_of(rows: Sequence[Row]) -> str:
    """The rows as a value of the recipe, as far as they are whole."""
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        if row.class_name and row.field:
            found.setdefault(row.class_name, {})[row.field] = row.given
    return json.dumps(found, ensure_ascii=False) if found else ""


def rows_of(text: str) -> tuple[Row, ...]:
    """A value of the recipe as rows; none of one that cannot be read."""
    try:
        found = class_changes.of(str(FIELDS[KEY].parse(text)))
    except Invalid:
        return ()
    pairs = [(name, key, value) for name, own in found.items() for key, value in own.items()]
    rows = []
    for number, (name, key, value) in enumerate(pairs, 1):
        fixed = isinstance(value, bool)
        change = f"{key}{FIXED}{int(value)}" if fixed else key
        rows.append(Row(number, name, change, "" if fixed else plain(value)))
    return tuple(rows)


def trouble(rows: Sequence[Row], *, whole: bool) -> AppError | None:
    """What no value of a recipe can say: a row that is there twice, or, where all must be ``whole``, half a row."""
    seen: set[tuple[str, str]] = set()
    for row in rows:
        if not row.class_name or not row.change:
            if not whole:
                continue
            return Invalid("class_change_half", name=row.class_name or "–", number=row.number)
        if (row.class_name, row.field) in seen:
            return Invalid("class_change_twice", name=row.class_name, field=row.field)
        seen.add((row.class_name, row.field))
    return None


def named(error: AppError, translate: Callable[[str], str]) -> AppError:
    """``error`` with the name that the form has for the change, where it is about one."""
    field = error.params.get("field")
    if not error.code.startswith("class_change_") or field not in fields():
        return error
    return Invalid(error.code, **{**error.params, "field": label_of(str(field), translate)})


def card(
    rows: Sequence[Row],
    classes: Sequence[str],
    errors: Mapping[str, AppError],
    translate: Callable[[str], str],
    asked: Mapping[str, str],
) -> Card:
    """The rows with everything that can be chosen in them; ``asked`` is the address of the page."""
    blank = Row(len(rows) + 1)
    gone = [name for name in dict.fromkeys(row.class_name for row in rows) if name and name not in classes]
    return Card(rows, blank, ADD in asked, classes, gone, _offered(translate), _wrong(rows, errors.get(KEY)))


def _wrong(rows: Sequence[Row], error: AppError | None) -> frozenset[int]:
    if error is None:
        return frozenset()
    if "number" in error.params:
        return frozenset(row.number for row in rows if row.number == error.params["number"])
    named = (error.params.get("name"), error.params.get("field"))
    return frozenset(row.number for row in rows if (row.class_name, row.field) == named)


def _offered(translate: Callable[[str], str]) -> list[Offered]:
    found = []
    for key, spec in fields().items():
        label = label_of(key, translate)
        if spec.kind == "bool":
            words = {"1": translate("yes"), "0": translate("no")}
            found += [Offered(f"{key}{FIXED}{value}", f"{label}: {word}", "") for value, word in words.items()]
            continue
        unit = translate(_text(key).unit) if _text(key).unit else ""
        found.append(Offered(key, label, f"{plain(spec.low)} – {plain(spec.high)} {unit}".strip()))
    return found


def _text(key: str) -> Any:
    return TEXTS[key if key == _COPIES else f"augmentation.{key}"]


def label_of(key: str, translate: Callable[[str], str]) -> str:
    """What a change is called in the form."""
    return translate(_text(key).label)


def in_words(text: str, translate: Callable[[str], str]) -> str:
    """All changes of a recipe as people read them: cat: Turn 10 degrees; dog: Mirror left and right no."""
    return "; ".join(
        f"{name}: {', '.join(_word(key, value, translate) for key, value in own.items())}"
        for name, own in class_changes.of(text).items()
    )


def _word(key: str, value: Any, translate: Callable[[str], str]) -> str:
    if isinstance(value, bool):
        return f"{label_of(key, translate)} {translate('yes') if value else translate('no')}"
    unit = _text(key).unit
    return f"{label_of(key, translate)} {plain(value)}{' ' + translate(unit) if unit else ''}"

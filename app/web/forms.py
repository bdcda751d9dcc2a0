"""The form of a recipe: fields from ``FIELDS``, what was typed kept as it was typed, errors beside their fields."""

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from app.domain.errors import AppError, Invalid
from app.domain.fields import Field, plain
from app.domain.recipe import FIELDS, Recipe
from app.services.runs import ANYHOW, How
from app.services.spreading import Spread
from app.web import class_changes
from app.web.field_text import FieldText
from app.web.fields import TEXTS
from app.web.messages import sentence
from app.web.several import Several, known
from app.web.several import read as read_several

EXTRA = frozenset(
    {"form", "name", "image", "draw", "seek", "seek_class", "from", "needs", "spread", "request"}
)  # controls of the page that are no part of the recipe
DATA = "data"  # errors of the images and not of a field; also the id of their part of the page
CLASSES, ONLY = "augmented_classes", "only:"  # only:NAME is the tick box of one class
OWN = class_changes.KEY
MAX_NAMES = 30_000  # characters of a list of names or layers
LONG = (CLASSES, OWN, "layers")
MAX_TEXT = 200  # characters of a value that are kept and shown again
NAME_LENGTH = 200
BELONGS = {"layers": "architecture"} | {  # a value that is wrong by another one
    f"augmentation.{name}_low": f"augmentation.{name}_high" for name in ("zoom", "brightness", "contrast")
}
NEEDS = re.compile(r"|gpu|worker:[^\s,:]{1,100}")


@dataclass(frozen=True)
class Control:
    """One field as the template draws it."""

    key: str
    id: str
    spec: Field
    text: FieldText
    value: str
    low: str
    high: str
    slider_low: str
    slider_high: str
    error: str
    focus: bool

    @property
    def checked(self) -> bool:
        """State of a tick box."""
        return self.value == "1"

    @property
    def slider(self) -> bool:
        """True when the number gets a slider."""
        return self.text.section == "augmentation" and self.spec.kind in ("int", "float")


@dataclass(frozen=True)
class TrainForm:
    """What the form holds. ``values`` are texts by the names of ``FIELDS``; with errors there is no ``recipe``."""

    values: Mapping[str, str]
    recipe: Recipe | None
    errors: Mapping[str, AppError] = field(default_factory=dict)
    name: str = ""
    how: How = ANYHOW
    several: Several = Several()
    changes: tuple[class_changes.Row, ...] = ()  # of single classes, as typed

    @classmethod
    def of(cls, recipe: Recipe, name: str = "", how: How = ANYHOW) -> Self:
        """The form that shows ``recipe``; reading it again gives the same recipe."""
        values = {key: show(value) for key, value in recipe.flat().items()}
        return cls(values, recipe, name=name, how=how, changes=class_changes.rows_of(values[OWN]))

    @classmethod
    def read(cls, typed: Mapping[str, Any], base: Recipe, *, complete: bool, strict: bool = False) -> Self:
        """What a person or a program sent.

        Args:
            typed: values by the names of ``FIELDS``, ``augmentation`` nested or with dots; numbers or their text.
            base: stands for every value that was not sent.
            complete: it is the whole form, so a tick box that was not sent is off.
            strict: names that the form does not know are errors.
        """
        sent = _flat(typed)
        values = {key: show(value) for key, value in base.flat().items()}
        if complete:
            values |= {key: "0" for key, spec in FIELDS.items() if spec.kind == "bool"}
        values |= {key: show(sent[key])[: MAX_NAMES if key in LONG else MAX_TEXT] for key in FIELDS if key in sent}
        picked = [key.removeprefix(ONLY) for key in sent if key.startswith(ONLY)]
        if picked or (complete and CLASSES not in sent):
            values[CLASSES] = show(picked) if picked else ""
        rows = class_changes.read(sent)
        if rows is not None or (complete and OWN not in sent):
            values[OWN] = class_changes.text_of(rows or ())
        errors = _unknown(sent) if strict else {}
        name = show(sent.get("name", "")).strip()
        if not isinstance(sent.get("name", ""), str):
            errors["name"] = Invalid("name_no_text", value=name[:40])
        elif len(name) > NAME_LENGTH:
            errors["name"] = Invalid("name_too_long", length=len(name), limit=NAME_LENGTH)
        how, wrong = _how(sent)
        errors |= wrong
        try:
            recipe = Recipe().updated(values)
        except Invalid as error:
            errors = {**error.fields, **errors}
        if half := class_changes.trouble(rows or (), whole=strict):
            errors[OWN] = half
        several = read_several(typed).worked_out(None if errors else recipe, name)
        rows = class_changes.rows_of(values[OWN]) if rows is None else rows
        return cls(values, None if errors else recipe, errors, name[: NAME_LENGTH * 5], how, several, rows)

    @property
    def typed(self) -> Recipe | None:
        """The recipe of the values, also where it was refused for the pictures that there are; None: they are none."""
        if self.recipe is not None:
            return self.recipe
        with contextlib.suppress(Invalid):
            return Recipe().updated(self.values)
        return None

    @property
    def alone(self) -> bool:
        """True when exactly these values are meant, or some that cannot be used, and no ready recipes."""
        return bool(self.several.made or self.errors.keys() - {DATA})

    def nearest(self, base: Recipe) -> Recipe:
        """The recipe of the values that can be used, for what the page shows while others cannot."""
        values = dict(self.values)
        while values:
            try:
                return Recipe().updated(values)
            except Invalid as error:
                wrong = values.keys() & error.fields.keys() or {BELONGS[key] for key in error.fields if key in BELONGS}
                if not wrong & values.keys():
                    return base
                values = {key: value for key, value in values.items() if key not in wrong}
        return base

    def refused(self, key: str, error: AppError) -> Self:
        """The same form with one more error."""
        return replace(self, recipe=None, errors={**self.errors, key: error})

    def controls(self, gettext: Callable[[str], str]) -> dict[str, Control]:
        """Every field of the form by its name, in the order of the page; the first wrong one takes the focus."""
        first = next((key for key in TEXTS if key in self.errors), "")
        return {
            key: _control(key, text, self.values[key], self._message(key, gettext), focus=key == first)
            for key, text in TEXTS.items()
        }

    def summary(self, gettext: Callable[[str], str]) -> list[tuple[str, str, str]]:
        """(id of the control or "", label, sentence) of each error, in the order of the page."""
        order = [key for key in ("name", *TEXTS) if key in self.errors]
        order += [key for key in self.errors if key not in order]
        labels = {key: gettext(text.label) for key, text in TEXTS.items()}
        labels |= {"name": gettext("Name"), DATA: gettext("Images"), "needs": gettext("Where it runs")}
        labels |= {key: gettext("Several trainings at once") for key in self.errors if known(key)}
        ids = {key: control_id(key) for key in labels} | {DATA: DATA}
        return [(ids.get(key, ""), labels.get(key, key), self._message(key, gettext)) for key in order]

    def _message(self, key: str, gettext: Callable[[str], str]) -> str:
        return sentence(class_changes.named(self.errors[key], gettext), gettext) if key in self.errors else ""


def _unknown(sent: Mapping[str, Any]) -> dict[str, AppError]:
    """Names that the form does not have."""
    names = [key for key in sent if key not in FIELDS and key not in EXTRA and not key.startswith(ONLY)]
    return {
        key[:60]: Invalid("field_unknown", name=key[:60])
        for key in names
        if not known(key) and not class_changes.known(key)
    }


def _how(sent: Mapping[str, Any]) -> tuple[How, dict[str, AppError]]:
    """Where the training runs: no part of the recipe, because it does not change the result."""
    needs, spread = show(sent.get("needs", "")).strip()[:MAX_TEXT], show(sent.get("spread", Spread.AUTO))[:MAX_TEXT]
    errors: dict[str, AppError] = {}
    if not NEEDS.fullmatch(needs):
        errors["needs"] = Invalid("needs_unknown", value=needs[:60])
    if spread not in list(Spread):
        errors["spread"] = Invalid("spread_unknown", value=spread[:60], known=", ".join(Spread))
    return (ANYHOW, errors) if errors else (How(needs, Spread(spread)), errors)


def needs_of(sent: Mapping[str, Any]) -> str:
    """Which workers a form or a program asks for.

    Raises:
        Invalid: ``needs_unknown``.
    """
    how, errors = _how({"needs": sent.get("needs", "")})
    if errors:
        raise errors["needs"]
    return how.needs


def control_id(key: str) -> str:
    """The id of the control of a field."""
    return "f-" + key.replace(".", "-")


def show(value: Any) -> str:
    """A value as the form shows it; ``Field.parse`` reads it back exactly."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list | Mapping):
        return json.dumps(value, ensure_ascii=False, default=str)
    return plain(value) if isinstance(value, float) else str(value)


def _flat(typed: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in typed.items():
        if key == "augmentation" and isinstance(value, Mapping):
            flat |= {f"augmentation.{inner}": item for inner, item in value.items()}
        else:
            flat[str(key)] = value
    return flat


def _control(key: str, text: FieldText, value: str, error: str, *, focus: bool) -> Control:
    spec = FIELDS[key]
    number = spec.kind in ("int", "float")
    low, high = (plain(spec.low), plain(spec.high)) if number else ("", "")
    slider_high = show(text.slider_high) if text.slider_high is not None else high
    shown = value.strip()
    if spec.kind == "bool":
        shown = "1" if shown.lower() in ("1", "true", "on", "yes") else "0"
    return Control(
        key,
        control_id(key),
        spec,
        text,
        shown if spec.kind == "bool" else value,
        low,
        high,
        low,
        slider_high,
        error,
        focus,
    )

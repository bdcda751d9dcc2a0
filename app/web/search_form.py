"""The page on which a search for settings is begun: how it searches, for how long, and what varies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain import search
from app.domain.errors import AppError, Invalid
from app.domain.fields import Field, plain
from app.domain.matrix import AUGMENTATION
from app.domain.recipe import Recipe
from app.domain.search import Dimension
from app.domain.text import N_
from app.services.searches import Plan
from app.web import several
from app.web.fields import TEXTS

VARIES = "varies-"  # varies-learning_rate: the tick box of one setting
TRIALS = Field("int", "", 2, search.MOST_TRIALS)
MINUTES = Field("int", "", 0, search.MOST_MINUTES)
READY = N_("The best of the ready recipes")
METHODS: dict[str, tuple[str, str]] = {
    search.HALVING: (
        N_("Successive halving"),
        N_("Many short trainings; the best third is trained three times as long, and so on."),
    ),
    search.RANDOM: (N_("Random search"), N_("Every trial is drawn anew and trained to its end.")),
}
FIRST = ("learning_rate", search.STRENGTH, "label_smoothing", "head_dropout", "weight_decay")  # ticked at first
STRENGTH = N_("Strength of all changes of pictures")


@dataclass(frozen=True)
class SearchForm:
    """What was typed; ``errors`` by the name of the control. ``named``: somebody chose the fields."""

    method: str = search.HALVING
    trials: str = "9"
    minutes: str = "0"
    fields: tuple[str, ...] = FIRST
    named: bool = False
    errors: Mapping[str, AppError] = field(default_factory=dict)

    def plan(self, recipe: Recipe) -> Plan:
        """What is searched.

        Raises:
            Invalid: ``fields`` holds one error for each control that cannot be used.
        """
        errors: dict[str, AppError] = dict(self.errors)
        offered = search.dimensions(recipe)
        for name in self.fields if self.named else ():
            if name not in offered:
                errors["varies"] = Invalid("field_choice", value=name[:60], choices=", ".join(offered))
        numbers: dict[str, int] = {}
        for name, spec in (("trials", TRIALS), ("minutes", MINUTES)):
            try:
                numbers[name] = int(spec.parse(getattr(self, name)))
            except Invalid as error:
                errors[name] = error
        if self.method not in METHODS:
            known = ", ".join(METHODS)
            errors["method"] = Invalid("field_choice", value=self.method[:40], choices=known)
        if errors:
            raise Invalid.of_fields(errors)
        return Plan(self.method, numbers["trials"], numbers["minutes"], self.fields, seed=recipe.seed)


def read(sent: Mapping[str, Any]) -> SearchForm:
    """What a form sent, or a program: ``varies`` is then a list of names."""
    plain = SearchForm()
    fields = tuple(key.removeprefix(VARIES) for key in sent if key.startswith(VARIES))
    errors: dict[str, AppError] = {}
    wish = sent.get("varies", list(fields))
    if isinstance(wish, list) and all(isinstance(one, str) for one in wish):
        fields = tuple(wish)
    else:
        errors["varies"] = Invalid("field_names", value=str(wish)[:60])
    named = bool(fields) or "varies" in sent or "method" in sent
    return SearchForm(
        str(sent.get("method", plain.method))[:40],
        str(sent.get("trials", plain.trials))[:20],
        str(sent.get("minutes", plain.minutes))[:20],
        fields if named else plain.fields,
        named,
        errors,
    )


def mine(key: str) -> bool:
    """True for a name that belongs to this form and not to the recipe."""
    return key in ("method", "trials", "minutes", "varies") or key.startswith(VARIES)


def label(name: str, gettext: Callable[[str], str]) -> str:
    """What a setting is called."""
    if name == AUGMENTATION:
        return gettext(several.CHANGES)
    return gettext(STRENGTH) if name == search.STRENGTH else gettext(TEXTS[name].label)


def reach(one: Dimension, gettext: Callable[[str], str]) -> str:
    """Between which values it varies, in words."""
    if one.choices:
        names = TEXTS[one.field].choices
        return gettext(", ").join(
            gettext(names[value]) if value in names else str(value) for value in one.choices
        )  # fmt: skip
    scale = gettext("even on the scale of its powers of ten") if one.log else ""
    return f"{plain(one.low, 6)} – {plain(one.high, 6)}" + (f" ({scale})" if scale else "")

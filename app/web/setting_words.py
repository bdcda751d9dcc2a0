"""Values of recipes in words, and the settings in which recipes differ."""

import gettext
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.presets import PRESETS
from app.domain.recipe import Recipe
from app.web import run_names
from app.web.fields import TEXTS


@dataclass(frozen=True)
class Difference:
    """One setting that is not the same everywhere; one value for each recipe."""

    label: str
    values: Sequence[str]


def shown(name: str, value: Any, t: gettext.NullTranslations) -> str:
    """One value of ``Recipe.flat`` in words."""
    text = TEXTS[name]
    if name in run_names.OF_CLASSES:
        return run_names.word(name, value, t.gettext)
    words = run_names.plain_word(name, value, t.gettext)
    return f"{words} {t.gettext(text.unit_of(value))}" if text.unit else words


def kind(preset: str, architecture: str, t: gettext.NullTranslations) -> str:
    """What a run is in a few words: its ready recipe, or its network where that is not the one of the recipe."""
    ready = PRESETS.get(preset)
    if ready is not None and ready.recipe.architecture == architecture:
        return t.gettext(ready.title)
    return shown("architecture", architecture, t)


def differences(recipes: Sequence[Recipe], t: gettext.NullTranslations) -> list[Difference]:
    """Settings with different values, in the order of the form."""
    flat = [recipe.flat() for recipe in recipes]
    return [
        Difference(t.gettext(TEXTS[name].label), [shown(name, one[name], t) for one in flat])
        for name in flat[0]
        if name in TEXTS and len({repr(one[name]) for one in flat}) > 1
    ]

"""What the form says of the recipes that are tried while nobody has changed a value."""

import gettext
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db.models import Project
from app.domain import best
from app.domain.presets import PRESETS
from app.domain.recipe import Recipe
from app.domain.stats import exact
from app.services import choosing
from app.services.choosing import Candidate
from app.web import preflight_card, preset_texts, run_words
from app.web.fields import TEXTS

Catalogue = gettext.NullTranslations


@dataclass(frozen=True)
class Try:
    """One of the recipes: its preset in words, its network, how long it takes, and what is known before the start."""

    title: str
    line: str
    network: str
    epochs: int
    time: str
    card: preflight_card.Card


@dataclass(frozen=True)
class BestCard:
    """All of them in their order, and the time of all.

    Attributes:
        out: so many cannot be trained here.
        few: mistakes that settle it at once.
        enough: epochs that a network from scratch must have time for.
    """

    tries: Sequence[Try]
    time: str
    out: int
    folds: int
    few: int
    enough: int


def build(
    session: Session, project: Project, recipe: Recipe, needs: str, t: Catalogue, language: str
) -> BestCard | None:
    """The card for the values of the form; None where they are to be trained as they are."""
    found = choosing.chosen(session, project, recipe)
    if not found:
        return None
    seen = choosing.forecast(session, project, found, needs)
    fitting = [one for one in seen if one.found.refusal is None]
    low, high = fitting[0].seconds.low if fitting else 0.0, sum(one.seconds.high for one in fitting)
    return BestCard(
        [_try(one, t, language) for one in seen], _span(low, high, t), len(seen) - len(fitting), found[0].folds,
        exact.fewest_changes() - 1, best.ENOUGH,
    )  # fmt: skip


def _try(one: Candidate, t: Catalogue, language: str) -> Try:
    _ = t.gettext
    preset, recipe = PRESETS[one.recipe.preset], one.recipe
    networks = TEXTS["architecture"].choices
    time = _span(one.seconds.low, one.seconds.high, t)
    if not one.measured:
        time = _("about %(time)s on two processor cores; not measured here yet") % {"time": time}
    return Try(
        _(preset.title), _(preset_texts.LINES[preset.name]) % {}, _(networks[recipe.architecture]),
        recipe.all_epochs, time, preflight_card.card(one.found, t, language),
    )  # fmt: skip


def _span(low: float, high: float, t: Catalogue) -> str:
    first, last = run_words.duration(low, t), run_words.duration(high, t)
    return first if first == last else t.gettext("%(low)s to %(high)s") % {"low": first, "high": last}

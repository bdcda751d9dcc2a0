"""The network of the form: its layers, or why there are none, and what deserves to be read about it."""

import gettext
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.domain import architectures
from app.domain.errors import Invalid
from app.domain.recipe import Recipe
from app.domain.sketch import Layer
from app.services import transfer
from app.web import setting_words
from app.web.forms import TrainForm, show
from app.web.messages import sentence

FIELDS = ("architecture", "layers", "image_size", "head_units", "unfrozen_blocks")


@dataclass(frozen=True)
class NetworkCard:
    """The layers of a network and the number of their weights, or the reason why there are none; and warnings.

    ``several``: warnings for the trainings that would be started together.
    """

    layers: Sequence[Layer]
    parameters: int
    error: str
    warnings: Sequence[str]
    several: Sequence[str]


def of_several(recipes: Iterable[Recipe], t: gettext.NullTranslations) -> list[str]:
    """What deserves to be read about the networks of several trainings, each sentence once."""
    found = [(one.architecture, error) for one in recipes for error in transfer.warnings(one)]
    said = [f"{setting_words.shown('architecture', name, t)}: {sentence(error, t.gettext)}" for name, error in found]
    return list(dict.fromkeys(said))


def build(form: TrainForm, recipe: Recipe, classes: int, t: gettext.NullTranslations) -> NetworkCard:
    """The network of ``recipe``, which is that of the form or, while some of its values are none, the nearest."""
    values = recipe.flat()
    if form.typed is None and any(form.values[key] != show(values[key]) for key in FIELDS):
        wrong = next((form.errors[key] for key in FIELDS if key in form.errors), Invalid("network_unknown"))
        return NetworkCard([], 0, sentence(wrong, t.gettext), [], [])
    warnings = [sentence(error, t.gettext) for error in transfer.warnings(recipe)]
    several = of_several((one for _name, one in form.several.made), t)
    try:
        layers = architectures.layer_table(recipe, max(classes, 2))
    except Invalid as error:
        return NetworkCard([], 0, sentence(error, t.gettext), warnings, several)
    return NetworkCard(layers, sum(layer.parameters for layer in layers), "", warnings, several)

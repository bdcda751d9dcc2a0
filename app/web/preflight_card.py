"""What the page of a new training says before the start, in words."""

import gettext
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from app.domain.errors import Invalid
from app.domain.recipe import FIELDS
from app.domain.text import N_
from app.services import plans
from app.services.pacing import Pace
from app.services.preflight import Preflight
from app.web import i18n, run_words, setting_words
from app.web.fields import TEXTS
from app.web.messages import sentence

EMPTY = {"begin": N_("new weights"), "augmented_classes": N_("all classes")}  # what nothing stands for
Catalogue = gettext.NullTranslations


@dataclass(frozen=True)
class Card:
    """Lines of (label, text, note); the refusal; and a proposal as text and as the value of its button."""

    lines: Sequence[tuple[str, str, str]]
    refusal: str
    tight: str
    unchecked: str
    proposal: str
    take: str
    conflicts: int
    torn: int


def card(found: Preflight, t: Catalogue, language: str) -> Card:
    """The card of ``found``."""
    _ = t.gettext
    lines = [
        (_("Steps in an epoch"), _steps(found, t), _changes(found, t)),
        _time(found, t),
        *_memory(found, t, language),
    ]
    if found.smallest:
        parts = _("%(name)s: about %(train)s to learn from, %(validation)s to check with") % {
            "name": found.smallest.name,
            "train": i18n.show_number(round(found.smallest.train), language),
            "validation": i18n.show_number(round(found.smallest.validation), language),
        }
        lines.append((_("Smallest class of a model"), parts, ""))
    return Card(
        lines=lines,
        refusal=sentence(found.refusal, _) if found.refusal else "",
        tight=_("It may not fit into the memory that one training may have.") if found.tight else "",
        unchecked=_unchecked(found, t),
        proposal=_proposal(found.proposal, t),
        take=urlencode(found.proposal),
        conflicts=found.conflicts,
        torn=found.torn,
    )


def _unchecked(found: Preflight, t: Catalogue) -> str:
    if not found.unchecked:
        return ""
    return sentence(Invalid("class_unchecked", names=plans.named(found.unchecked)), t.gettext)


def _steps(found: Preflight, t: Catalogue) -> str:
    if found.models == 1:
        return str(found.steps)
    return t.gettext("%(steps)s for each of %(models)s models") % {"steps": found.steps, "models": found.models}


def _changes(found: Preflight, t: Catalogue) -> str:
    if found.changes == found.steps:
        return ""
    return t.ngettext(
        "the weights are changed %(count)s time", "the weights are changed %(count)s times", found.changes
    ) % {"count": found.changes}


def _time(found: Preflight, t: Catalogue) -> tuple[str, str, str]:
    _ = t.gettext
    if found.seconds is None or found.pace is None:
        return _("Time"), _("not measured yet"), _("It is known after the first training with this network and size.")
    low, high = run_words.duration(found.seconds.low, t), run_words.duration(found.seconds.high, t)
    text = low if low == high else _("%(low)s to %(high)s") % {"low": low, "high": high}
    return _("Time"), text, _measured(found.pace, t)


def _measured(pace: Pace, t: Catalogue) -> str:
    _ = t.gettext
    values = {"run": pace.run, "processor": pace.processor or _("a processor of unknown name")}
    if pace.run is None and pace.same:
        return _("measured in another project, on %(processor)s") % values
    if pace.run is None:
        return _("measured with other settings of the step, in another project, on %(processor)s") % values
    if pace.same:
        return _("measured in run %(run)s and before, on %(processor)s") % values
    return _("measured with other settings of the step, in run %(run)s and before, on %(processor)s") % values


def _memory(found: Preflight, t: Catalogue, language: str) -> list[tuple[str, str, str]]:
    _ = t.gettext
    if found.memory is None:
        return []

    def size(value: int) -> str:
        return i18n.show_filesize(value, language)

    memory = found.memory
    need = _("%(low)s to %(high)s") % {"low": size(memory.low), "high": size(memory.high)}
    room = _("no worker says how much one training may have")
    if found.room is not None:
        room = _("one training may have %(room)s") % {"room": size(found.room[0])}
        if found.free is not None:
            room += " · " + _("%(free)s are free now") % {"free": size(found.free)}
    pictures = size(memory.pictures)
    where = _("too many for the memory, so they lie in a file") if memory.mapped else ""
    return [
        (_("Memory"), need, room),
        (_("Pictures"), pictures, where),
        (_("Weights · one step"), f"{size(memory.weights)} · {size(memory.step)}", ""),
    ]


def _proposal(values: Mapping[str, int | str], t: Catalogue) -> str:
    return ", ".join(f"{t.gettext(TEXTS[name].label)}: {_value(name, value, t)}" for name, value in values.items())


def _value(name: str, value: int | str, t: Catalogue) -> str:
    if value == "":
        return t.gettext(EMPTY[name])
    if FIELDS[name].kind == "bool":
        return t.gettext("yes") if value else t.gettext("no")
    return setting_words.shown(name, value, t) if FIELDS[name].kind == "choice" else str(value)

"""What a search is doing, in sentences."""

import gettext
import math
from collections.abc import Mapping
from typing import Any

from app.domain.enums import JobState
from app.web import run_words

Catalogue = gettext.NullTranslations


def status(state: JobState, told: Mapping[str, Any], place: int | None, t: Catalogue) -> str:
    """One sentence."""
    _ = t.gettext
    if state is JobState.QUEUED:
        return _("Next in line.") if place == 1 else _("Number %(place)s in line.") % {"place": place or "–"}
    if state is JobState.CANCELLING:
        return _("Stopping.")
    if state is not JobState.RUNNING:
        return ""
    values = {"done": told.get("done", 0), "total": told.get("total", 0)}
    phases = {
        "load": _("Reads pictures: %(done)s of %(total)s."),
        "features": _("The pretrained network looks at the pictures: %(done)s of %(total)s."),
        "rates": _("Trains: step %(done)s of %(total)s."),
    }
    return phases.get(str(told.get("phase", "")), _("Begins in a moment.")) % values


def left(told: Mapping[str, Any], t: Catalogue) -> str:
    """The time that is left, "" while nobody knows."""
    seconds = told.get("seconds_left")
    if seconds is None:
        return ""
    return t.gettext("about %(time)s left at most") % {"time": run_words.duration(max(1.0, math.ceil(seconds)), t)}

"""What a run is doing, in sentences."""

import gettext
import math
from dataclasses import asdict
from typing import Any

from app.domain.enums import JobState
from app.services.progress import EpochRow, Snapshot, TimeLeft
from app.services.report import Cut
from app.web import i18n
from app.web.job_words import STUCK, wait_reason
from app.web.messages import say

Catalogue = gettext.NullTranslations


def state_name(state: JobState, t: Catalogue) -> str:
    """One or two words for the title of the page."""
    _ = t.gettext
    return {
        JobState.QUEUED: _("waiting in line"),
        JobState.WAITING: _("waiting"),
        JobState.RUNNING: _("training"),
        JobState.CANCELLING: _("stopping"),
        JobState.DONE: _("done"),
        JobState.FAILED: _("failed"),
        JobState.CANCELLED: _("stopped"),
    }[state]


def status(now: Snapshot, t: Catalogue) -> str:
    """One sentence: what is happening."""
    _ = t.gettext
    if now.state is JobState.QUEUED:
        return _in_line(now, t)
    if now.state is JobState.CANCELLING:
        if now.keep_best:
            return _("Stopping after this epoch. The best weights so far are kept and judged.")
        return _("Stopping. Nothing of this training is kept.")
    if now.silent:
        return _("The worker does not answer. If it stays away, another one goes on after the last saved epoch.")
    if now.state is JobState.RUNNING:
        return _phase(now, t)
    return state_name(now.state, t).capitalize()


def _in_line(now: Snapshot, t: Catalogue) -> str:
    _ = t.gettext
    if now.wait in STUCK:
        return _("In line, but it cannot begin: %(reason)s.") % {"reason": wait_reason(now.wait, now.needs, t)}
    if now.place == 1:
        return _("Next in line.")
    return _("Number %(place)s in line.") % {"place": now.place}


def _phase(now: Snapshot, t: Catalogue) -> str:
    _ = t.gettext
    values = {
        "fold": now.fold + 1, "folds": now.folds, "epoch": now.epoch, "epochs": now.epochs,
        "done": now.done, "total": now.total,
    }  # fmt: skip
    if now.phase == "load":
        return _("Reading the pictures: %(done)s of %(total)s.") % values
    if now.phase == "evaluate":
        return _("Judging the images that were set aside.")
    if now.phase == "explain":
        return _("Preparing heat maps: %(done)s of %(total)s.") % values
    if not now.phase and not now.rows:
        return _("Starting.")
    sentence = _("epoch %(epoch)s of %(epochs)s") % values
    if now.folds > 1:
        sentence = _("fold %(fold)s of %(folds)s") % values + " · " + sentence
    if now.total:
        sentence += " · " + _("image %(done)s of %(total)s") % values
    return sentence[:1].upper() + sentence[1:]


def time_left(now: Snapshot, t: Catalogue) -> str:
    """ "about 2 to 5 min left", "estimating the time left" or nothing."""
    _ = t.gettext
    if now.state is not JobState.RUNNING:
        return ""
    if now.phase in ("evaluate", "explain"):
        return _("almost done")
    if now.left is None:
        return _("estimating the time left …")
    return _range(now.left, t)


def _range(left: TimeLeft, t: Catalogue) -> str:
    _ = t.gettext
    low, high = _rounded(left.low), _rounded(left.high)
    if high < 10:
        return _("a few seconds left")
    if low >= high * 0.8:
        return _("about %(time)s left") % {"time": duration(high, t)}
    if low < 10:
        return _("at most %(time)s left") % {"time": duration(high, t)}
    return _("%(low)s to %(high)s left") % {"low": duration(low, t), "high": duration(high, t)}


def _rounded(seconds: float) -> float:
    """No false exactness: tens of seconds below two minutes, whole minutes above."""
    step = 10 if seconds < 120 else 60
    return max(round(seconds / step), 1) * step if seconds >= 5 else 0


def duration(seconds: float | None, t: Catalogue) -> str:
    """ "8.3 s", "41 s", "2 min 5 s", "1 h 20 min"."""
    if seconds is None:
        return i18n.DASH
    _ = t.gettext
    if seconds < 10:
        return _("%(seconds)s s") % {"seconds": f"{seconds:.1f}"}
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if not minutes:
        return _("%(seconds)s s") % {"seconds": rest}
    hours, minutes = divmod(minutes, 60)
    if hours:
        return _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}
    if not rest or minutes >= 10:
        return _("%(minutes)s min") % {"minutes": minutes}
    return _("%(minutes)s min %(seconds)s s") % {"minutes": minutes, "seconds": rest}


def best(now: Snapshot, t: Catalogue, language: str) -> str:
    """The best epoch of the fold in training, or nothing."""
    if now.best is None or now.finished:
        return ""
    return t.gettext("best so far: validation accuracy %(accuracy)s, loss %(loss)s (epoch %(epoch)s)") % {
        "accuracy": i18n.show_percent(now.best.val_accuracy, language),
        "loss": i18n.show_number(now.best.val_loss, language, 3),
        "epoch": now.best.epoch,
    }


def failure(now: Snapshot, t: Catalogue) -> str:
    """Why the run failed and what to do, or nothing."""
    return say(now.error_code, now.error_params, t.gettext) if now.error_code else ""


def cut(found: Cut | None, t: Catalogue) -> str:
    """What there is of a training that was stopped, or nothing."""
    if found is None:
        return ""
    if found.of == 1:
        return t.gettext("Stopped, the best epoch was kept.")
    return t.gettext("Stopped: %(models)s of %(of)s models, %(images)s of %(total)s images judged.") % asdict(found)


def progress_event(now: Snapshot, language: str) -> dict[str, Any]:
    """The values of a progress event: numbers for the bar, sentences for the lines beside it."""
    t = i18n.translations(language)
    return {
        "state": now.state,
        "attempt": now.attempt,
        "share": now.share,
        "status": status(now, t),
        "left": time_left(now, t),
        "best": best(now, t, language),
        "title": i18n.show_percent(now.share, language, 0)
        if now.state is JobState.RUNNING
        else state_name(now.state, t),
        "workers": now.workers,
    }


def epoch_values(row: EpochRow) -> dict[str, Any]:
    """An epoch for JSON, which knows neither NaN nor infinity."""
    values = asdict(row)
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }

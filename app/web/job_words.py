"""What a job is, what it is doing and why it waits, in words."""

import gettext
from collections.abc import Callable, Mapping
from typing import Any

from app.domain import sizes
from app.domain.backbones import KNOWN
from app.domain.enums import JobKind, JobState, Lane
from app.domain.text import N_
from app.services.job_list import JobLine

Catalogue = gettext.NullTranslations

KINDS: dict[JobKind, str] = {
    JobKind.TRAIN: N_("Training"),
    JobKind.IMPORT: N_("Import of a zip"),
    JobKind.EXPLAIN: N_("Heat maps"),
    JobKind.FOLD: N_("Fold"),
    JobKind.GROUP: N_("Group of trainings"),
    JobKind.PREDICT: N_("Prediction"),
    JobKind.IMPORT_PART: N_("Part of a zip"),
    JobKind.FACTS: N_("Check of the pictures"),
    JobKind.FEATURES: N_("Features of the pictures"),
    JobKind.SUGGEST: N_("Suggestions of a run"),
    JobKind.ALTER: N_("Test on changed pictures"),
    JobKind.AMOUNT: N_("How many more pictures"),
    JobKind.MAP: N_("Map of the pictures"),
    JobKind.JUDGE: N_("Several views of each picture"),
    JobKind.RATES: N_("Search for a learning rate"),
    JobKind.SEARCH: N_("Search for settings"),
    JobKind.DELETE: N_("Deletion of a project"),
    JobKind.WEIGHTS: N_("Download of a file of weights"),
}
LANES: dict[Lane, str] = {
    Lane.GPU: N_("Trainings"),
    Lane.CPU: N_("Imports and heat maps"),
    Lane.INTERACTIVE: N_("Quick answers"),
}
WAITS: dict[str, str] = {
    "nobody": N_("no worker answers"),
    "no_gpu": N_("needs a graphics card (GPU); no worker has one"),
    "no_host": N_("wants the worker on %(host)s, which does not answer"),
    "no_lane": N_("no worker takes work of this kind"),
    "busy": N_("all places are taken"),
    "": N_("begins in a moment"),
}
STUCK = {"no_gpu", "no_host", "no_lane"}  # others that stand behind such a job begin before it


def wait_reason(wait: str, needs: str, t: Catalogue) -> str:
    """Why a queued job that asks for ``needs`` does not run."""
    return t.gettext(WAITS[wait]) % {"host": needs.partition(":")[2]}


def downloaded(told: Mapping[str, Any], t: Catalogue) -> str:
    """How much of a file is here."""
    size = {name: sizes.in_units(int(told.get(name, 0))) for name in ("done", "total")}
    return t.gettext("%(done)s of %(total)s") % size


class Words:
    """Sentences of job lines in one language; a template asks for them."""

    def __init__(self, t: Catalogue) -> None:
        self._t = t
        self._: Callable[[str], str] = t.gettext

    def kind(self, line: JobLine) -> str:
        """What the job is; a fold, a part and a file of weights say which."""
        if line.kind is JobKind.FOLD and "fold" in line.spec:
            return self._("Fold %(number)s") % {"number": line.spec["fold"] + 1}
        if line.kind is JobKind.WEIGHTS and line.spec.get("name") in KNOWN:
            return self._("File of weights of %(name)s") % {"name": KNOWN[line.spec["name"]].title}
        if line.kind is JobKind.GROUP and line.spec.get("name"):
            return str(line.spec["name"])
        return self._(KINDS[line.kind])

    def lane(self, lane: Lane) -> str:
        """The places of a worker."""
        return self._(LANES[lane])

    def wait(self, line: JobLine) -> str:
        """Why a job waits; nothing for one that does not."""
        if line.state is not JobState.QUEUED:
            return ""
        return wait_reason(line.wait, line.needs, self._t)

    def stuck(self, line: JobLine) -> bool:
        """True when no worker can take it, so that its place in line says nothing."""
        return line.wait in STUCK

    def wish(self, line: JobLine) -> str:
        """What the job asks of its worker; nothing when it takes any."""
        name, _, host = line.needs.partition(":")
        if host:
            return self._("on %(host)s") % {"host": host}
        return self._("on a GPU") if name else ""

    def step(self, line: JobLine) -> str:
        """What a running job is doing."""
        told, _ = line.progress, self._
        phase = told.get("phase", "")
        if line.state not in (JobState.RUNNING, JobState.CANCELLING) or not phase:
            return ""
        values = {
            "fold": told.get("fold", 0) + 1, "folds": told.get("folds", 1), "epoch": told.get("epoch", 1),
            "epochs": told.get("epochs", 1), "done": told.get("done", 0), "total": told.get("total", 0),
        }  # fmt: skip
        if phase == "train" and told.get("epochs"):
            epoch = _("epoch %(epoch)s of %(epochs)s") % values
            return _("fold %(fold)s of %(folds)s") % values + " · " + epoch if values["folds"] > 1 else epoch
        if phase == "load":
            return _("reads pictures: %(done)s of %(total)s") % values
        if phase == "weights":
            return downloaded(told, self._t)
        if phase in ("evaluate", "explain"):
            return _("judges and explains")
        return _("%(done)s of %(total)s") % values if values["total"] else ""

    def children(self, line: JobLine) -> str:
        """The children in one line: how many there are in each state."""
        found = line.counts
        waits = found[JobState.QUEUED] + found[JobState.WAITING]
        runs = found[JobState.RUNNING] + found[JobState.CANCELLING]
        parts = (
            (found[JobState.DONE], self._("%(count)s done")),
            (runs, self._("%(count)s running")),
            (waits, self._("%(count)s waiting")),
            (found[JobState.FAILED], self._("%(count)s failed")),
            (found[JobState.CANCELLED], self._("%(count)s stopped")),
        )
        return " · ".join(text % {"count": count} for count, text in parts if count)

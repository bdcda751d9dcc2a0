"""Puts together the diary of a run, and says what a test on changed pictures has shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from gettext import NullTranslations
from typing import Any

from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Run, RunClass
from app.domain.alterations import OF_EDGES, OF_PADDING, WITH_BOX, Change
from app.domain.errors import Invalid
from app.domain.stats import exact
from app.domain.text import N_
from app.services import diary, predictions
from app.services.diary import Chosen, Entry
from app.web.errors import plain
from app.web.messages import say
from app.web.review_query import chosen_role, number_of

CHANGES: dict[Change, str] = {
    Change.MASK: N_("cover a box"),
    Change.CROP: N_("show a box alone, enlarged"),
    Change.FLIP: N_("mirror left and right"),
    Change.UPSIDE_DOWN: N_("turn upside down"),
    Change.BRIGHTEN: N_("more or less light"),
    Change.BLANK_BORDER: N_("blank the border"),
    Change.MIRROR_BORDER: N_("mirror the picture into the border"),
    Change.BLANK_PADDING: N_("blank the padding"),
    Change.MIRROR_PADDING: N_("mirror the picture into the padding"),
}
SHOWS = {"all": N_("all answers"), "right": N_("right answers"), "wrong": N_("wrong answers")}
DID = {
    diary.WRITTEN: N_("written"),
    diary.CHANGED: N_("changed"),
    diary.REMOVED: N_("removed"),
    diary.RESTORED: N_("brought back"),
}
SIDES = ("left", "top", "right", "bottom")
MOST_SHOWN = 12  # pictures of an answer


@dataclass(frozen=True)
class Shown:
    """A picture of an answer: the former and the new answer, and the probability of the former before and after."""

    item_id: int
    before: int
    after: int
    first: float
    then: float


@dataclass(frozen=True)
class Card:
    """An entry as the page shows it; ``pictures`` belong to an answer, ``error`` to a failed test.

    ``p``: of right answers before and after, adjusted for all ``tests`` of the diary; None where none can be told.
    """

    entry: Entry
    change: Change | None
    p: float | None
    tests: int
    pictures: Sequence[Shown]
    error: str

    @property
    def proven(self) -> bool:
        """True when the change surely makes the run better or worse."""
        return self.p is not None and self.p < exact.LEVEL

    @property
    def used(self) -> bool:
        """True when what was taken away is proven to be used."""
        result = self.entry.row.result
        return result is not None and self.proven and result["lost"] > result["gained"]

    @property
    def done(self) -> int:
        """Pictures that the job has shown to the models so far."""
        return self._told("done")

    @property
    def total(self) -> int:
        """Pictures of the job; 0 before it has begun."""
        return self._told("total")

    def _told(self, name: str) -> int:
        return int(self.entry.job.progress.get(name, 0)) if self.entry.job is not None else 0


@dataclass(frozen=True)
class DiaryPage:
    """The page; ``typed`` is what the form holds, ``error`` why it was refused."""

    project: Project
    run: Run
    on: str
    roles: Sequence[str]
    classes: Sequence[RunClass]
    cards: Sequence[Card]
    removed: Sequence[Card]
    ready: bool
    typed: Mapping[str, Any]
    error: str = ""
    here: str = "diary"
    changes: Mapping[Change, str] = field(default_factory=lambda: CHANGES)
    shows: Mapping[str, str] = field(default_factory=lambda: SHOWS)
    did: Mapping[str, str] = field(default_factory=lambda: DID)
    sides: Sequence[str] = SIDES
    offered: Sequence[Change] = ()


def cards(entries: Sequence[Entry], t: NullTranslations) -> dict[int, Card]:
    """All entries of a run with what their answers mean, by their numbers."""
    adjusted, tests = diary.adjusted(entries)
    return {one.row.number: _card(one, adjusted.get(one.row.id), tests, t) for one in entries}


def _card(entry: Entry, p: float | None, tests: int, t: NullTranslations) -> Card:
    result = entry.row.result or {}
    name = (entry.row.alteration or {}).get("change")
    pictures = [Shown(*row) for row in result.get("listed", [])[:MOST_SHOWN]]
    job = entry.job
    error = say(job.error_code, plain(job.error_params), t.gettext) if job is not None and job.error_code else ""
    return Card(entry, Change(name) if name else None, p, tests, pictures, error)


def build(
    session: Session,
    project: Project,
    run: Run,
    roles: Sequence[str],
    typed: Mapping[str, str],
    t: NullTranslations,
    error: str = "",
) -> DiaryPage:
    """The whole page; the form holds what ``typed`` says."""
    made = cards(diary.listed(session, run), t).values()
    return DiaryPage(
        project=project,
        run=run,
        on=chosen_role(typed, roles),
        roles=roles,
        classes=run.classes,
        cards=[one for one in made if not one.entry.row.removed],
        removed=[one for one in made if one.entry.row.removed],
        ready=bool(roles) and predictions.has_models(session, run),
        typed=typed,
        error=error,
        offered=offered(run),
    )


def offered(run: Run) -> list[Change]:
    """The changes that make sense for a run."""
    padded = run.recipe.get("resize_mode") == "pad"
    return [change for change in CHANGES if padded or change not in OF_PADDING]


def edges(session: Session, run: Run, on: str, t: NullTranslations) -> list[tuple[Change, Card | None]]:
    """The tests of border and padding on all pictures of a role, with their newest entry where there is one."""
    entries = diary.listed(session, run)
    known, made = cards(entries, t), diary.of_edges(entries, on)
    asked = [change for change in offered(run) if change in OF_EDGES]
    return [(change, known[made[change].row.number] if change in made else None) for change in asked]


def values(typed: Mapping[str, str]) -> dict[str, Any] | None:
    """The alteration that a form describes, still unchecked; None for a note without a test."""
    change = typed.get("change", "")
    if not change:
        return None
    found: dict[str, Any] = {"change": change, "light": typed.get("light", "30")}
    if change in WITH_BOX:
        found["box"] = [typed.get(side, "") for side in SIDES]
    return found


def chosen(typed: Mapping[str, str], roles: Sequence[str]) -> Chosen:
    """The pictures that a form describes; classes count from 1 there.

    Raises:
        Invalid: ``diary_no_pictures`` when the run has no answers at all.
    """
    if not roles:
        raise Invalid("diary_no_pictures")
    show = typed.get("show", "")
    true, pred = number_of(typed.get("true"), 1), number_of(typed.get("pred"), 1)
    return Chosen(
        on=chosen_role(typed, roles),
        show=show if show in SHOWS else "all",
        true=None if true is None else true - 1,
        pred=None if pred is None else pred - 1,
        item=number_of(typed.get("item"), 1),
    )

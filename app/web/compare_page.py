"""Puts together what the compare page shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.models import LabelClass, Project
from app.db.run_models import Run
from app.domain.enums import PredictionRole
from app.domain.recipe import Recipe
from app.domain.stats import exact
from app.services import answers, compare, compare_pictures, progress
from app.services.compare import Comparison, Pairing
from app.services.compare_pictures import Flipped
from app.web import charts, compare_charts, compare_words, i18n, setting_words
from app.web.compare_query import KINDS, ROLES, CompareQuery
from app.web.compare_words import Verdict
from app.web.run_words import Catalogue
from app.web.setting_words import Difference

PAGE = 48  # tiles of the gallery
HOME = "compare"


@dataclass(frozen=True)
class Told:
    """One run against the first, with its sentences. ``p`` is adjusted (Holm) when there are several.

    ``names``: what the two are called.
    """

    pairing: Pairing
    names: tuple[str, str]
    p: float
    shown_p: str
    verdict: Verdict


@dataclass(frozen=True)
class Tab:
    """One kind of pictures with its number."""

    key: str
    count: int


@dataclass(frozen=True)
class Selected:
    """The picture that is shown large."""

    picture: Flipped
    place: int  # from 1
    previous: int | None  # image ids
    next: int | None


@dataclass(frozen=True)
class Listing:
    """The pictures that fit, one page of them, and the one that is shown large."""

    tabs: Sequence[Tab]
    entries: Sequence[Flipped]
    total: int
    page: int
    pages: int
    selected: Selected | None


@dataclass(frozen=True)
class ComparePage:
    """The page; the part ``_selected.html`` is rendered from the same context.

    ``home`` and ``path``: the route of the page and the values of its path; ``side_names``: what the runs are called.
    """

    project: Project
    home: str
    path: dict[str, Any]
    side_names: Sequence[str]
    runs: Sequence[Run]
    query: CompareQuery
    values: dict[str, Any]
    roles: Sequence[str]
    found: Comparison
    told: Sequence[Told]
    shown: Told
    chance: float | None
    majority: float | None
    probabilities: Sequence[str]  # the adjusted p value of each class in words
    settings: Sequence[Difference]
    loss: charts.Chart
    accuracy: charts.Chart
    listing: Listing
    names: dict[int, str]  # today's classes by id
    class_data: Sequence[dict[str, Any]]
    relabelled: int


@dataclass(frozen=True)
class PartPage:
    """Only the picture that is shown large."""

    project: Project
    home: str
    path: dict[str, Any]
    side_names: Sequence[str]
    query: CompareQuery
    values: dict[str, Any]
    found: Comparison
    total: int
    selected: Selected | None
    names: dict[int, str]


def role(query: CompareQuery, known: Sequence[PredictionRole]) -> PredictionRole | None:
    """The role that is shown: the one asked for, else the first that all runs have; None when there is none."""
    wanted = ROLES.get(query.on or "")
    return wanted if wanted in known else next(iter(known), None)


def build(
    session: Session,
    kept: answers.Kept,
    project: Project,
    runs: Sequence[Run],
    query: CompareQuery,
    known: Sequence[PredictionRole],
    language: str,
) -> ComparePage:
    """Everything on the page; a bounded number of queries."""
    t = i18n.translations(language)
    query, found, place = _load(session, kept, runs, query, known)
    told = _told(found, language)
    shown = told[place - 1]
    chance, majority = compare.baselines(found)
    rows = [progress.epochs(session, run) for run in runs]
    return ComparePage(
        project=project,
        home=HOME,
        path={"slug": project.slug},
        side_names=[_name(run, t) for run in runs],
        runs=runs,
        query=query,
        values=query.values(),
        roles=[name for name, one in ROLES.items() if one in known],
        found=found,
        told=told,
        shown=shown,
        chance=chance,
        majority=majority,
        probabilities=[compare_words.probability(row.adjusted, language) for row in shown.pairing.classes],
        settings=setting_words.differences([Recipe.from_json(run.recipe) for run in runs], t),
        loss=compare_charts.overlaid(rows, "loss"),
        accuracy=compare_charts.overlaid(rows, "accuracy"),
        listing=listing(session, found, place, query),
        names={item.id: item.name for item in project.classes},
        class_data=[class_data(item) for item in project.classes],
        relabelled=max(side.relabelled for side in found.sides),
    )


def part(
    session: Session,
    kept: answers.Kept,
    project: Project,
    runs: Sequence[Run],
    query: CompareQuery,
    known: Sequence[PredictionRole],
    language: str,
) -> PartPage:
    """The picture alone, for a step by key."""
    t = i18n.translations(language)
    query, found, place = _load(session, kept, runs, query, known)
    places = compare_pictures.find(found, place, query.chosen)
    large = selected(session, found, place, places, place_of(places, found, query))
    names = {item.id: item.name for item in project.classes}
    sides = [_name(run, t) for run in runs]
    home = {"slug": project.slug}
    return PartPage(project, HOME, home, sides, query, query.values(), found, len(places), large, names)


def _load(
    session: Session,
    kept: answers.Kept,
    runs: Sequence[Run],
    query: CompareQuery,
    known: Sequence[PredictionRole],
) -> tuple[CompareQuery, Comparison, int]:
    """The query as it can be carried out, the comparison, and the place of the run whose flips are shown."""
    numbers = [run.number for run in runs]
    place = numbers.index(query.other) if query.other in numbers[1:] else len(runs) - 1
    chosen = role(query, known)
    assert chosen is not None, "the route asks for runs that have a role in common"
    found = compare.load(session, kept, runs, chosen, query.judge)
    truth = query.truth if query.truth is not None and query.truth < len(found.classes) else None
    on = next(name for name, one in ROLES.items() if one is chosen)
    other = numbers[place] if len(runs) > 2 else None
    return replace(query, runs=numbers, on=on, other=other, truth=truth), found, place


def _told(found: Comparison, language: str) -> list[Told]:
    t = i18n.translations(language)
    pairings = [compare.pairing(found, place) for place in range(1, len(found.sides))]
    adjusted = exact.holm([one.flips.p for one in pairings])
    return [
        Told(
            pairing=one,
            names=(_name(one.first.run, t), _name(one.second.run, t)),
            p=p,
            shown_p=compare_words.probability(p, language),
            verdict=compare_words.verdict(one, p, found.classes, t, language),
        )
        for one, p in zip(pairings, adjusted, strict=True)
    ]


def _name(run: Run, t: Catalogue) -> str:
    return t.gettext("Run %(number)s") % {"number": run.number}


def class_data(item: LabelClass) -> dict[str, Any]:
    """A class of today for the keys of the page."""
    return {"id": item.id, "name": item.name, "color": item.color, "key": item.key, "retired": item.retired}


def listing(session: Session, found: Comparison, place: int, query: CompareQuery) -> Listing:
    """The pictures of a page whose run at ``place`` is compared with the first."""
    places = compare_pictures.find(found, place, query.chosen)
    at = place_of(places, found, query)
    first = at // PAGE * PAGE
    return Listing(
        tabs=_tabs(found, place, query),
        entries=compare_pictures.load(session, found, place, places[first : first + PAGE].tolist()),
        total=len(places),
        page=first // PAGE + 1,
        pages=-(-len(places) // PAGE),
        selected=selected(session, found, place, places, at),
    )


def _tabs(found: Comparison, place: int, query: CompareQuery) -> list[Tab]:
    """The kinds with their numbers among the pictures that the other filters let through."""
    flips = compare_pictures.counts(found, place, query.chosen)
    return [Tab(key, sum(getattr(flips, kind) for kind in kinds)) for key, kinds in KINDS.items()]


def place_of(places: NDArray[np.int64], found: Comparison, query: CompareQuery) -> int:
    """Which of ``places`` is shown large: the image asked for when it is among them, else the first of the page."""
    if query.at is not None:
        hits = np.flatnonzero(found.images[places] == query.at)
        if hits.size:
            return int(hits[0])
    first = ((query.page or 1) - 1) * PAGE
    return first if first < len(places) else 0


def selected(session: Session, found: Comparison, place: int, places: NDArray[np.int64], at: int) -> Selected | None:
    """The picture at one of ``places`` with its neighbours; None where there is none."""
    if not len(places):
        return None
    (picture,) = compare_pictures.load(session, found, place, [int(places[at])])
    return Selected(
        picture=compare_pictures.with_heat(session, found, picture),
        place=at + 1,
        previous=int(found.images[places[at - 1]]) if at else None,
        next=int(found.images[places[at + 1]]) if at + 1 < len(places) else None,
    )

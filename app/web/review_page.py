"""Puts together what the review page shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import numpy as np
from sqlalchemy.orm import Session

from app.db.models import LabelClass, Project
from app.db.run_models import Explanation, Run, RunClass
from app.domain.enums import PredictionRole
from app.domain.errors import Invalid, NotFound
from app.domain.explaining import OF_PIXELS, PIXELS, About, Method, offered, suited
from app.services import feature_list, heatmaps, jobs, relabelled, review
from app.services.answers import Kept
from app.services.feature_list import Wanted
from app.services.review import Entry, Summary
from app.storage.arrays import Arrays
from app.web.review_query import ReviewQuery

PAGE = 60  # tiles of the gallery


@dataclass(frozen=True)
class Bar:
    """The probability of one class, with the marks of the true and of the answered class."""

    name: str
    color: str
    probability: float
    true: bool
    said: bool


@dataclass(frozen=True)
class FoldAnswer:
    """What one model of a K-fold run says of a test image; ``number`` is None for the mean."""

    number: int | None
    name: str
    right: bool
    confidence: float
    truth: float  # probability of the true class


@dataclass(frozen=True)
class Heat:
    """The heat map of the selected picture and the choices for it; ``found`` is None while it has not been made.

    ``layer`` is the one that is chosen, ``seen`` the one of the map: ``PIXELS`` for a method that needs no layer.
    ``models``: numbers of the models whose own maps can be chosen; the mean has the map of ``fold`` -1.
    """

    method: Method
    methods: Mapping[Method, About]  # to choose from
    layer: str | None
    seen: str
    layers: Sequence[str]
    fold: int
    models: Sequence[int]
    class_position: int
    class_name: str
    found: Explanation | None
    limit: float
    items: Sequence[int]  # of this page, whose map of the same model, layer and class is missing
    workers: int
    back: str  # query string of this page with this picture


@dataclass(frozen=True)
class Selected:
    """The picture that is shown large."""

    entry: Entry
    place: int  # from 1, among all that match
    previous: int | None
    next: int | None
    bars: Sequence[Bar]
    answers: Sequence[FoldAnswer]
    heat: Heat


@dataclass(frozen=True)
class ReviewPage:
    """The page; the part ``_selected.html`` is rendered from the same context."""

    project: Project
    run: Run
    query: ReviewQuery
    values: dict[str, Any]
    classes: Sequence[RunClass]
    summary: Summary
    roles: Sequence[str]  # "test", "validation": those that the run has
    entries: Sequence[Entry]
    total: int
    page: int
    pages: int
    selected: Selected | None
    pictured: bool  # the file of the selected picture is there
    changed_labels: int
    on_map: int | None  # how many pictures were chosen on a map; None where none were, or they cannot be found
    now_labels: Mapping[int, str | None]  # item id -> today's label where it is another one, "" for none
    class_data: Sequence[dict[str, Any]]  # today's classes for the keys
    resize_mode: str
    pad_color: str
    reasons: Mapping[str, str] = field(default_factory=dict)  # to exclude a picture, in the reader's language


def usual_role(session: Session, run: Run) -> tuple[str, list[str]]:
    """The role shown first, and all that the run has answers for."""
    wanted = (PredictionRole.TEST, PredictionRole.VALIDATION)
    roles = [role.value for role in wanted if review.has(session, run, role)]
    return (roles[0] if roles else "test"), roles


def build(
    session: Session,
    kept: Kept,
    arrays: Arrays,
    project: Project,
    run: Run,
    query: ReviewQuery,
    roles: Sequence[str],
) -> ReviewPage:
    """Everything on the page; a bounded number of queries."""
    images = _on_map(session, arrays, project, query)
    chosen = query.chosen if images is None else replace(query.chosen, images=frozenset(images))
    summary = review.summary(session, run, chosen.role, chosen.fold, kept)
    ids = review.mistakes(session, run, chosen, kept)
    place = _place(ids, query)
    first = place // PAGE * PAGE
    entries = review.entries(session, run, chosen, ids[first : first + PAGE])
    selected = _selected(session, run, query, summary.classes, ids, place, entries) if entries else None
    return ReviewPage(
        project=project,
        run=run,
        query=query,
        values=query.values(),
        classes=summary.classes,
        summary=summary,
        roles=roles,
        entries=entries,
        total=len(ids),
        page=first // PAGE + 1,
        pages=-(-len(ids) // PAGE),
        selected=selected,
        pictured=not selected or kept.store is None or kept.store.exists(selected.entry.canonical_sha256),
        changed_labels=relabelled.count(session, run, kept.store),
        on_map=None if images is None else len(images),
        now_labels=_now_labels(project, summary.classes, entries),
        class_data=[_class_data(item) for item in project.classes],
        resize_mode=str(run.recipe["resize_mode"]),
        pad_color=str(run.recipe["pad_color"]),
    )


def _class_data(item: LabelClass) -> dict[str, Any]:
    return {"id": item.id, "name": item.name, "color": item.color, "key": item.key}


def _on_map(session: Session, arrays: Arrays, project: Project, query: ReviewQuery) -> list[int] | None:
    """The images that were chosen on a map; None where none were, or the map is not there any more."""
    if not query.on_map:
        return None
    asked = {"area": query.area, "ids": query.ids, "of": str(query.of or "")}
    try:
        return feature_list.on_map(session, arrays, project.id, Wanted.from_query(asked))
    except (Invalid, NotFound):  # an address that somebody has changed
        return None


def _now_labels(project: Project, classes: Sequence[RunClass], entries: Sequence[Entry]) -> dict[int, str | None]:
    names = {item.id: item.name for item in project.classes}
    return {
        entry.item_id: None
        if entry.now_class_id == classes[entry.label].class_id
        else names.get(entry.now_class_id or 0, "")
        for entry in entries
    }


def _place(ids: np.ndarray[Any, np.dtype[np.int64]], query: ReviewQuery) -> int:
    """The index of the selected picture: the one asked for when it matches, else the first of the page."""
    if query.at is not None:
        found = np.flatnonzero(ids == query.at)
        if found.size:
            return int(found[0])
    first = ((query.page or 1) - 1) * PAGE
    return first if first < len(ids) else 0


def _selected(
    session: Session,
    run: Run,
    query: ReviewQuery,
    classes: Sequence[RunClass],
    ids: np.ndarray[Any, np.dtype[np.int64]],
    place: int,
    entries: Sequence[Entry],
) -> Selected:
    entry = next(one for one in entries if one.item_id == ids[place])
    bars = [
        Bar(classes[at].name, classes[at].color, probability, at == entry.label, at == entry.predicted)
        for at, probability in entry.top()
    ]
    several = query.chosen.role is not PredictionRole.VALIDATION and len(run.folds) > 1
    return Selected(
        entry=entry,
        place=place + 1,
        previous=int(ids[place - 1]) if place else None,
        next=int(ids[place + 1]) if place + 1 < len(ids) else None,
        bars=bars,
        answers=_answers(session, run, entry, classes) if several else [],
        heat=_heat(session, run, query, classes, entry, entries),
    )


def _answers(session: Session, run: Run, entry: Entry, classes: Sequence[RunClass]) -> list[FoldAnswer]:
    return [
        FoldAnswer(
            number=None if one.fold == review.MEAN else one.fold + 1,
            name=classes[one.predicted].name,
            right=one.predicted == entry.label,
            confidence=float(one.probabilities[one.predicted]),
            truth=float(one.probabilities[entry.label]),
        )
        for one in review.answers(session, run, entry.item_id)
    ]


def _heat(
    session: Session,
    run: Run,
    query: ReviewQuery,
    classes: Sequence[RunClass],
    entry: Entry,
    entries: Sequence[Entry],
) -> Heat:
    names = heatmaps.layers(session, run)
    layer = query.layer if query.layer in names else heatmaps.usual_layer(session, run)
    method = suited(names, query.method)
    seen = PIXELS if method in OF_PIXELS or layer is None else layer
    models = list(range(1, len(run.folds) + 1)) if entry.fold == review.MEAN else []
    fold = query.model - 1 if query.model in models else entry.fold
    wanted = query.heat_class(entry.label, entry.predicted, len(classes))
    same = [
        one
        for one in entries
        if one.fold == entry.fold and query.heat_class(one.label, one.predicted, len(classes)) == wanted
    ]
    asked = [heatmaps.Wanted(one.item_id, fold, seen, wanted, method) for one in same]
    there, here = heatmaps.available(session, run, asked), query.values() | {"at": entry.item_id}
    found = there.get(entry.item_id)
    limit = found.peak if found and query.own_scale else heatmaps.scale(session, run, fold, seen, method)
    return Heat(
        method=method,
        methods=offered(names),
        layer=layer,
        seen=seen,
        layers=names,
        fold=fold,
        models=models,
        class_position=wanted,
        class_name=classes[wanted].name,
        found=found,
        limit=limit or 1.0,
        items=[one.item_id for one in asked if one.item_id not in there],
        workers=0 if found else len(jobs.workers_alive(session)),
        back=urlencode({name: value for name, value in here.items() if value is not None}),
    )

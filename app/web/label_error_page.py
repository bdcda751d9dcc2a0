"""Puts together what the page of probably wrong labels of a run shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.db.models import LabelClass, Project
from app.db.run_models import Run
from app.services import answers, label_errors
from app.services.label_errors import Found, Like, Pictured
from app.storage.arrays import Arrays
from app.web.review_query import number_of

PAGE = 60
_KEYS = ("given", "true")


@dataclass(frozen=True)
class LabelErrorPage:
    """The page; ``_suspect.html``, the picture that is shown large, is rendered from the same context."""

    project: Project
    run: Run
    here: str
    found: Found
    given: int | None  # filter by the label, a position
    probable: int | None  # filter by the suggested class
    values: dict[str, Any]
    tiles: Sequence[Pictured]
    matching: int
    page: int
    pages: int
    selected: Pictured | None
    place: int
    previous: int | None
    next: int | None
    like: Sequence[Like] | None
    today: Mapping[int, LabelClass]
    offered: frozenset[int]  # class ids that a label may be given of
    class_data: Sequence[dict[str, Any]]


def build(
    session: Session,
    kept: answers.Kept,
    arrays: Arrays,
    project: Project,
    run: Run,
    query: Mapping[str, str],
) -> LabelErrorPage:
    """Everything on the page; ``query`` holds "given", "true" (classes from 1), "at" (a run item) and "page"."""
    found = label_errors.find(session, kept, run)
    given, probable = (
        None if value is None else value - 1 for value in (number_of(query.get(key), 1) for key in _KEYS)
    )
    fits = [one for one in found.open if given in (None, one.given) and probable in (None, one.suggested)]
    places = {one.item_id: place for place, one in enumerate(fits)}
    first = ((number_of(query.get("page"), 1) or 1) - 1) * PAGE
    place = places.get(number_of(query.get("at"), 1) or 0, first if first < len(fits) else 0)
    tiles = label_errors.pictured(session, fits[place - place % PAGE :][:PAGE])
    selected = tiles[place % PAGE] if tiles else None
    return LabelErrorPage(
        project=project,
        run=run,
        here="labels",
        found=found,
        given=given,
        probable=probable,
        values={"given": None if given is None else given + 1, "true": None if probable is None else probable + 1},
        tiles=tiles,
        matching=len(fits),
        page=place // PAGE + 1,
        pages=-(-len(fits) // PAGE),
        selected=selected,
        place=place + 1,
        previous=fits[place - 1].item_id if place else None,
        next=fits[place + 1].item_id if place + 1 < len(fits) else None,
        like=label_errors.like(session, arrays, project.id, selected.suspect.image_id) if selected else None,
        today={item.id: item for item in project.classes},
        offered=frozenset(item.id for item in project.offered),
        class_data=_keys(project),
    )


def _keys(project: Project) -> list[dict[str, Any]]:
    """What the page's module needs to know of the classes."""
    return [{"id": item.id, "name": item.name, "color": item.color, "key": item.key} for item in project.offered]

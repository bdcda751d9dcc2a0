"""Puts together the page on which a run is asked about one picture, and its answer as JSON."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from fastapi import Request
from sqlalchemy.orm import Session

from app.db.models import Image, Project
from app.db.run_models import Run, RunClass, RunItem
from app.domain import heat
from app.domain.enums import Split
from app.domain.errors import NotFound
from app.domain.explaining import OF_PIXELS, PIXELS, About, Method, offered
from app.domain.views import KINDS, NONE, VIEWS
from app.services import gallery, heatmaps, jobs, predictions
from app.services.gallery import ImageFilter, ImageRow
from app.services.predictions import Answer
from app.web import i18n, judged_words, kept_card
from app.web.errors import plain
from app.web.messages import say
from app.web.review_page import FoldAnswer
from app.web.run_words import Catalogue
from app.web.templating import address

TILES = 24
FEW_CLASSES = 12  # of so many classes all are listed, of more only the most probable ones
SETS = ("new", "test", "all")  # without a label, pinned test images, all


@dataclass(frozen=True)
class Bar:
    """The probability of one class. ``has_map`` when its heat map can be shown."""

    position: int
    name: str
    color: str
    probability: float
    said: bool
    has_map: bool


@dataclass(frozen=True)
class Shown:
    """An answer as the page shows it.

    Attributes:
        truth: name of the label that the image has today; None for none or for a picture that is not in the project.
        learned: the models learned from this image.
        position: of the class whose heat map is shown.
        limit: value of the last colour.
        own_scale: the limit is that of this picture, not that of the run.
        error: the sentence of a question that could not be answered.
        views: how the picture was looked at, where it was looked at in several ways.
    """

    answer: Answer
    picture: str
    bars: Sequence[Bar]
    others: int
    models: Sequence[FoldAnswer]
    truth: str | None
    learned: bool
    position: int
    limit: float
    own_scale: bool
    error: str
    views: str


@dataclass(frozen=True)
class Choices:
    """Images of the project to choose from."""

    which: str
    query: str
    rows: Sequence[ImageRow]
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class TryPage:
    """The page; ``_answer.html`` is rendered from the same context."""

    project: Project
    run: Run
    classes: Sequence[RunClass]
    ready: bool  # the run has a trained model
    layers: Sequence[str]
    layer: str | None
    choices: Choices | None
    shown: Shown | None
    workers: int
    at_once: int | None  # an image to ask about as soon as the page is there
    resize_mode: str
    pad_color: str
    max_file_mb: int
    error: str
    methods: Mapping[Method, About]
    views: Mapping[str, str]  # the ways to look at the picture, in words
    asked_with: str  # the way that is chosen
    of_pixels: Collection[Method] = OF_PIXELS  # they have no layer to choose


def choices(session: Session, project: Project, which: str, query: str, page: int) -> Choices:
    """A page of small pictures; without a wish those without a label, or all when there are none."""
    chosen = ImageFilter.from_query({"q": query})
    filters = {
        "new": ImageFilter(unlabelled=True, query=chosen.query),
        "test": ImageFilter(split=Split.TEST, query=chosen.query),
        "all": chosen,
    }
    if which not in filters:
        which = "new" if gallery.total(session, project.id, filters["new"]) else "all"
    found = gallery.ids(session, project.id, filters[which], (max(page, 1) - 1) * TILES, TILES)
    return Choices(which, chosen.query, found.rows, found.total, max(page, 1), -(-found.total // TILES))


def shown(
    request: Request, session: Session, project: Project, run: Run, job_id: int, position: int | None, own: bool
) -> Shown:
    """The answer ``job_id`` with the heat map of one class.

    Raises:
        NotFound: there is no such question.
    """
    answer = predictions.answer(session, run, job_id)
    t = i18n.translations(i18n.choose(request))
    said = max(range(len(answer.mean)), key=answer.mean.__getitem__) if answer.mean else 0
    if position not in answer.peaks:
        position = said if answer.position is None else answer.position
    limit = None if own else predictions.scale(session, run, answer.layer, answer.method)
    truth, learned = _known(session, project, run, answer.picture.image_id)
    return Shown(
        answer=answer,
        picture=_picture_url(request, project, run, answer),
        bars=_bars(run.classes, answer, said),
        others=max(len(answer.mean) - FEW_CLASSES, 0),
        models=_models(run.classes, answer) if len(answer.models) > 1 else [],
        truth=truth,
        learned=learned,
        position=position,
        limit=limit or heat.nice_limit(answer.peaks.get(position, 0.0)),
        own_scale=limit is None,
        error=say(answer.error_code, plain(answer.error_params), t.gettext) if answer.error_code else "",
        views=_views(answer.views, t),
    )


def _views(kind: str, t: Catalogue) -> str:
    """The sentence about several views; "" where the picture was looked at as it is alone."""
    if kind == NONE:
        return ""
    values = {"count": len(VIEWS[kind]), "views": t.gettext(kept_card.VIEWS[kind]) % {}}
    text = t.gettext("Mean over %(count)s views of the picture: %(views)s. Heat maps are of the picture as it is.")
    return text % values


def _bars(classes: Sequence[RunClass], answer: Answer, said: int) -> list[Bar]:
    order = sorted(range(len(answer.mean)), key=lambda place: -answer.mean[place])[:FEW_CLASSES]
    return [
        Bar(place, classes[place].name, classes[place].color, answer.mean[place], place == said, place in answer.peaks)
        for place in order
    ]


def _models(classes: Sequence[RunClass], answer: Answer) -> list[FoldAnswer]:
    said = max(range(len(answer.mean)), key=answer.mean.__getitem__)
    found = []
    for number, one in enumerate(answer.models, 1):
        best = max(range(len(one)), key=one.__getitem__)
        found.append(FoldAnswer(number, classes[best].name, best == said, one[best], one[said]))
    return found


def _known(session: Session, project: Project, run: Run, image_id: int | None) -> tuple[str | None, bool]:
    """Today's label of an image, and whether the run learned from it."""
    if image_id is None:
        return None, False
    class_id = session.scalar(sa.select(Image.class_id).where(Image.id == image_id))
    split = session.scalar(sa.select(RunItem.split).where(RunItem.run_id == run.id, RunItem.image_id == image_id))
    names = {item.id: item.name for item in project.classes}
    return names.get(class_id or 0), split == Split.TRAIN or (split == Split.VALIDATION and len(run.folds) > 1)


def _picture_url(request: Request, project: Project, run: Run, answer: Answer) -> str:
    picture = answer.picture
    if picture.image_id is None:
        return address(request.app, "try_picture", slug=project.slug, number=run.number, job_id=answer.job_id)
    version = {"v": picture.digest}
    return address(request.app, "media", slug=project.slug, image_id=picture.image_id, kind="full", query=version)


def build(
    request: Request,
    session: Session,
    project: Project,
    run: Run,
    *,
    query: Mapping[str, Any],
    max_file_mb: int,
    error: str = "",
) -> TryPage:
    """The whole page. ``query``: job, position, own, which, q, page, image, views; see the route."""
    layers = heatmaps.layers(session, run)
    t = i18n.translations(i18n.choose(request))
    job_id, image_id = query.get("job"), query.get("image")
    found = None
    if job_id is not None:
        try:
            found = shown(request, session, project, run, job_id, query.get("position"), bool(query.get("own")))
        except NotFound as missing:
            error = error or say(missing.code, dict(missing.params), t.gettext)
    return TryPage(
        project=project,
        run=run,
        classes=run.classes,
        ready=predictions.has_models(session, run),
        layers=layers,
        methods=offered(layers),
        layer=found.answer.layer if found else heatmaps.usual_layer(session, run),
        choices=choices(session, project, query.get("which", ""), query.get("q", ""), query.get("page", 1)),
        shown=found,
        workers=len(jobs.workers_alive(session)),
        at_once=image_id if job_id is None else None,
        resize_mode=str(run.recipe["resize_mode"]),
        pad_color=str(run.recipe["pad_color"]),
        max_file_mb=max_file_mb,
        error=error,
        views={kind: judged_words.kind(kind, t) for kind in KINDS},
        asked_with=_asked_with(query.get("views", ""), found),
    )


def _asked_with(wish: str, found: Shown | None) -> str:
    """The views of the next question: what the address says, else those of the answer that is shown."""
    if wish in KINDS:
        return wish
    return found.answer.views if found else NONE


def as_json(request: Request, session: Session, project: Project, run: Run, job_id: int) -> dict[str, Any]:
    """The answer for a program: classes by name, folds from 1."""
    found = shown(request, session, project, run, job_id, None, own=True)
    answer = found.answer
    names = [item.name for item in run.classes]
    values: dict[str, Any] = {
        "job": job_id,
        "state": answer.state,
        "finished": answer.finished,
        "url": address(request.app, "try_state", slug=project.slug, number=run.number, job_id=job_id),
        "run": run.number,
        "picture": {"name": answer.picture.name, "image": answer.picture.image_id, "url": found.picture},
        "message": found.error,
    }
    if answer.done:
        values |= {
            "predicted": found.bars[0].name,
            "probabilities": dict(zip(names, answer.mean, strict=True)),
            "models": [dict(zip(names, one, strict=True)) for one in answer.models],
            "layer": PIXELS if answer.method in OF_PIXELS else answer.layer,
            "method": answer.method,
            "views": answer.views,
            "view_count": len(VIEWS[answer.views]),
            "heat_maps": {names[place]: _heat_url(request, project, run, answer, place) for place in answer.peaks},
            "seconds": round(answer.seconds, 4),
        }
    return values


def _heat_url(request: Request, project: Project, run: Run, answer: Answer, position: int) -> str:
    query = {"position": position, "limit": heat.nice_limit(answer.peaks[position]), "opaque": "true"}
    where = (project.slug, run.number, answer.job_id)
    return address(request.app, "try_heat", slug=where[0], number=where[1], job_id=where[2], query=query)

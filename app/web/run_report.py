"""A run as one page that prints, and as one file that can be sent: settings, data, curves, figures, worst pictures."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models import Project
from app.db.run_models import Explanation, Run
from app.domain import heat
from app.domain.errors import NotFound
from app.services import heatmaps, manifest, review
from app.services.answers import Kept
from app.services.review import Entry, Filter
from app.storage import Store
from app.web import class_page, diary_report, i18n, run_page, self_contained
from app.web.class_page import ClassPage
from app.web.diary_report import DiaryPart
from app.web.review_query import ROLES
from app.web.run_page import RunPage
from app.web.templating import Templates

SHEETS = ("app", "forms", "parts", "runs", "run-figures", "review", "compare", "diary")
TEMPLATE = "runs/report.html"
MOST_PICTURES = 24

Address = Callable[..., str]


@dataclass(frozen=True)
class Shown:
    """One of the surest mistakes with the heat map of its answer. ``pictured``: the file of the picture is there."""

    entry: Entry
    pictured: bool
    heat: Explanation | None
    limit: float


@dataclass(frozen=True)
class RunReport(RunPage):
    """The report. ``told`` and ``worst`` are of the test set, else of the validation; None where there is neither.

    ``saved``: it is for the file, without what only the program can do.
    """

    saved: bool
    told: ClassPage | None
    worst: Sequence[Shown]
    diary: DiaryPart
    made_at: datetime
    manifest: Mapping[str, Any]
    recipe_text: str


def build(
    session: Session, kept: Kept, store: Store, project: Project, run: Run, language: str, *, saved: bool
) -> RunReport:
    """Everything in the report; pictures whose file is gone are named all the same."""
    page = run_page.build(session, kept, project, run, language, None)
    on = page.review_on
    answered = page.mistakes is not None
    values = {item.name: getattr(page, item.name) for item in fields(page)}
    known = manifest.of(session, run, store)
    return RunReport(
        **values,
        saved=saved,
        told=class_page.build(session, kept, project, run, [on], {"on": on}) if answered else None,
        worst=_worst(session, kept, store, run, Filter(ROLES[on])) if answered else [],
        diary=diary_report.build(session, store, run, i18n.translations(language)),
        made_at=utc_now(),
        manifest=known,
        recipe_text=json.dumps(page.recipe.readable(), ensure_ascii=False, indent=1),
    )


def _worst(session: Session, kept: Kept, store: Store, run: Run, chosen: Filter) -> list[Shown]:
    ids = review.mistakes(session, run, chosen, kept)[:MOST_PICTURES]
    layer, method = heatmaps.usual(session, run)
    entries = review.entries(session, run, chosen, ids)
    wanted = [heatmaps.Wanted(entry.item_id, entry.fold, layer, entry.predicted, method) for entry in entries]
    maps = heatmaps.available(session, run, wanted)
    limits = {fold: heatmaps.scale(session, run, fold, layer, method) for fold in {one.fold for one in maps.values()}}
    shown = []
    for entry in entries:
        found = maps.get(entry.item_id)
        found = found if found is not None and store.exists(found.sha256) else None
        shown.append(Shown(entry, store.exists(entry.thumbnail_sha256), found, limits[found.fold] if found else 1.0))
    return shown


def file(store: Store, page: RunReport, html: str) -> str:
    """The report as one file; ``html`` is made of its template."""
    pictures = diary_report.files(store, page.run, page.diary)
    for one in page.worst:
        if one.pictured:
            pictures[one.entry.thumbnail_sha256] = store.get(one.entry.thumbnail_sha256)
        if one.heat is not None:
            colored = heat.colored(store.get(one.heat.sha256), one.heat.peak, one.limit, opaque=True)
            pictures[one.heat.sha256] = colored
    return self_contained.inline(html, SHEETS, pictures)


def rendered(templates: Templates, page: RunReport, language: str) -> str:
    """The report as text, without a reader who asks for it."""
    values = {item.name: getattr(page, item.name) for item in fields(page)}
    return templates.environments[language].get_template(TEMPLATE).render(**values, theme="auto")


def linked(page: RunReport, html: str, url: Address) -> str:
    """The report as a page of the program: its styles and pictures are those of the other pages."""
    slug, number = page.project.slug, page.run.number
    addresses = diary_report.addresses(url, slug, number, page.diary)
    for one in page.worst:
        digest = one.entry.thumbnail_sha256
        addresses[digest] = url("media", slug=slug, image_id=one.entry.image_id, kind="thumb", query={"v": digest})
        if one.heat is not None:
            query = {"fold": one.heat.fold, "layer": one.heat.layer, "position": one.heat.class_position,
                     "method": one.heat.method, "limit": one.limit, "opaque": "true", "v": one.heat.sha256}  # fmt: skip
            item = one.entry.item_id
            addresses[one.heat.sha256] = url("heat_map", slug=slug, number=number, item_id=item, query=query)
    return self_contained.linked(html, SHEETS, addresses)


def refuse_unfinished(page: RunReport) -> None:
    """Raises NotFound: the run has not ended, so there is nothing to report."""
    if not page.now.finished:
        raise NotFound("report_unfinished", run=page.run.number)

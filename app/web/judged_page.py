"""Puts together the page of a run that was judged again with several views of each picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Judgement, Run
from app.domain.enums import JobState, PredictionRole
from app.domain.views import SEVERAL
from app.services import compare_pictures, jobs, judged, judging
from app.services.answers import Kept
from app.services.compare import Comparison
from app.services.judged import Beside
from app.web import compare_page, compare_words, i18n, judged_words, kept_card
from app.web.compare_page import Listing, PartPage, Told
from app.web.compare_query import ROLES, CompareQuery
from app.web.messages import say
from app.web.run_words import Catalogue

HOME = "run_views"


@dataclass(frozen=True)
class KindChoice:
    """One kind of views. ``judged``: there is a result of it."""

    key: str
    title: str
    words: str
    judged: bool


@dataclass(frozen=True)
class Running:
    """The job that works, or waits."""

    key: str
    title: str
    done: int
    total: int
    seconds_left: int | None
    workers: int


@dataclass(frozen=True)
class Line:
    """One role in the table: both ways, their difference and the time for one picture."""

    on: str
    beside: Beside
    told: Told
    plain_time: str
    time: str


@dataclass(frozen=True)
class Shown:
    """A result, with the pictures of the role ``query.on``; named as on the page that compares runs."""

    row: Judgement
    title: str
    words: str
    query: CompareQuery
    values: dict[str, Any]
    lines: Sequence[Line]
    line: Line
    probabilities: Sequence[str]
    listing: Listing
    side_names: Sequence[str]

    @property
    def found(self) -> Comparison:
        """Both ways on the pictures of the role."""
        return self.line.beside.found


@dataclass(frozen=True)
class JudgedPage:
    """The page; ``result`` is None before something was judged, or where its file is gone."""

    project: Project
    run: Run
    here: str
    home: str
    path: dict[str, Any]
    kinds: Sequence[KindChoice]
    chosen: str
    running: Running | None
    refused: str
    notices: Sequence[str]
    earlier: kept_card.Views | None
    result: Shown | None
    names: dict[int, str]
    class_data: Sequence[dict[str, Any]]


def build(
    session: Session, kept: Kept, project: Project, run: Run, wanted: tuple[str, CompareQuery], language: str
) -> JudgedPage:
    """Everything on the page; ``wanted``: the kind of views, "" for the newest result, and the rest of the address."""
    t = i18n.translations(language)
    rows = judging.listed(session, run)
    row = _row(rows, wanted[0])
    result = None if row is None else _shown(session, kept, run, row, wanted[1], language)
    notices = _notices(rows, t)
    if row is not None and row.sha256 is not None and result is None:
        notices.append(t.gettext("The result with these views cannot be read any more. Judge again."))
    refused = judging.hindrance(session, run)
    return JudgedPage(
        project=project,
        run=run,
        here="views",
        home=HOME,
        path={"slug": project.slug, "number": run.number},
        kinds=[_kind(name, rows, t) for name in SEVERAL],
        chosen=row.views if row is not None else "",
        running=_running(session, rows, t),
        refused=say(refused, {"run": run.number}, t.gettext) if refused else "",
        notices=notices,
        earlier=kept_card.views(run, t, language),
        result=result,
        names={item.id: item.name for item in project.classes},
        class_data=[compare_page.class_data(item) for item in project.classes],
    )


def part(
    session: Session, kept: Kept, project: Project, run: Run, wanted: tuple[str, CompareQuery], language: str
) -> PartPage | None:
    """The picture alone, for a step by key; None without a result."""
    row = _row(judging.listed(session, run), wanted[0])
    beside = _asked(session, kept, run, row, wanted[1]) if row is not None else None
    if row is None or beside is None:
        return None
    query, found = _query(wanted[1], beside), beside.found
    places = compare_pictures.find(found, 1, query.chosen)
    large = compare_page.selected(session, found, 1, places, compare_page.place_of(places, found, query))
    names = {item.id: item.name for item in project.classes}
    path = {"slug": project.slug, "number": run.number}
    sides = _sides(row.views, i18n.translations(language))
    return PartPage(project, HOME, path, sides, query, _values(row, query), found, len(places), large, names)


def _row(rows: Sequence[Judgement], kind: str) -> Judgement | None:
    """What was asked for where there is a result, else the newest result."""
    done = sorted((row for row in rows if row.judged_at is not None), key=lambda row: str(row.judged_at))
    return next((row for row in done if row.views == kind), done[-1] if done else None)


def _kind(name: str, rows: Sequence[Judgement], t: Catalogue) -> KindChoice:
    done = any(row.views == name and row.judged_at is not None for row in rows)
    return KindChoice(name, judged_words.kind(name, t), t.gettext(kept_card.VIEWS[name]) % {}, done)


def _running(session: Session, rows: Sequence[Judgement], t: Catalogue) -> Running | None:
    row = working(rows)
    if row is None:
        return None
    progress = row.job.progress
    return Running(
        row.views, judged_words.kind(row.views, t), int(progress.get("done", 0)), int(progress.get("total", 0)),
        progress.get("seconds_left"), len(jobs.workers_alive(session)),
    )  # fmt: skip


def working(rows: Sequence[Judgement]) -> Judgement | None:
    """The oldest one whose job has not ended."""
    return min((row for row in rows if not judging.ended(row)), key=lambda row: row.job_id, default=None)


def _notices(rows: Sequence[Judgement], t: Catalogue) -> list[str]:
    """What became of jobs that left nothing."""
    found = []
    for row in rows:
        title = judged_words.kind(row.views, t)
        if row.job.state == JobState.FAILED and row.job.error_code:
            found.append(f"{title}. {say(row.job.error_code, dict(row.job.error_params), t.gettext)}")
        elif row.job.state == JobState.CANCELLED:
            found.append(t.gettext("%(views)s. Judging was stopped; nothing of it was kept.") % {"views": title})
    return found


def _sides(kind: str, t: Catalogue) -> list[str]:
    return [t.gettext("As it is"), judged_words.count(kind, t)]


def _values(row: Judgement, query: CompareQuery) -> dict[str, Any]:
    """The query string without the picture and the page."""
    rest = {name: value for name, value in query.values().items() if name not in ("runs", "other", "labels")}
    return {"kind": row.views, **rest}


def _query(query: CompareQuery, beside: Beside) -> CompareQuery:
    """The query as it can be carried out."""
    truth = query.truth if query.truth is not None and query.truth < len(beside.found.classes) else None
    on = next(name for name, role in ROLES.items() if role is beside.role)
    return replace(query, runs=(), on=on, other=None, labels=None, truth=truth)


def _asked(session: Session, kept: Kept, run: Run, row: Judgement, query: CompareQuery) -> Beside | None:
    """The role of the address, else the first one that there is."""
    for role in _order(query):
        if (found := judged.load(session, kept, run, row, role, query.judge)) is not None:
            return found
    return None


def _order(query: CompareQuery) -> list[PredictionRole]:
    wanted = ROLES.get(query.on or "")
    return sorted(judging.ROLES, key=lambda role: role is not wanted)


def _shown(session: Session, kept: Kept, run: Run, row: Judgement, asked: CompareQuery, language: str) -> Shown | None:
    t = i18n.translations(language)
    both = [judged.load(session, kept, run, row, role, asked.judge) for role in judging.ROLES]
    lines = [_line(one, row.views, t, language) for one in both if one is not None]
    if not lines:
        return None
    line = next((one for one in lines if one.on == asked.on), lines[0])
    query = _query(asked, line.beside)
    return Shown(
        row=row,
        title=judged_words.kind(row.views, t),
        words=t.gettext(kept_card.VIEWS[row.views]) % {},
        query=query,
        values=_values(row, query),
        lines=lines,
        line=line,
        probabilities=[compare_words.probability(one.adjusted, language) for one in line.told.pairing.classes],
        listing=compare_page.listing(session, line.beside.found, 1, query),
        side_names=_sides(row.views, t),
    )


def _line(one: Beside, kind: str, t: Catalogue, language: str) -> Line:
    pairing, sides = one.pairing, _sides(kind, t)
    told = Told(
        pairing=pairing,
        names=(sides[0], sides[1]),
        p=pairing.flips.p,
        shown_p=compare_words.probability(pairing.flips.p, language),
        verdict=judged_words.verdict(pairing, list(one.found.classes), t, language),
    )
    on = next(name for name, role in ROLES.items() if role is one.role)
    first, all_views = (judged_words.time(seconds, t, language) for seconds in (one.plain_seconds, one.seconds))
    return Line(on, one, told, first, all_views)


def state(rows: Sequence[Judgement], kind: str) -> dict[str, Any]:
    """For features.js: how far the job of ``kind`` is; ``over`` when it does not work."""
    row = next((one for one in rows if one.views == kind), None)
    progress: dict[str, Any] = {} if row is None else row.job.progress
    return {
        "over": row is None or judging.ended(row),
        "done": progress.get("done", 0),
        "total": progress.get("total", 0),
        "seconds_left": progress.get("seconds_left"),
    }

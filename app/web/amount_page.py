"""Puts together the page that says how many more pictures would help a run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Job, Run, RunClass
from app.domain import amounts as law_of
from app.domain.amounts import Between, Law, Verdict
from app.domain.enums import FINAL_STATES, JobState
from app.domain.text import N_
from app.services import amounts, jobs, review
from app.services.amounts import Measured, Point
from app.web import i18n
from app.web.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Tick
from app.web.feature_state import StateCard, state_card
from app.web.messages import say
from app.web.run_words import Catalogue

APART = 44.0  # between two numbers under the chart
STEPS = 60  # points of a drawn line
SENTENCES = {
    Verdict.GAIN: N_("Twice as many pictures: about %(low)s to %(high)s points more right answers."),
    Verdict.FLAT: N_(
        "It is not proven that more pictures help: twice as many may change the right answers by %(low)s to %(high)s "
        "points."
    ),
    Verdict.WIDE: N_(
        "The measurement carries no forecast: the results scatter too much for a curve through them, or too few "
        "pictures judge."
    ),
    Verdict.FEW: N_("Too little was measured for a forecast."),
}


@dataclass(frozen=True)
class Dot:
    """One training in the chart."""

    x: float
    y: float


@dataclass(frozen=True)
class AmountChart:
    """Right answers by the number of pictures, in a WIDTH x HEIGHT picture; ``now`` is the place of all there are."""

    dots: Sequence[Dot]
    line: str
    band: str
    now: float
    x_ticks: Sequence[Tick] = field(default_factory=list)
    y_ticks: Sequence[Tick] = field(default_factory=list)


@dataclass(frozen=True)
class ClassLine:
    """One class: pictures learned from, right answers with all of them, and what twice as many would give."""

    item: RunClass
    size: int
    right: float | None
    verdict: Verdict
    gain: Between | None


@dataclass(frozen=True)
class AmountPage:
    """The page; ``found`` is None before the first measurement is done."""

    project: Project
    run: Run
    here: str
    features: StateCard
    job: Job | None
    running: bool
    done: int
    total: int
    error: str
    workers: int
    found: Measured | None
    verdict: Verdict
    sentence: str
    chart: AmountChart | None
    lines: Sequence[ClassLine]
    size: int
    right: float | None


def build(session: Session, project: Project, run: Run, language: str) -> AmountPage:
    """Everything on the page."""
    t = i18n.translations(language)
    job = amounts.newest(session, run)
    ended = amounts.measured(session, run)
    found = amounts.read(ended.result) if ended is not None and ended.result.get("points") else None
    running = job is not None and job.state not in FINAL_STATES
    progress: dict[str, Any] = job.progress if job is not None else {}
    verdict = law_of.verdict(found.law if found else None)
    size = max((one.size for one in found.points), default=0) if found else 0
    return AmountPage(
        project=project,
        run=run,
        here="more",
        features=state_card(session, project.id, t.gettext),
        job=job,
        running=running,
        done=int(progress.get("done", 0)),
        total=int(progress.get("total", 0)),
        error=_error(job, t),
        workers=len(jobs.workers_alive(session)) if running else 0,
        found=found,
        verdict=verdict,
        sentence=_sentence(verdict, found.law if found else None, t, language),
        chart=_chart(found, size, language) if found else None,
        lines=_lines(session, run, found) if found else [],
        size=size,
        right=_mean([one.right / one.total for one in _whole(found)]) if found else None,
    )


def _error(job: Job | None, t: Catalogue) -> str:
    if job is None or job.state != JobState.FAILED or job.error_code is None:
        return ""
    return say(job.error_code, dict(job.error_params), t.gettext)


def _sentence(verdict: Verdict, law: Law | None, t: Catalogue, language: str) -> str:
    text = t.gettext(SENTENCES[verdict])
    if law is None or verdict in (Verdict.WIDE, Verdict.FEW):
        return text
    gain = law.gain()
    if verdict is Verdict.GAIN:
        low, high = (i18n.show_number(100 * share, language, 1) for share in (gain.low, gain.high))
    else:
        low, high = (i18n.show_points(share, language) for share in (gain.low, gain.high))
    return text % {"low": low, "high": high}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _whole(found: Measured) -> list[Point]:
    """The trainings with all pictures: where a fifth is held out they differ by a few; the next share is 75 %."""
    most = max((one.size for one in found.points), default=0)
    return [one for one in found.points if one.size > 0.9 * most]


def _lines(session: Session, run: Run, found: Measured) -> list[ClassLine]:
    lines = []
    for item in review.classes(session, run):
        at, law = item.position, found.class_laws[item.position]
        size = max((one.class_size[at] for one in found.points), default=0)
        right = _mean([one.class_right[at] / one.class_total[at] for one in _whole(found) if one.class_total[at]])
        told = law_of.verdict(law)
        gain = law.gain() if law is not None and told in (Verdict.GAIN, Verdict.FLAT) else None
        lines.append(ClassLine(item, size, right, told, gain))
    return lines


def _chart(found: Measured, size: int, language: str) -> AmountChart:
    """The chart reaches to twice as many pictures, upwards to 100 %, downwards to a round number below all dots."""
    rights = [one.right / one.total for one in found.points]
    low = max(int(min(rights) * 10 - 0.5), 0) / 10

    def x(count: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * count / (2 * size), 1)

    def y(share: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - (min(max(share, low), 1.0) - low) / (1 - low)), 1)

    smallest = min(one.size for one in found.points)
    counts = [smallest + (2 * size - smallest) * step / STEPS for step in range(STEPS + 1)]
    line = band = ""
    if found.law is not None and law_of.verdict(found.law) is not Verdict.WIDE:
        fitted = [(x(count), found.law.at(count)) for count in counts]
        line = " ".join(f"{at},{y(1 - one.value)}" for at, one in fitted)
        there = [f"{at},{y(1 - one.low)}" for at, one in fitted]
        band = " ".join([*there, *(f"{at},{y(1 - one.high)}" for at, one in reversed(fitted))])
    step = 0.1 if low < 0.6 else 0.05
    shares = [low + step * number for number in range(round((1 - low) / step) + 1)]
    sizes = [*sorted({one.size for one in found.points}), 2 * size]
    return AmountChart(
        dots=[Dot(x(one.size), y(share)) for one, share in zip(found.points, rights, strict=True)],
        line=line,
        band=band,
        now=x(size),
        x_ticks=[Tick(at, i18n.show_number(count, language)) for at, count in _apart([(x(one), one) for one in sizes])],
        y_ticks=[Tick(y(share), i18n.show_percent(share, language, 0)) for share in shares],
    )


def _apart(ticks: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    """Those that can be read beside each other; the last one, how far the chart reaches, stays."""
    kept: list[tuple[float, int]] = []
    for at, count in ticks[:-1]:
        if ticks[-1][0] - at >= APART and (not kept or at - kept[-1][0] >= APART):
            kept.append((at, count))
    return [*kept, ticks[-1]]

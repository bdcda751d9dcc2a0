"""Puts together what the page about the sureness of a run shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Run, RunClass
from app.domain import calibration, class_scores, roc
from app.domain.calibration import Threshold
from app.services import answers, review, sureness
from app.services.sureness import Sureness
from app.web.review_query import ROLES, chosen_role, number_of

GOALS = (0.9, 0.95, 0.99)
SIDE = 240  # of a drawing, without its margin


@dataclass(frozen=True)
class ClassAt:
    """One class at the threshold: how often it is said, how often rightly, and how many of its images stay unknown."""

    position: int
    said: int
    right: int
    unknown: int


@dataclass(frozen=True)
class Drawn:
    """The curves of one class as points of SVG polylines in a square of SIDE."""

    position: int
    roc: str
    pr: str
    auroc: float | None
    ap: float | None
    share: float  # of the class among the images: what chance reaches in the second drawing


@dataclass(frozen=True)
class SurenessPage:
    """The page."""

    project: Project
    run: Run
    here: str
    on: str
    roles: Sequence[str]
    classes: Sequence[RunClass]
    found: Sureness
    ece: float | None
    ece_after: float | None
    chosen: Threshold | None
    goals: Sequence[tuple[float, Threshold | None]]
    each: Sequence[ClassAt]
    drawn: Drawn | None
    picked: int  # position of the class of the curves
    lines: dict[str, str]  # "accuracy" and "answered" over the threshold
    data: dict[str, Any]


def build(
    session: Session,
    kept: answers.Kept,
    project: Project,
    run: Run,
    roles: Sequence[str],
    query: Mapping[str, str],
) -> SurenessPage:
    """Everything on the page; ``query`` holds "on", "t" (a threshold in percent) and "class" (from 1)."""
    on = chosen_role(query, roles)
    found = sureness.look(session, kept, run, ROLES[on])
    classes = review.classes(session, run)
    table = calibration.thresholds(found.said.confidence, found.right)
    step = min(number_of(query.get("t"), 0) or 0, calibration.STEPS)
    picked = min((number_of(query.get("class"), 1) or 1) - 1, max(len(classes) - 1, 0))
    there = bool(len(found.said.labels))
    return SurenessPage(
        project=project,
        run=run,
        here="sureness",
        on=on,
        roles=roles,
        classes=classes,
        found=found,
        ece=calibration.ece(found.bins),
        ece_after=calibration.ece(found.after),
        chosen=table[step] if there else None,
        goals=[(goal, calibration.first_reaching(table, goal)) for goal in GOALS],
        each=_each(found, table[step].at, len(classes)),
        drawn=_drawn(found, picked) if there else None,
        picked=picked,
        lines=_lines(table) if there else {},
        data={"answered": [one.answered for one in table], "right": [one.right for one in table]},
    )


def _each(found: Sureness, threshold: float, classes: int) -> list[ClassAt]:
    given = found.said.confidence >= threshold
    said = np.bincount(found.said.predicted[given], minlength=classes)
    right = np.bincount(found.said.predicted[given & found.right], minlength=classes)
    unknown = np.bincount(found.said.labels[~given], minlength=classes)
    return [ClassAt(at, int(said[at]), int(right[at]), int(unknown[at])) for at in range(classes)]


def _drawn(found: Sureness, position: int) -> Drawn:
    mine = found.said.labels == position
    scores = found.said.probabilities[:, position]
    auroc, ap = class_scores.ranked(scores, mine)
    share = float(mine.mean())
    curves = roc.curves(scores, mine)
    if curves is None:
        return Drawn(position, "", "", auroc, ap, share)
    few = roc.thinned(curves)
    return Drawn(
        position, _points(few.wrongly, few.found_share), _points(few.found_share, few.precision), auroc, ap, share
    )


def _lines(table: Sequence[Threshold]) -> dict[str, str]:
    known = [one for one in table if one.accuracy is not None]
    at = np.array([one.at for one in known])
    return {
        "accuracy": _points(at, np.array([one.accuracy for one in known])),
        "answered": _points(at, np.array([one.answered / max(one.total, 1) for one in known])),
    }


def _points(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> str:
    return " ".join(f"{SIDE * a:.1f},{SIDE * (1 - b):.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))

"""Puts together what the page of the classes of a run shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.db.models import Project
from app.db.run_models import Run
from app.domain.class_scores import ClassFigures
from app.services import answers, class_report
from app.services.class_report import ClassReport
from app.web.review_query import ROLES, chosen_role

MODES = ("counts", "row", "column")
MOST = 30  # classes of the matrix that are shown at once


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix. ``share`` is that of its row or of its column; ``level`` its tint, 0 to 10."""

    true: int
    said: int
    count: int
    share: float
    level: int


@dataclass(frozen=True)
class ClassPage:
    """The page. ``shown`` are the positions of the classes in the matrix, in order."""

    project: Project
    run: Run
    here: str
    on: str
    roles: Sequence[str]
    report: ClassReport
    figures: Sequence[ClassFigures]
    retired: frozenset[int]  # positions of classes that are offered no more
    leaning: Sequence[ClassFigures]  # classes that are proven to be said too often or too seldom
    mode: str
    order: str
    whole: bool
    shown: Sequence[int]
    rows: Sequence[Sequence[Cell]]
    widest: float  # the largest share of a class, said or true


def build(
    session: Session,
    kept: answers.Kept,
    project: Project,
    run: Run,
    roles: Sequence[str],
    values: Mapping[str, str],
) -> ClassPage:
    """Everything on the page; ``values`` is the query string."""
    on = chosen_role(values, roles)
    found = class_report.report(session, kept, run, ROLES[on])
    mode = values.get("as", MODES[0])
    order = "mistakes" if values.get("order") == "mistakes" or len(found.classes) > MOST else "class"
    whole = values.get("whole") == "yes"
    shown = _shown(found, order, whole)
    retired = {item.id for item in project.classes if item.retired}
    proven = [one for one in found.figures if one.bias is not None and one.bias.verdict]
    shares = [share for one in found.figures if one.bias is not None for share in (one.bias.said, one.bias.true)]
    return ClassPage(
        project=project,
        run=run,
        here="classes",
        on=on,
        roles=roles,
        report=found,
        figures=found.figures,
        retired=frozenset(at for at, item in enumerate(found.classes) if item.class_id in retired),
        leaning=sorted(proven, key=lambda one: -abs(one.bias.difference if one.bias else 0)),
        mode=mode if mode in MODES else MODES[0],
        order=order,
        whole=whole,
        shown=shown,
        rows=_rows(found.matrix, shown, mode),
        widest=max(shares, default=0.0) or 1.0,
    )


def _shown(found: ClassReport, order: str, whole: bool) -> list[int]:
    """Positions of the classes of the matrix: as the run has them, or those with the most mistakes first."""
    if order == "class":
        return list(range(len(found.classes)))
    mistakes = np.array([one.missed + one.taken for one in found.figures])
    ordered: list[int] = np.argsort(-mistakes, kind="stable").tolist()
    return ordered if whole else ordered[:MOST]


def _rows(matrix: np.ndarray[Any, np.dtype[np.int64]], shown: Sequence[int], mode: str) -> list[list[Cell]]:
    sums = matrix.sum(axis=0, keepdims=True) if mode == "column" else matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(sums, 1)
    levels = np.ceil(shares * 10 - 1e-9).astype(int)
    return [
        [
            Cell(true, said, int(matrix[true, said]), float(shares[true, said]), int(levels[true, said]))
            for said in shown
        ]
        for true in shown
    ]

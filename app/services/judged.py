"""What came of a judgement with several views: both ways on the same pictures, and the same as plain values."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.db.run_models import Judgement, Run
from app.domain import views
from app.domain.enums import PredictionRole
from app.services import compare, judging
from app.services.answers import Kept
from app.services.compare import Comparison, Judge, Pairing, Score

MOST_CHANGED = 500  # images whose answer changed that a program is told


@dataclass(frozen=True)
class Beside:
    """One role judged in both ways: the pictures as they are first, then with several views.

    Attributes:
        unread: pictures that could not be read.
        differs: pictures of which the models said another class now, as they are, than after the training.
        models: how many judge each picture.
        plain_seconds, seconds: of each picture.
        losses: the mean cross-entropy of both.
    """

    role: PredictionRole
    found: Comparison
    pairing: Pairing
    unread: int
    differs: int
    models: int
    plain_seconds: float
    seconds: float
    losses: tuple[float, float]

    @property
    def scores(self) -> tuple[Score, Score]:
        """Right answers of both."""
        return self.found.sides[0].common, self.found.sides[1].common


def load(
    session: Session, kept: Kept, run: Run, row: Judgement, role: PredictionRole, judge: Judge = Judge.SEEN
) -> Beside | None:
    """Both ways on the pictures of one role; None without a usable result."""
    pair = judging.said(session, kept, run, row, role)
    if pair is None:
        return None
    plain, several = pair
    numbers = (row.numbers or {})[str(role)]
    found = compare.of_answers(session, [run, run], pair, role, judge)
    some = np.isin(plain.items, several.items)
    images = max(int(numbers["images"]), 1)
    return Beside(
        role=role,
        found=found,
        pairing=compare.pairing(found, 1),
        unread=int(numbers["unread"]),
        differs=int(numbers["differs"]),
        models=int(numbers["models"]),
        plain_seconds=float(numbers["plain_seconds"]) / images,
        seconds=float(numbers["seconds"]) / images,
        losses=(float(plain.losses[some].mean()), float(several.losses.mean())),
    )


def result_json(session: Session, kept: Kept, run: Run, row: Judgement) -> dict[str, Any]:
    """The state and the result for JSON; shares go from 0 to 1."""
    roles = {str(role): load(session, kept, run, row, role) for role in judging.ROLES}
    return {
        "views": row.views,
        "count": len(views.VIEWS[row.views]),
        "job": row.job_id,
        "state": row.job.state,
        "error": {"code": row.job.error_code, "params": row.job.error_params} if row.job.error_code else None,
        "judged_at": row.judged_at.isoformat() if row.judged_at else None,
        **{name: None if one is None else _plain(one) for name, one in roles.items()},
    }


def _plain(one: Beside) -> dict[str, Any]:
    flips, gaps = one.pairing.flips, one.pairing.differences
    gap = gaps.accuracy.interval if gaps is not None else None
    return {
        "images": flips.total,
        "unread": one.unread,
        "models": one.models,
        "plain": _score(one.scores[0], one.losses[0], one.plain_seconds),
        "views": _score(one.scores[1], one.losses[1], one.seconds),
        "difference": flips.difference,
        "difference_95": None if gap is None else [gap.low, gap.high],
        "p": flips.p,
        "gained": flips.gained,
        "lost": flips.lost,
        "differs_as_they_are": one.differs,
        "changed": _changed(one.found),
    }


def _score(score: Score, loss: float, seconds: float) -> dict[str, Any]:
    interval = score.interval
    return {
        "correct": score.correct,
        "accuracy": score.accuracy,
        "accuracy_95": None if interval is None else [interval.low, interval.high],
        "loss": loss,
        "seconds_per_image": seconds,
    }


def _changed(found: Comparison) -> list[dict[str, Any]]:
    """Images whose answer changed, in the order of their ids, with the names of the classes."""
    first, second = found.sides
    names = [item.name for item in found.classes]
    return [
        {
            "image": int(found.images[at]),
            "true": names[found.truth[at]],
            "plain": names[first.predicted[at]],
            "views": names[second.predicted[at]],
        }
        for at in np.flatnonzero(first.predicted != second.predicted)[:MOST_CHANGED].tolist()
    ]

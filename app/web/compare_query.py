"""What the address of the compare page says. Classes count from 1 there; unusable values mean the usual."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from app.domain.enums import PredictionRole
from app.domain.stats.paired import Flip
from app.services.compare import Judge
from app.services.compare_pictures import Chosen

ROLES = {"test": PredictionRole.TEST, "validation": PredictionRole.VALIDATION}
CHANGED, ALL = "changed", "all"
KINDS = {
    CHANGED: frozenset({Flip.GAINED, Flip.LOST}),
    Flip.GAINED.value: frozenset({Flip.GAINED}),
    Flip.LOST.value: frozenset({Flip.LOST}),
    Flip.WRONG.value: frozenset({Flip.WRONG}),
    Flip.RIGHT.value: frozenset({Flip.RIGHT}),
    ALL: frozenset(Flip),
}
LABELS = {"changed": True, "same": False}


@dataclass(frozen=True)
class CompareQuery:
    """The state of the page; everything that is not the usual value stands in the address."""

    runs: Sequence[int] = ()
    on: str | None = None  # "test" or "validation"; None: what all runs have
    judge: Judge = Judge.SEEN
    other: int | None = None  # number of the run whose flips are shown; None: the last
    show: str = CHANGED
    truth: int | None = None  # position of a shared class
    labels: str | None = None  # "changed" or "same": pictures by whether the runs saw different labels
    at: int | None = None  # the image that is shown large
    page: int | None = None

    @classmethod
    def parse(cls, values: QueryParams) -> "CompareQuery":
        """Read the query string. ``runs`` holds numbers in order with commas between; repeated, as boxes that were
        ticked in a list send it, the oldest run comes first."""
        texts = values.getlist("runs")
        numbers = [_number(part.strip()) for text in texts for part in text.split(",")]
        known = list(dict.fromkeys(number for number in numbers if number is not None))
        if len(texts) > 1:
            known.sort()
        truth = _number(values.get("class"))
        on, show, labels = values.get("on"), values.get("show"), values.get("labels")
        return cls(
            runs=known,
            on=on if on in ROLES else None,
            judge=Judge.NOW if values.get("by") == Judge.NOW else Judge.SEEN,
            other=_number(values.get("other")),
            show=show if show in KINDS else CHANGED,
            truth=None if truth is None else truth - 1,
            labels=labels if labels in LABELS else None,
            at=_number(values.get("at")),
            page=_number(values.get("page")),
        )

    @property
    def chosen(self) -> Chosen:
        """Which pictures are listed."""
        return Chosen(KINDS[self.show], self.truth, None if self.labels is None else LABELS[self.labels])

    def values(self) -> dict[str, Any]:
        """The query string without ``at`` and ``page``: usual values are None, which leaves them out."""
        return {
            "runs": ",".join(map(str, self.runs)),
            "on": self.on,
            "by": None if self.judge is Judge.SEEN else self.judge.value,
            "other": self.other,
            "show": None if self.show == CHANGED else self.show,
            "class": None if self.truth is None else self.truth + 1,
            "labels": self.labels,
        }


def _number(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    return int(text) or None

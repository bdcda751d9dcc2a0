"""What the address of the review page says. Classes and folds count from 1 there; unusable values mean the usual."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.enums import PredictionRole
from app.domain.explaining import Method, method_of
from app.domain.typed import number_text
from app.services.review import Filter, Show, Sort

ROLES = {"test": PredictionRole.TEST, "validation": PredictionRole.VALIDATION, "fold": PredictionRole.TEST_FOLD}
SAID, TRUE = "said", "true"  # the class of a heat map: the answer, or the label


@dataclass(frozen=True)
class ReviewQuery:
    """The state of the page; everything that is not the usual value stands in the address."""

    chosen: Filter = Filter()
    on: str = "test"
    at: int | None = None  # the run item that is shown large
    page: int | None = None  # from 1; without ``at``
    cam: str = SAID  # "said", "true" or a class position from 1
    layer: str | None = None
    method: Method = Method.GRAD_CAM
    model: int | None = None  # from 1: the heat map of one model in place of the mean's
    own_scale: bool = False
    area: str = ""  # what was chosen on a map, as ``feature_list.Wanted`` reads it
    ids: str = ""
    of: int | None = None  # the run whose own map it was; None for the map of the project

    @classmethod
    def parse(cls, values: Mapping[str, str], default_on: str) -> "ReviewQuery":
        """Read the query string; ``default_on`` is "test" or "validation"."""
        on = values.get("on", default_on)
        on = on if on in ROLES else default_on
        fold = number_of(values.get("fold"), 1) if on == "fold" else None
        if on == "fold" and fold is None:
            fold = 1
        true, predicted = number_of(values.get("true"), 1), number_of(values.get("pred"), 1)
        either = number_of(values.get("either"), 1)
        area, ids = (_listed(values.get(name)) for name in ("area", "ids"))
        whole = predicted is not None or either is not None or "low" in values or "high" in values or area or ids
        chosen = Filter(
            role=ROLES[on],
            fold=None if fold is None else fold - 1,
            true=None if true is None else true - 1,
            predicted=None if predicted is None else predicted - 1,
            either=None if either is None else either - 1,
            low=_share(values.get("low")),
            high=_share(values.get("high")),
            show=_show(values.get("show"), Show.ALL if whole else Show.WRONG),
            sort=_sort(values.get("sort")),
            seed=number_of(values.get("seed"), 0) or 0,
        )
        cam = values.get("cam", SAID)
        return cls(
            chosen=chosen,
            on=on,
            at=number_of(values.get("at"), 1),
            page=number_of(values.get("page"), 1),
            cam=cam if cam in (SAID, TRUE) or number_of(cam, 1) is not None else SAID,
            layer=values.get("layer") or None,
            method=method_of(values.get("method")),
            model=number_of(values.get("model"), 1),
            own_scale=values.get("scale") == "own",
            area=area,
            ids=ids,
            of=number_of(values.get("of"), 1),
        )

    @property
    def bounds(self) -> bool:
        """True when only a class on either side, answers of some sureness, or a part of a map are asked for."""
        chosen = self.chosen
        return self.on_map or chosen.either is not None or chosen.low is not None or chosen.high is not None

    @property
    def on_map(self) -> bool:
        """True when only pictures that were chosen on a map are asked for."""
        return bool(self.area or self.ids)

    def values(self) -> dict[str, Any]:
        """The query string without ``at`` and ``page``: usual values are None, which leaves them out."""
        chosen = self.chosen
        usual = Show.ALL if self.bounds or chosen.predicted is not None else Show.WRONG
        return {
            "on": self.on,
            "fold": None if chosen.fold is None else chosen.fold + 1,
            "true": None if chosen.true is None else chosen.true + 1,
            "pred": None if chosen.predicted is None else chosen.predicted + 1,
            "either": None if chosen.either is None else chosen.either + 1,
            "low": None if chosen.low is None else f"{chosen.low:.6g}",
            "high": None if chosen.high is None else f"{chosen.high:.6g}",
            "show": None if chosen.show is usual else chosen.show.value,
            "sort": None if chosen.sort is Sort.SURE else chosen.sort.value,
            "seed": chosen.seed or None,
            "cam": None if self.cam == SAID else self.cam,
            "layer": self.layer,
            "method": None if self.method is Method.GRAD_CAM else self.method.value,
            "model": self.model,
            "scale": "own" if self.own_scale else None,
            "area": self.area or None,
            "ids": self.ids or None,
            "of": self.of if self.area else None,
        }

    def heat_class(self, label: int, predicted: int, classes: int) -> int:
        """The position of the class whose heat map is wanted for an image."""
        if self.cam == TRUE:
            return label
        if self.cam == SAID or int(self.cam) > classes:
            return predicted
        return int(self.cam) - 1


def chosen_role(values: Mapping[str, str], roles: Sequence[str]) -> str:
    """Which answers the query string asks for, among those that the run has; the first of them without a word."""
    wished = values.get("on", "")
    return wished if wished in roles else (roles[0] if roles else "test")


def number_of(text: str | None, low: int) -> int | None:
    """A whole number of an address that is at least ``low``; None for anything else."""
    typed = number_text(text or "")
    if not typed.isascii() or not typed.isdigit() or len(typed) > 9:
        return None
    return int(typed) if int(typed) >= low else None


def _listed(text: str | None) -> str:
    """Numbers apart by commas and semicolons; "" for anything else."""
    return text if text is not None and re.fullmatch(r"[0-9]{1,9}([,;][0-9]{1,9})*", text) else ""


def _share(text: str | None) -> float | None:
    """A number from 0 to 1 written plainly, such as 0.65."""
    if text is None or not re.fullmatch(r"[01](\.[0-9]{1,6})?", text):
        return None
    return min(float(text), 1.0)


def _show(text: str | None, usual: Show) -> Show:
    return Show(text) if text in list(Show) else usual


def _sort(text: str | None) -> Sort:
    return Sort(text) if text in list(Sort) else Sort.SURE

"""``python -m app train --vary``: the same training with every combination of some values, and what came of them."""

import itertools
import math
import re
from collections.abc import Sequence
from typing import Any

from app.commands.common import put, put_json
from app.domain.errors import Invalid
from app.domain.recipe import Recipe
from app.services.runs import MOST_RUNS

_RANGE = re.compile(r"(\d{1,10})\.\.(\d{1,10})")
_NONE = "-"


def recipes(recipe: Recipe, wishes: Sequence[str], name: str = "") -> list[tuple[str, Recipe]]:
    """(name, recipe) of every combination; the last wish varies fastest.

    Args:
        recipe: of which the values are changed.
        wishes: such as ``image_size=64,128`` or ``seed=0..4``, which is 0, 1, 2, 3 and 4.
        name: comes before the values in each name.

    Raises:
        Invalid: ``vary_unreadable``; ``matrix_size``; values that cannot be used.
    """
    varied = [_values(wish) for wish in wishes]
    if len({field for field, _ in varied}) < len(varied):
        raise Invalid("vary_unreadable", text=" ".join(wishes))
    count = math.prod(len(values) for _, values in varied)
    if count > MOST_RUNS:
        raise Invalid("matrix_size", count=count, most=MOST_RUNS)
    made = []
    for chosen in itertools.product(*(values for _, values in varied)):
        pairs = [(field, value) for (field, _), value in zip(varied, chosen, strict=True)]
        words = [name, *(f"{field}={value}" for field, value in pairs)]
        made.append((" ".join(word for word in words if word), recipe.updated(dict(pairs))))
    return made


def _values(wish: str) -> tuple[str, list[str]]:
    field, sign, text = wish.partition("=")
    values: list[str] = []
    for part in text.split(","):
        between = _RANGE.fullmatch(part.strip())
        if between is None:
            values.append(part.strip())
            continue
        first, last = int(between[1]), int(between[2])
        if last - first >= MOST_RUNS:
            raise Invalid("matrix_size", count=last - first + 1, most=MOST_RUNS)
        values += map(str, range(first, last + 1))
    if not sign or not field.strip() or not all(values) or len(set(values)) < len(values):
        raise Invalid("vary_unreadable", text=wish)
    return field.strip(), values


def show(project: str, group: int, results: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print what came of all trainings (``report.result_json`` of each): all of it as JSON, or a line for each."""
    if as_json:
        put_json({"project": project, "group": group, "runs": results})
        return
    for result in results:
        right = [f"{role} {_accuracy(result[role])}" for role in ("validation", "test")]
        took = _NONE if result["seconds"] is None else f"{result['seconds']:.1f} s"
        put(f"run {result['run']:<4} {result['state']:<10} {'  '.join(right)}  {took:>9}  {result['name']}")


def _accuracy(summary: dict[str, Any] | None) -> str:
    return f"{_NONE:>6}" if not summary else f"{summary['accuracy']:.4f}"

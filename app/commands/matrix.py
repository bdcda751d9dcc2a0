"""``python -m app train --vary``: what came of all the trainings of a matrix."""

from collections.abc import Sequence
from typing import Any

from app.commands.common import put, put_json

_NONE = "-"


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

"""``python -m app report``, and how a result is printed for a person."""

from typing import Any

from app.commands.common import Exit, find_project, opened, put, put_json
from app.config import Settings
from app.domain.errors import NotFound
from app.services import report, runs


def run(settings: Settings, name: str, number: int, *, as_json: bool) -> int:
    """Print the result of a run as it stands."""
    with opened(settings) as parts, parts.database.read() as session:
        project = find_project(session, name)
        if project is None:
            raise NotFound("project_missing", slug=name)
        result = report.result_json(session, runs.by_number(session, project.id, number))
    show(result, as_json=as_json)
    return Exit.OK


def show(result: dict[str, Any], *, as_json: bool) -> None:
    """Print ``report.result_json``: all of it as JSON, or the main figures in words."""
    if as_json:
        put_json(result)
        return
    put(f"{result['project']}, run {result['run']}: {result['state']}{_stopped(result['stopped'])}")
    if result["seconds"] is not None:
        put(f"  seconds     {result['seconds']:.1f}")
    for role in ("validation", "test"):
        if result[role]:
            _summary(role, result[role])
    for fold in result["folds"]:
        best = f"{_share(fold['val_accuracy'])} at epoch {fold['best_epoch'] or '-'}"
        put(f"  fold {fold['fold']}: validation accuracy {best}")


def _stopped(cut: dict[str, int] | None) -> str:
    if cut is None:
        return ""
    return ", stopped: {models} of {of} models, {images} of {total} validation images judged".format(**cut)


def _summary(role: str, summary: dict[str, Any]) -> None:
    low, high = summary["accuracy_95"] or (float("nan"), float("nan"))
    put(
        f"  {role:<11} accuracy {summary['accuracy']:.4f} (95 % {low:.4f} to {high:.4f}), "
        f"{summary['correct']} of {summary['images']}"
    )
    for row in summary["classes"]:
        put(
            f"    {row['name']:<20} "
            + "  ".join(f"{name} {_share(row[name])}" for name in ("precision", "recall", "f1"))
        )


def _share(value: float | None) -> str:
    return "   -  " if value is None else f"{value:.4f}"

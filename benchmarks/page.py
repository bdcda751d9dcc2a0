"""Writes docs/results.md from benchmarks/results/*.json: ``python -m benchmarks.page``."""

import sys
from pathlib import Path
from typing import Any

from benchmarks.records import read

PAGE = Path(__file__).resolve().parents[1] / "docs" / "results.md"
HEAD = """# Results

This page is written by `python -m benchmarks.page` from `benchmarks/results/*.json`; no figure on it was typed by hand.
`make bench`, `make results` and `make chaos` make the figures.
"""
TITLES = {
    "engine": "Speed of folds and heat maps",
    "results": "Accuracy on real pictures",
    "demo": "From the first command to the review page",
    "imports": "Importing",
    "chaos": "Faults",
    "transfer": "Training on a pretrained network",
    "peers": "Training beside the posts' programs, PyTorch, scikit-learn and the machine itself",
    "memory": "Memory of large trainings",
    "ensemble": "From the click to five models",
    "latency": "From the click to the first training step",
    "interactive": "Quick answers and heat maps",
    "idle": "Cost while nothing is done",
    "scale": "Pages of large projects",
    "compare": "Comparing runs",
    "keys": "From a key to the next picture",
    "labels": "Many people labelling at once",
    "streams": "Many open pages",
    "safety": "Cost of repeatability and of checkpoints",
    "storage": "Store of pictures and models",
    "features": "Features, neighbours, suggestions, map",
    "inspecting": "Pages of one run",
    "label_errors": "Probably wrong labels, beside cleanlab",
    "finders": "What the health page finds",
    "web": "Pages",
    "whitening": "Fitting ZCA whitening",
    "deletion": "Deleting a project",
}
TARGET_MET = {True: "yes", False: "**no**", None: ""}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def table(rows: list[dict[str, Any]]) -> str:
    """One Markdown table."""
    lines = ["| figure | value | target | met | note | command |", "| --- | ---: | ---: | --- | --- | --- |"]
    for row in rows:
        value = f"{_number(row['value'])} {row['unit']}".strip()
        cells = [row["name"], value, _number(row["target"]), TARGET_MET[row["met"]], row.get("note", "")]
        lines.append("| " + " | ".join([*cells, f"`{row['command']}`"]) + " |")
    return "\n".join(lines)


def page() -> str:
    """The whole page as Markdown."""
    parts = [HEAD]
    for name, rows in read().items():
        if rows:
            parts.append(f"## {TITLES.get(name, name)}\n\nMeasured on: {rows[0]['machine']}.\n\n{table(rows)}\n")
    return "\n".join(parts)


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

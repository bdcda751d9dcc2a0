"""Figures of benchmarks: one JSON file for each program in ``benchmarks/results``, read by ``benchmarks.page``."""

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Record:
    """One figure; None where it could not be measured. ``met`` is None then, and where there is no target."""

    name: str
    value: float | None
    unit: str
    target: float | None = None
    met: bool | None = None
    command: str = ""
    note: str = ""


def machine() -> str:
    """Processor, cores and system in a few words; no name of a host."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def write(name: str, records: Iterable[Record], where: str, *, keep: bool = False) -> Path:
    """Write ``benchmarks/results/<name>.json``; ``keep`` leaves what stands there under other names."""
    path = FOLDER / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(record) | {"machine": where} for record in records]
    if keep:
        new = {row["name"] for row in rows}
        rows = [row for row in read().get(name, []) if row["name"] not in new] + rows
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read() -> dict[str, list[dict[str, Any]]]:
    """All figures by program."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}

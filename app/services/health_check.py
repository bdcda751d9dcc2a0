"""A check of a project: from the facts of its pictures to findings. A worker does it; pages only read the rows."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.health_models import HealthCheck, HealthFinding, HealthMember
from app.db.run_models import Job
from app.domain import leaks, near, oddities, shortcuts
from app.domain.enums import FINAL_STATES, JobKind, Lane
from app.domain.findings import FindingKind
from app.domain.groups import of_folder
from app.services import health_facts, jobs, projects
from app.services.feature_findings import Odd
from app.services.health_facts import Table

PRIORITY = -10  # whatever a person waits for goes first
OUTLIER_FACTS = ("brightness", "contrast", "sharpness", "entropy", "colourfulness", "border_brightness")
ODDITIES = {
    "dark": FindingKind.DARK,
    "bright": FindingKind.BRIGHT,
    "blurred": FindingKind.BLURRED,
    "plain": FindingKind.PLAIN,
    "odd_size": FindingKind.ODD_SIZE,
}
EXAMPLES = 8  # pictures shown of each value of a property
_CHUNK = 5000


@dataclass(frozen=True, slots=True)
class Found:
    """A finding before it is a row. ``signature`` names the same finding in a later check."""

    kind: FindingKind
    image_ids: tuple[int, ...]
    score: float
    params: dict[str, Any]
    signature: str


def request(session: Session, project_id: int, *, turned: bool = False) -> Job:
    """Have a worker measure the new pictures and check the project; a check that still waits is enough.

    Args:
        turned: also look for mirrored copies and those turned by quarters, which takes eight times as long.
    """
    check = of_project(session, project_id)
    job = session.get(Job, check.job_id) if check.job_id is not None else None
    if job is not None and job.state not in FINAL_STATES and job.started_at is None:
        if turned:
            job.spec = {**job.spec, "turned": True}
        return job
    spec = {"project_id": project_id, "turned": turned}
    made = jobs.create(session, project_id=project_id, kind=JobKind.FACTS, lane=Lane.CPU, spec=spec, priority=PRIORITY)
    check.job_id = made.id
    return made


def of_project(session: Session, project_id: int) -> HealthCheck:
    """The row of the project's check, made when missing; other transactions on the project wait."""
    projects.lock(session, project_id)
    found = session.get(HealthCheck, project_id)
    if found is None:
        found = HealthCheck(project_id=project_id)
        session.add(found)
        session.flush()
    return found


def examine(
    table: Table, *, turned: bool = False, unlike: Sequence[Odd] | None = None
) -> tuple[list[Found], dict[str, Any]]:
    """Everything that can be found in the facts; no database needed.

    Args:
        table: facts of the images in use.
        turned: also look for mirrored and turned copies.
        unlike: images unlike their class by features; None where there are none yet: then facts must do.

    Returns:
        The findings; and values for ``HealthCheck.results``: seconds, and what each property tells of the classes.
    """
    started = time.perf_counter()
    found = list(_copies(table, turned))
    copied = time.perf_counter()
    if len(table.ids):
        found += _odd(table, unlike)
    judged = _judged(table)
    found += [
        Found(FindingKind.SHORTCUT, (), one.shortcut.low, {}, one.shortcut.name)
        for one in judged
        if one.shortcut.alarming
    ]
    results = {
        "seconds": round(time.perf_counter() - started, 2),
        "copy_seconds": round(copied - started, 2),
        "turned": turned,
        "features": unlike is not None,
        "properties": [one.as_row() for one in judged],
    }
    return found, results


def _copies(table: Table, turned: bool) -> Iterator[Found]:
    same = near.find(table.sketches, turned=turned)
    exact = leaks.equal_pairs(table.pixels)
    likeness = {
        (one, other): float(value) for (one, other), value in zip(same.pairs.tolist(), same.likeness, strict=True)
    }
    likeness |= dict.fromkeys(exact, 1.0)
    grouped = leaks.groups(len(table.ids), likeness)
    group_of = {place: number for number, group in enumerate(grouped) for place in group}
    least = [1.0] * len(grouped)
    for (one, _other), value in likeness.items():
        least[group_of[one]] = min(least[group_of[one]], value)
    for group, value in zip(grouped, least, strict=True):
        ids = tuple(int(table.ids[place]) for place in group)
        all_exact = len({table.pixels[place] for place in group}) == 1
        yield Found(FindingKind.COPIES, ids, value, {"likeness": round(value, 3), "exact": all_exact}, _signature(ids))


def _odd(table: Table, unlike: Sequence[Odd] | None) -> Iterator[Found]:
    """Single pictures; one that is dark, blurred or the like is not named a second time as unlike its class."""
    named = np.zeros(len(table.ids), dtype=np.bool_)
    for name, values in oddities.flagged(table.numbers).items():
        named |= values > 0
        yield from _singles(ODDITIES[name], table, values)
    if unlike is not None:
        kept = set(table.ids[~named].tolist())
        for odd in unlike:
            if odd.image_id in kept:
                params = {"value": odd.score, "looks_like": odd.looks_like}
                yield Found(FindingKind.OUTLIER, (odd.image_id,), odd.score, params, str(odd.image_id))
        return
    facts = np.stack([_stretched(name, table.numbers[name]) for name in OUTLIER_FACTS], axis=1)
    labels = np.where(table.labels > 0, table.labels, -1)
    yield from _singles(FindingKind.OUTLIER, table, np.where(named, 0.0, oddities.outliers(facts, labels)))


def _stretched(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sharpness is a ratio: its logarithm is what spreads evenly."""
    return np.log(np.maximum(values, 1e-3)) if name == "sharpness" else values


def _singles(kind: FindingKind, table: Table, values: NDArray[np.float64]) -> Iterator[Found]:
    for index in np.flatnonzero(values > 0).tolist():
        image_id = int(table.ids[index])
        params = {"value": round(float(values[index]), 3)}
        yield Found(kind, (image_id,), float(values[index]), params, str(image_id))


@dataclass(frozen=True, slots=True)
class Judged:
    """A property with what it tells, and its values as the page lists them."""

    shortcut: shortcuts.Shortcut
    values: list[dict[str, Any]]  # {"label", "counts": {class id: images}, "examples": [image ids]}

    def as_row(self) -> dict[str, Any]:
        """For ``HealthCheck.results``; values only of a property that gives the class away."""
        alarming = self.shortcut.alarming
        return asdict(self.shortcut) | {"alarming": alarming, "values": self.values if alarming else []}


def _judged(table: Table) -> list[Judged]:
    """What each property tells of the classes, the strongest first."""
    labelled = np.flatnonzero(table.labels > 0)
    if not len(labelled):
        return []
    classes, labels = np.unique(table.labels[labelled], return_inverse=True)
    found = []
    for name, (bins, words) in _properties(table):
        used = bins[labelled]
        called = [table.class_names.get(class_id, "") for class_id in classes.tolist()]
        if name in ("source", "prefix", "import") and shortcuts.names_the_class(used, labels, words, called):
            continue
        if (one := shortcuts.judge(name, used, labels)) is not None:
            found.append(Judged(one, _values(table, labelled, used, words)))
    return sorted(found, key=lambda one: one.shortcut.low, reverse=True)


def _values(
    table: Table, labelled: NDArray[np.int64], bins: NDArray[np.int64], words: Sequence[str]
) -> list[dict[str, Any]]:
    found = []
    for number, word in enumerate(words):
        inside = labelled[bins == number]
        classes, counts = np.unique(table.labels[inside], return_counts=True)
        found.append(
            {
                "label": word,
                "counts": dict(zip(map(str, classes.tolist()), counts.tolist(), strict=True)),
                "examples": table.ids[inside[:: max(len(inside) // EXAMPLES, 1)][:EXAMPLES]].tolist(),
            }
        )
    return found


def _properties(table: Table) -> Iterator[tuple[str, tuple[NDArray[np.int64], list[str]]]]:
    yield "source", shortcuts.bins_of_names([of_folder(path) or "/" for path in table.paths])
    yield "prefix", shortcuts.bins_of_names([shortcuts.prefix(name) for name in table.names])
    yield "import", shortcuts.bins_of_names(table.imports)
    yield "format", shortcuts.bins_of_names(table.formats)
    width, height = table.numbers["width"].astype(int), table.numbers["height"].astype(int)
    yield "size", _size_bins(width, height)
    for name in health_facts.NUMBERS:
        yield name, _ranges(table.numbers[name])


def _ranges(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], list[str]]:
    bins, limits = shortcuts.bins_of_numbers(values)
    edges = [float(values.min()), *limits, float(values.max())]
    return bins, [f"{low:.3g} – {high:.3g}" for low, high in pairwise(edges)]


def _size_bins(width: NDArray[np.int64], height: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[str]]:
    """By the exact sizes where there are few of them, else by area."""
    if len(np.unique(np.stack([width, height]), axis=1).T) <= 12:
        return shortcuts.bins_of_names([f"{one} × {other}" for one, other in zip(width, height, strict=True)])
    return _ranges((width * height).astype(np.float64))


def _signature(ids: Sequence[int]) -> str:
    return hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()


def store(session: Session, project_id: int, found: Sequence[Found], results: dict[str, Any], images: int) -> None:
    """Replace what the last check found. What somebody chose to keep stays kept as long as it is the same finding."""
    projects.lock(session, project_id)  # labels that are given meanwhile would be missing in the figures of findings
    check = of_project(session, project_id)
    own = HealthFinding.project_id == project_id
    unkept = sa.select(HealthFinding.id).where(own, HealthFinding.kept_at.is_(None))
    session.execute(sa.delete(HealthMember).where(HealthMember.finding_id.in_(unkept)))
    session.execute(sa.delete(HealthFinding).where(own, HealthFinding.kept_at.is_(None)))
    kept = {(row.kind, row.signature): row.id for row in session.execute(_kept_rows(project_id))}
    session.execute(sa.update(HealthFinding).where(own).values(found=False))
    fresh = [one for one in found if (one.kind, one.signature) not in kept]
    again = [kept[one.kind, one.signature] for one in found if (one.kind, one.signature) in kept]
    for start in range(0, len(again), _CHUNK):
        part = again[start : start + _CHUNK]
        session.execute(sa.update(HealthFinding).where(HealthFinding.id.in_(part)).values(found=True))
    for start in range(0, len(fresh), _CHUNK):
        _insert(session, project_id, fresh[start : start + _CHUNK])
    check.checked_at, check.image_count, check.results = utc_now(), images, results


def _kept_rows(project_id: int) -> sa.Select[int, str, str]:
    query = sa.select(HealthFinding.id, HealthFinding.kind, HealthFinding.signature)
    return query.where(HealthFinding.project_id == project_id, HealthFinding.kept_at.is_not(None))


def _insert(session: Session, project_id: int, found: Sequence[Found]) -> None:
    rows = [
        {
            "project_id": project_id,
            "kind": one.kind,
            "signature": one.signature,
            "score": one.score,
            "params": one.params,
            "found": True,
        }
        for one in found
    ]
    statement = sa.insert(HealthFinding).returning(HealthFinding.id, sort_by_parameter_order=True)
    ids = session.scalars(statement, rows).all()
    members = [
        {"finding_id": finding_id, "image_id": image_id}
        for finding_id, one in zip(ids, found, strict=True)
        for image_id in one.image_ids
    ]
    if members:
        session.execute(sa.insert(HealthMember), members)

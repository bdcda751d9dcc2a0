"""Recall and precision of the finders of the health page: ``python -m benchmarks.finders [--quick]``.

Faults are planted in real pictures of ``../shared/data`` and searched for by the same calls as a check of a project
makes. Untouched sets hold copies of their own; pairs that the search finds in the untouched set count as one picture
from then on, and their number is stated, so precision is about what is found beside them.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from app.db.migrate import upgrade
from app.db.session import Database
from app.domain import laid_upon, leaks, near
from app.domain.findings import Topic
from app.services import health, health_check, health_facts
from benchmarks import planted
from benchmarks.planted import One
from benchmarks.records import Record, machine, write
from benchmarks.results import shared_data

COMMAND = "python -m benchmarks.finders"
SETS = ("cats_dogs", "wbc", "wbc_mixed", "monkeys6")
TURNED_SETS = ("wbc_mixed", "monkeys6")
EACH = 50  # copies of each kind
GOOD = 0.95
TOPIC_NAMES = {Topic.CONFLICTS: "same picture, two labels", Topic.LEAKS: "leaks into the test set"}
PROCESSES = os.cpu_count() or 1


class Counts:
    """How many of the planted were found, and how many of the found are true; summed over the sets."""

    def __init__(self) -> None:
        self.planted: dict[str, int] = {}
        self.found: dict[str, int] = {}
        self.reported: dict[str, int] = {}
        self.true: dict[str, int] = {}
        self.notes: dict[str, list[str]] = {}

    def add(self, name: str, *, planted: int = 0, found: int = 0, reported: int = 0, true: int = 0) -> None:
        """Add what one set gave."""
        for table, value in (
            (self.planted, planted),
            (self.found, found),
            (self.reported, reported),
            (self.true, true),
        ):
            table[name] = table.get(name, 0) + value

    def records(self) -> Iterator[Record]:
        """Recall and precision, one record each."""
        for name, there in self.planted.items():
            notes = self.notes.get(name, [])
            if there:
                note = "; ".join([f"{self.found[name]} of {there}", *notes])
                yield _judged(f"recall: {name}", self.found[name] / there, note)
            if reported := self.reported[name]:
                note = "; ".join([f"{self.true[name]} of {reported}", *([] if there else notes)])
                yield _judged(f"precision: {name}", self.true[name] / reported, note)


def _judged(name: str, value: float, note: str) -> Record:
    target = None if "cropped by 1" in name else GOOD
    return Record(name, round(value, 3), "", target, None if target is None else value >= target, COMMAND, note)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write ``benchmarks/results/finders.json``."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the smallest set and 10,000 pictures; nothing is written")
    parser.add_argument("--only", choices=["sets", "speed"], help="one half; the other figures stay as they were")
    options = parser.parse_args(arguments)
    folder = shared_data()
    records: list[Record] = []
    with tempfile.TemporaryDirectory() as name:
        database = Database(f"sqlite:///{name}/finders.sqlite3")
        upgrade(database)
        if options.only != "speed":
            counts = Counts()
            for set_name in SETS[-1:] if options.quick else SETS:
                judge_set(database, folder / set_name, counts)
            _judge_shortcuts(database, folder / "cats_dogs", counts)
            _natural_shortcut(database, folder / "wbc_mixed", counts)
            records += counts.records()
        database.dispose()
    if options.only != "sets":
        records += speed(folder / "cats_dogs", (10_000,) if options.quick else (10_000, 100_000))
    for record in records:
        print(f"{record.name}: {record.value} {record.unit} ({record.note})", flush=True)
    if not options.quick:
        write("finders", records, machine(), keep=True)
    return 0


def judge_set(database: Database, folder: Path, counts: Counts) -> None:
    """Plant faults in one set and look for them."""
    ones = planted.read(folder)
    planted.measured(ones, PROCESSES)
    natural = _merge_natural(database, folder.name, ones)
    counts.notes.setdefault("copies", []).append(f"{natural} natural ones in {folder.name}")
    _judge_copies(database, folder.name, ones, counts)
    if folder.name in TURNED_SETS:
        _judge_turned(ones, counts)
    _judge_odd(database, folder.name, ones, counts)
    print(f"{folder.name}: done", file=sys.stderr, flush=True)


def _checked(session: Session, name: str, ones: Sequence[One]) -> tuple[int, dict[int, One]]:
    """A project of these pictures after a check; also its pictures by image id."""
    project, by_id = planted.project_of(session, name, ones)
    found, results = health_check.examine(health_facts.table(session, project.id))
    health_check.store(session, project.id, found, results, len(by_id))
    return project.id, by_id


def _groups(session: Session, project_id: int, topic: Topic, by_id: Mapping[int, One]) -> list[list[One]]:
    """The pictures of each finding of a topic, as the page lists them."""
    found = health.load(session, project_id, health.ids(session, project_id, topic))
    return [[by_id[image.id] for image in one.images] for one in found]


def _merge_natural(database: Database, name: str, ones: Sequence[One]) -> int:
    """Give the copies of the untouched set one origin; how many pictures are copies of an earlier one."""
    with database.write() as session:
        project_id, by_id = _checked(session, f"{name} untouched", ones)
        groups = _groups(session, project_id, Topic.COPIES, by_id)
    for group in groups:
        for one in group[1:]:
            one.origin = group[0].origin
    return sum(len(group) - 1 for group in groups)


def _judge_copies(database: Database, name: str, ones: Sequence[One], counts: Counts) -> None:
    """Copies of every kind; every third one has another label, every third one lies on the other side of the test
    set."""
    copies = planted.plant_copies(ones, list(planted.COPIES), EACH, np.random.default_rng(1))
    labels = sorted({one.label for one in ones})
    faults: dict[Topic, set[int]] = {Topic.CONFLICTS: set(), Topic.LEAKS: set()}
    for number, one in enumerate(copies):
        if number // len(planted.COPIES) % 3 == 1:
            one.label = labels[(labels.index(one.label) + 1) % len(labels)]
            faults[Topic.CONFLICTS].add(one.origin)
        elif number // len(planted.COPIES) % 3 == 2:
            one.split = None if one.split else "test"
            faults[Topic.LEAKS].add(one.origin)
    planted.measured(copies, PROCESSES)
    with database.write() as session:
        project_id, by_id = _checked(session, f"{name} copies", [*ones, *copies])
        groups = {topic: _groups(session, project_id, topic, by_id) for topic in (Topic.COPIES, *faults)}
    origins = {id(one): [other.origin for other in group] for group in groups[Topic.COPIES] for one in group}
    for one in copies:
        hit = origins.get(id(one), []).count(one.origin) > 1
        counts.add(f"copies, {one.kind}", planted=1, found=int(hit))
    true, reported = _pairs(groups[Topic.COPIES])
    counts.add("copies", reported=reported, true=true)
    _judge_faults(ones, faults, groups, counts)


def _judge_faults(
    ones: Sequence[One], faults: Mapping[Topic, set[int]], groups: Mapping[Topic, list[list[One]]], counts: Counts
) -> None:
    """Conflicts and leaks. Groups of pictures that the untouched set has more than once may be either by themselves."""
    origins, sizes = np.unique([one.origin for one in ones], return_counts=True)
    double = set(origins[sizes > 1].tolist())
    for topic, wanted in faults.items():
        found = [{one.origin for one in group} for group in groups[topic]]
        true = [group for group in found if group & wanted]
        false = [group for group in found if not group & wanted and not group & double]
        counts.add(
            TOPIC_NAMES[topic],
            planted=len(wanted),
            found=len(wanted & set().union(*true)),
            reported=len(true) + len(false),
            true=len(true),
        )


def _pairs(groups: Sequence[Sequence[One]]) -> tuple[int, int]:
    """(true, all) pairs of pictures that stand in one group."""
    true = everything = 0
    for group in groups:
        _origins, sizes = np.unique([one.origin for one in group], return_counts=True)
        true += int((sizes * (sizes - 1) // 2).sum())
        everything += len(group) * (len(group) - 1) // 2
    return true, everything


def _judge_turned(ones: Sequence[One], counts: Counts) -> None:
    """Mirrored and turned copies, which are searched for only when asked for."""
    copies = planted.plant_copies(ones, list(planted.TURNED), EACH, np.random.default_rng(2))
    planted.measured(copies, PROCESSES)
    everything = [*ones, *copies]
    same = near.find(_sketches(everything), turned=True)
    found = {tuple(pair) for pair in same.pairs.tolist()}
    for number, one in enumerate(copies, start=len(ones)):
        hit = any((other, number) in found for other in range(len(ones)) if ones[other].origin == one.origin)
        counts.add("copies, mirrored or turned", planted=1, found=int(hit))
    groups = [[everything[place] for place in group] for group in leaks.groups(len(everything), found)]
    true, reported = _pairs(groups)
    counts.add("copies, mirrored or turned", reported=reported, true=true)


def _sketches(ones: Sequence[One]) -> np.ndarray:
    data = b"".join(one.facts.sketch for one in ones if one.facts)
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, laid_upon.SIZE, laid_upon.SIZE)


def _judge_odd(database: Database, name: str, ones: Sequence[One], counts: Counts) -> None:
    """Dark, bright, blurred, plain and odd ones; what the untouched set has of them already is not counted.

    A photograph of an odd size stays one when it is darkened: what is asked is whether the untouched one was named.
    """
    changed = [replace(one) for one in ones]
    planted.plant_odd(changed, len(ones) // 100, np.random.default_rng(3))
    planted.measured([one for one in changed if one.kind], PROCESSES)
    with database.write() as session:
        before_id, before_by_id = _checked(session, f"{name} again", ones)
        after_id, after_by_id = _checked(session, f"{name} odd", changed)
        for kind in planted.ODD:
            known = {group[0].path for group in _groups(session, before_id, Topic(kind), before_by_id)}
            after = [group[0] for group in _groups(session, after_id, Topic(kind), after_by_id)]
            reported = [one for one in after if one.kind == kind or one.path not in known]
            hits = [one for one in reported if one.kind == kind]
            there = sum(one.kind == kind for one in changed)
            counts.add(kind, planted=there, found=len(hits), reported=len(reported), true=len(hits))


def _judge_shortcuts(database: Database, folder: Path, counts: Counts) -> None:
    """A property that nine of ten of one class have, and one of ten of the other; and how many are reported of sets
    as they are."""
    ones = planted.read(folder)[::2]
    planted.measured(ones, PROCESSES)
    for name in planted.SHORTCUTS:
        changed = planted.plant_shortcut(ones, name, np.random.default_rng(5))
        planted.measured([one for one in changed if one.kind], PROCESSES)
        with database.write() as session:
            project_id, _by_id = _checked(session, f"{folder.name} {name}", changed)
            found = set(health.shortcuts(session, project_id))
        counts.add("a property that tells the class", planted=1, found=int(name in found))
    with database.write() as session:
        project_id, _by_id = _checked(session, f"{folder.name} half", ones)
        found = set(health.shortcuts(session, project_id))
    note = f"{len(found)} in the untouched {folder.name}"
    counts.notes.setdefault("a property that tells the class", []).append(note)


def _natural_shortcut(database: Database, folder: Path, counts: Counts) -> None:
    """Two microscopes, unevenly over the classes; the file names say which."""
    ones = planted.read(folder)
    planted.measured(ones, PROCESSES)
    with database.write() as session:
        project_id, _by_id = _checked(session, f"{folder.name} as it is", ones)
        found = set(health.shortcuts(session, project_id))
    counts.add("two microscopes", planted=1, found=int("prefix" in found))
    counts.notes["two microscopes"] = [f"{folder.name}: {', '.join(sorted(found))}"]


def speed(folder: Path, sizes: Sequence[int]) -> list[Record]:
    """Measuring real pictures, and searching for copies among many simulated ones."""
    ones = planted.read(folder)
    started = time.perf_counter()
    planted.measured(ones, PROCESSES)
    rate = len(ones) / (time.perf_counter() - started)
    note = f"{PROCESSES} processes, photographs of {folder.name}"
    records = [Record("facts of pictures", round(rate), "pictures/s", command=COMMAND, note=note)]
    rng = np.random.default_rng(4)
    seconds = []
    for size in sizes:
        sketches = np.stack(list(planted.simulated(_sketches(ones), size, rng)))
        copies = rng.permutation(size)[: size // 100]
        moved = np.clip(sketches[copies].astype(np.int16) + rng.integers(-6, 7, (len(copies), 32, 32)), 0, 255)
        wall, processor = time.perf_counter(), time.process_time()
        same = near.find(np.concatenate([sketches, moved.astype(np.uint8)]))
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        seconds.append(processor)
        found = {tuple(pair) for pair in same.pairs.tolist()}
        hits = sum((int(one), size + place) in found for place, one in enumerate(copies))
        note = f"{processor:.0f} s of the processor; {hits} of {len(copies)} planted copies, {len(found)} pairs in all"
        records.append(Record(f"copies among {size:,}", round(wall, 1), "s", command=COMMAND, note=note))
    if len(sizes) > 1:
        power = float(np.log(seconds[-1] / seconds[0]) / np.log(sizes[-1] / sizes[0]))
        note = "1 is linear, 2 compares all with all"
        records.append(Record("time grows with this power", round(power, 2), "", 1.5, power < 1.5, COMMAND, note))
    return records


if __name__ == "__main__":
    sys.exit(main())

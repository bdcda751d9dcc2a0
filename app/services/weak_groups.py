"""Groups of images in which a run is right less often than elsewhere: by picture, source, label, class and likeness."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.count_models import FactCount, ImageStamp
from app.db.feature_models import ProjectArray
from app.db.health_models import HealthCheck, ImageFact
from app.db.models import ChangeSet, Image, LabelEvent
from app.db.run_models import Run, RunClass, RunItem
from app.domain import clusters, weak
from app.domain.enums import PredictionRole
from app.domain.metrics import Interval
from app.domain.picture_facts import METHOD
from app.domain.weak import Group, Ints, Slice
from app.services import answers, feature_space, features, packs, review
from app.services.answers import Answers
from app.storage.arrays import Arrays
from app.storage.packed import Packed

VERSION = 2  # of the way in which the groups are made
PACKED = {PredictionRole.TEST: "weak-test", PredictionRole.VALIDATION: "weak-val"}  # names of files
NUMBERS = ("brightness", "contrast", "sharpness", "entropy", "colourfulness")
LOOKS = 20  # images of a group of like ones, at least in the mean
MOST_LOOKS, WIDTH = 24, 32
Properties = dict[str, tuple[Sequence[Slice], Ints]]


@dataclass(frozen=True)
class Found:
    """All groups of the answers of one role.

    Attributes:
        groups: proven weak ones first.
        properties: the parts of each property, to find the members of a group again.
        measured, looked: how many of the images have picture properties and features.
    """

    said: Answers
    classes: Sequence[RunClass]
    groups: Sequence[Group]
    properties: Properties
    measured: int
    looked: int

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return sum(part.nbytes for _, part in self.properties.values()) + 1000 * len(self.groups)

    @property
    def weak(self) -> int:
        """How many groups are proven to be weak."""
        return sum(one.weak for one in self.groups)

    def members(self, one: Slice) -> Ints:
        """Places of the images of a group in ``said``, wrong answers first, the surest of them first."""
        places = np.flatnonzero(self.properties[one.name][1] == one.part)
        right = self.said.predicted[places] == self.said.labels[places]
        found: Ints = places[np.lexsort((-self.said.confidence[places], right))]
        return found


def find(session: Session, kept: answers.Kept, arrays: Arrays, run: Run, role: PredictionRole) -> Found:
    """The groups of one role; kept in memory and in a file for as long as nothing changes that they are made of."""
    classes = review.classes(session, run)
    said = answers.load(session, kept, run, role, len(classes))
    now = basis(session, run, role)

    def make() -> Found:
        file = packs.find(session, kept.store, run, PACKED[role], None) if kept.store else None
        if file is not None and file.note.get("basis") == now:
            try:
                return _unpacked(file, said, classes)
            except packs.UNUSABLE as error:
                packs.log.warning("The packed groups of run %s cannot be used: %s", run.id, error)
        return _find(session, arrays, run, said, classes)

    return kept.get(("weak", run.id, role, now), make)


def basis(session: Session, run: Run, role: PredictionRole) -> str:
    """A hash that changes when anything does that the groups are made of: answers, properties, features, images.

    Labels and classes are those that the run froze.
    """
    mine = FactCount.project_id == run.project_id
    facts = session.execute(sa.select(FactCount.method, FactCount.readable, FactCount.count).where(mine)).all()
    members = sa.select(sa.func.sum(ImageStamp.members)).where(ImageStamp.project_id == run.project_id)
    check = session.get(HealthCheck, run.project_id)
    space = session.get(ProjectArray, (run.project_id, features.SPACE))
    parts = (
        VERSION,
        packs.state(session, run, role),
        sorted(map(tuple, facts)),
        None if check is None else (check.job_id, check.checked_at),
        int(session.scalar(members) or 0),
        None if space is None else space.sha256,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def packed(found: Found, now: str) -> tuple[dict[str, packs.Array], dict[str, Any]]:
    """The arrays and the note of a file with the groups; ``now`` as ``basis`` gives it."""
    arrays = {name: (part + 1).astype("|u1") for name, (_, part) in found.properties.items()}
    note = {
        "basis": now,
        "slices": {name: [asdict(one) for one in slices] for name, (slices, _) in found.properties.items()},
        "groups": [asdict(one) for one in found.groups],
        "measured": found.measured,
        "looked": found.looked,
    }
    return arrays, note


def _unpacked(file: Packed, said: Answers, classes: Sequence[RunClass]) -> Found:
    properties: Properties = {
        name: ([Slice(**one) for one in slices], file.get(name).astype(np.int64) - 1)
        for name, slices in file.note["slices"].items()
    }
    groups = [
        Group(**one | {"slice": Slice(**one["slice"]), "interval": Interval(**one["interval"])})
        for one in file.note["groups"]
    ]
    return Found(said, classes, groups, properties, file.note["measured"], file.note["looked"])


def _find(session: Session, arrays: Arrays, run: Run, said: Answers, classes: Sequence[RunClass]) -> Found:
    rows = _rows(session, run, said)
    properties: Properties = {}
    for name in NUMBERS:
        values = [getattr(row, name) for row in rows]
        properties[name] = weak.by_number(name, np.array([np.nan if one is None else one for one in values], float))
    longer = np.array([max(row.width, row.height) for row in rows], float)
    shape = np.array([row.width / row.height for row in rows], float)
    properties |= {"size": weak.by_number("size", longer), "shape": weak.by_number("shape", shape)}
    texts = {
        "mode": [row.mode or "" for row in rows],
        "format": [row.file_format for row in rows],
        "folder": [str(PurePosixPath(row.path).parent) if "/" in row.path else "" for row in rows],
        "above": [str(PurePosixPath(row.path).parent.parent) if row.path.count("/") > 1 else "" for row in rows],
        "import": ["" if row.import_id is None else str(row.import_id) for row in rows],
        "month": [(row.taken or "")[:7] for row in rows],
        "labelled": [row.actor or "" for row in rows],
    }
    properties |= {name: weak.by_value(name, values) for name, values in texts.items()}
    properties["class"] = weak.by_value("class", [classes[label].name for label in said.labels.tolist()])
    looks, looked = _alike(session, arrays, run, said)
    properties["alike"] = looks
    measured = sum(row.brightness is not None for row in rows)
    groups = weak.find(said.predicted == said.labels, properties)
    return Found(said, classes, groups, properties, measured, looked)


def _facts(run: Run, *columns: Any) -> sa.Select[Any]:
    known = (ImageFact.image_id == RunItem.image_id, ImageFact.method == METHOD, ImageFact.pixels_sha256 != "")
    query = sa.select(*columns).select_from(RunItem).outerjoin(ImageFact, sa.and_(*known))
    return query.where(RunItem.run_id == run.id)


def _rows(session: Session, run: Run, said: Answers) -> list[Any]:
    """One row for each answer, in their order."""
    numbers = [getattr(ImageFact, name) for name in NUMBERS]
    mode, taken = Image.conversion["mode"].as_string(), Image.conversion["taken"].as_string()
    columns = (Image.width, Image.height, Image.file_format, Image.path, Image.import_id, ChangeSet.actor)
    query = (
        _facts(run, RunItem.id, *columns, mode.label("mode"), taken.label("taken"), *numbers)
        .join(Image, Image.id == RunItem.image_id)
        .outerjoin(
            LabelEvent, sa.and_(LabelEvent.image_id == RunItem.image_id, LabelEvent.version == RunItem.label_version)
        )
        .outerjoin(ChangeSet, ChangeSet.id == LabelEvent.change_set_id)
    )
    rows = {row[0]: row for row in session.execute(query)}
    return [rows[item] for item in said.items.tolist()]


def _alike(session: Session, arrays: Arrays, run: Run, said: Answers) -> tuple[tuple[list[Slice], Ints], int]:
    """Groups of like pictures, by the features of the offline network; none while it has not looked."""
    part = np.full(len(said.items), -1, np.int64)
    space = feature_space.load(session, arrays, run.project_id)
    if space is None:
        return ([], part), 0
    _, mine, there = np.intersect1d(said.images, space.ids, assume_unique=True, return_indices=True)
    count = min(len(mine) // LOOKS, MOST_LOOKS)
    if count < 2:  # one group is everything
        return ([], part), len(mine)
    owner, _ = clusters.group(np.ascontiguousarray(space.few[there, :WIDTH]), count)
    order = np.argsort(-np.bincount(owner, minlength=count), kind="stable")
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(count)
    part[mine] = rank[owner]
    return ([Slice("alike", at, value=str(at + 1)) for at in range(count)], part), len(mine)

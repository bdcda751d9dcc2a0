"""Who labelled how much, and how long a label takes: from the present labels and from the history.

A label takes the time since the same person's act before it, unless that was a pause; labels that were given together
share it. People have counts and no speed: a race would be paid with wrong labels. Everybody sees only the own one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ChangeSet, LabelEvent
from app.domain.enums import Field, LabelSource
from app.services import columns
from app.services.columns import Table

RECENT = 20_000  # acts that are timed, the newest
PAUSE = 60.0  # seconds; a longer gap was not spent on the label
TOGETHER = 1000  # images in one act; what concerns more was not looked at one by one
DAYS = 14
_BY_HAND = (LabelSource.LABEL_MODE, LabelSource.GALLERY, LabelSource.REVIEW, LabelSource.SUGGESTION)
_NOBODY = (LabelSource.IMPORT, LabelSource.COMMAND)


@dataclass
class Time:
    """Labels whose time is known."""

    labels: int = 0
    seconds: float = 0.0

    @property
    def minutes_for_100(self) -> float | None:
        """None where nothing is known."""
        return 100 * self.seconds / self.labels / 60 if self.labels else None


@dataclass(frozen=True)
class Person:
    """Somebody with the images that have their label now, by class, and when they gave the last one."""

    name: str
    images: int
    classes: Mapping[int, int]
    last: datetime


@dataclass(frozen=True)
class Pace:
    """All of it. ``times``: by class; ``days``: labels given by hand that still stand, by the day they were given."""

    people: Sequence[Person]
    images: Mapping[int, int]  # class id -> images labelled by a person
    times: Mapping[int, Time]
    everybody: Time
    own: Time
    days: Sequence[tuple[date, int]]
    acts: int = field(default=0)  # that were looked at


def look(session: Session, project_id: int, reader: str) -> Pace:
    """The project as ``reader`` sees it."""
    table = columns.table(session, project_id)
    labelled = table["class"] != 0
    for source in _NOBODY:
        labelled &= table["source"] != table.code(source)
    labelled &= table["actor"] != 0
    classes, numbers = np.unique(table["class"][labelled], return_counts=True)
    acts = _acts(session, project_id)
    times, everybody, own = _timed(session, acts, reader)
    return Pace(
        people=_people(table, labelled),
        images=dict(zip(classes.tolist(), numbers.tolist(), strict=True)),
        times=times,
        everybody=everybody,
        own=own,
        days=_days(table, labelled),
        acts=len(acts),
    )


def _people(table: Table, labelled: columns.Array) -> list[Person]:
    """By name: nobody is first."""
    found = []
    for code in np.unique(table["actor"][labelled]).tolist():
        mine = labelled & (table["actor"] == code)
        classes, numbers = np.unique(table["class"][mine], return_counts=True)
        last = datetime.fromtimestamp(float(table["at"][mine].max()), UTC)
        by_class = dict(zip(classes.tolist(), numbers.tolist(), strict=True))
        found.append(Person(table.words[code], int(mine.sum()), by_class, last))
    return sorted(found, key=lambda person: person.name)


def _days(table: Table, labelled: columns.Array) -> list[tuple[date, int]]:
    """The newest days on which something was labelled, in the time zone of this machine, the last one first."""
    hours, numbers = np.unique(table["at"][labelled] // 900, return_counts=True)  # zones differ by quarters of an hour
    days: dict[date, int] = defaultdict(int)
    for hour, number in zip(hours.tolist(), numbers.tolist(), strict=True):
        days[datetime.fromtimestamp(900 * hour).astimezone().date()] += number
    return sorted(days.items(), reverse=True)[:DAYS]


@dataclass(frozen=True, slots=True)
class _Act:
    id: int
    actor: str
    labels: bool  # it gave labels by hand
    images: int
    at: datetime


def _acts(session: Session, project_id: int) -> list[_Act]:
    query = sa.select(
        ChangeSet.id, ChangeSet.actor, ChangeSet.field, ChangeSet.source, ChangeSet.image_count, ChangeSet.created_at
    )
    rows = session.execute(
        query.where(ChangeSet.project_id == project_id).order_by(ChangeSet.id.desc()).limit(RECENT)
    ).all()
    return [
        _Act(row.id, row.actor, row.field == Field.LABEL and row.source in _BY_HAND, row.image_count, row.created_at)
        for row in reversed(rows)
    ]


def _timed(session: Session, acts: Sequence[_Act], reader: str) -> tuple[dict[int, Time], Time, Time]:
    """The time of labels by class, of all of them, and of the reader's."""
    seconds: dict[int, float] = {}
    before: dict[str, datetime] = {}
    for act in acts:
        gap = (act.at - before[act.actor]).total_seconds() if act.actor in before else PAUSE + 1
        if act.labels and 0 < act.images <= TOGETHER and 0 <= gap <= PAUSE:
            seconds[act.id] = gap / act.images
        before[act.actor] = act.at
    actors = {act.id: act.actor for act in acts}
    times, everybody, own = defaultdict[int, Time](Time), Time(), Time()
    for change, class_id, number in _given(session, acts):
        if change in seconds:
            for time in (times[class_id], everybody, *([own] if actors[change] == reader else [])):
                time.labels += number
                time.seconds += number * seconds[change]
    return dict(times), everybody, own


def _given(session: Session, acts: Sequence[_Act]) -> list[tuple[int, int, int]]:
    """(change set, class, labels) of the acts."""
    if not acts:
        return []
    query = sa.select(LabelEvent.change_set_id, LabelEvent.after_id, sa.func.count())
    wanted = sa.select(ChangeSet.id).where(
        ChangeSet.id.between(acts[0].id, acts[-1].id), ChangeSet.image_count <= TOGETHER
    )
    query = query.where(LabelEvent.change_set_id.in_(wanted))
    rows = session.execute(query.group_by(LabelEvent.change_set_id, LabelEvent.after_id))
    return [(change, class_id, number) for change, class_id, number in rows if class_id is not None]

"""The diary of a run: notes, tests on changed pictures that a worker runs, and what was done with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.diary_models import DiaryEntry
from app.db.models import Image
from app.db.run_models import Job, Prediction, Run, RunItem
from app.domain import altered
from app.domain.alterations import OF_EDGES, OF_PADDING, Alteration, Change
from app.domain.enums import FINAL_STATES, JobKind, JobState, Lane, PredictionRole
from app.domain.errors import Invalid, NotFound
from app.domain.stats import exact
from app.services import jobs, predictions
from app.services.review import MEAN

LONGEST = 2000  # characters of a note
MOST = 20_000  # pictures of one test; of more the first ones are taken
ROLES = {"test": PredictionRole.TEST, "validation": PredictionRole.VALIDATION}
WRITTEN, CHANGED, REMOVED, RESTORED = "written", "changed", "removed", "restored"


@dataclass(frozen=True)
class Chosen:
    """Which pictures a test is about: answers of a role, perhaps only right or wrong ones, of some class.

    ``show``: "all", "right" or "wrong"; ``true`` and ``pred``: positions of classes; ``item``: one picture alone.
    """

    on: str = "test"
    show: str = "all"
    true: int | None = None
    pred: int | None = None
    item: int | None = None

    @property
    def by_answers(self) -> bool:
        """True when the answers themselves chose the pictures: any change then makes wrong ones better by chance."""
        return self.show != "all" or self.pred is not None

    def to_json(self) -> dict[str, Any]:
        """For the row."""
        return {"on": self.on, "show": self.show, "true": self.true, "pred": self.pred, "item": self.item}


@dataclass(frozen=True)
class Picture:
    """A picture of a test: its row, its own copy, width and height, label, and the model that judges it (-1: all)."""

    item_id: int
    digest: str
    width: int
    height: int
    label: int
    fold: int


@dataclass(frozen=True)
class Entry:
    """An entry with its job, which is None for a note without a test."""

    row: DiaryEntry
    job: Job | None

    @property
    def waiting(self) -> bool:
        """True while an answer may still come."""
        return self.job is not None and JobState(self.job.state) not in FINAL_STATES


def pictures(session: Session, run: Run, chosen: Chosen) -> list[Picture]:
    """The pictures of a test, at most MOST, in the order of the run."""
    role = ROLES[chosen.on]
    query = (
        sa.select(RunItem.id, RunItem.canonical_sha256, Image.width, Image.height, RunItem.label, Prediction.fold)
        .join(Prediction, Prediction.item_id == RunItem.id)
        .join(Image, Image.id == RunItem.image_id)
        .where(Prediction.run_id == run.id, Prediction.role == role)
    )
    if chosen.show == "right":
        query = query.where(Prediction.predicted == RunItem.label)
    elif chosen.show == "wrong":
        query = query.where(Prediction.predicted != RunItem.label)
    for wanted, column in ((chosen.true, RunItem.label), (chosen.pred, Prediction.predicted)):
        if wanted is not None:
            query = query.where(column == wanted)
    if chosen.item is not None:
        query = query.where(RunItem.id == chosen.item)
    return [Picture(*row) for row in session.execute(query.order_by(RunItem.id).limit(MOST))]


def write(
    session: Session, run: Run, text: str, alteration: Alteration | None, chosen: Chosen, *, actor: str
) -> DiaryEntry:
    """A new entry; with an alteration a job is queued that answers it.

    Raises:
        Invalid: ``diary_empty``, ``diary_long``, ``diary_no_pictures`` or ``diary_no_padding``.
        NotFound: ``weights_missing``.
    """
    text = _checked(text, empty=alteration is not None)
    made = DiaryEntry(run_id=run.id, number=_next(session, run), text=text, chosen=chosen.to_json(), actor=actor)
    made.log = [_line(WRITTEN, actor)]
    if alteration is not None:
        if not predictions.has_models(session, run):
            raise NotFound("weights_missing", run=run.number, fold=0)
        if alteration.change in OF_PADDING and run.recipe.get("resize_mode") != "pad":
            raise Invalid("diary_no_padding")
        if not pictures(session, run, chosen):
            raise Invalid("diary_no_pictures")
        made.alteration = alteration.to_json()
    session.add(made)
    session.flush()
    if alteration is not None:
        made.job_id = _queue(session, run, made).id
    return made


def _queue(session: Session, run: Run, entry: DiaryEntry) -> Job:
    spec = {"run_id": run.id, "entry_id": entry.id}
    return jobs.create(session, project_id=run.project_id, kind=JobKind.ALTER, lane=Lane.CPU, spec=spec)


def by_number(session: Session, run: Run, number: int) -> DiaryEntry:
    """An entry, removed or not. Raises NotFound."""
    found = session.scalar(sa.select(DiaryEntry).where(DiaryEntry.run_id == run.id, DiaryEntry.number == number))
    if found is None:
        raise NotFound("diary_missing", number=number)
    return found


def listed(session: Session, run: Run) -> list[Entry]:
    """All entries, the newest first, removed ones too."""
    query = (
        sa.select(DiaryEntry, Job)
        .outerjoin(Job, Job.id == DiaryEntry.job_id)
        .where(DiaryEntry.run_id == run.id)
        .order_by(DiaryEntry.number.desc())
    )
    return [Entry(row, job) for row, job in session.execute(query)]


def adjusted(entries: Sequence[Entry]) -> tuple[dict[int, float], int]:
    """By the id of the entry: p adjusted for all questions that the diary put to the run (Holm), removed ones too; and
    how many questions these are.

    The same question asked again counts once. Nothing for pictures that were chosen by the answers.

    Args:
        entries: as ``listed`` gives them, the newest first.
    """
    asked: dict[str, float] = {}
    keys: dict[int, str] = {}
    for one in (entry.row for entry in entries if entry.row.result):
        if one.result is not None and not Chosen(**one.chosen).by_answers:
            keys[one.id] = repr((one.alteration, sorted(one.chosen.items())))
            asked.setdefault(keys[one.id], float(one.result["p"]))
    found = dict(zip(asked, exact.holm(list(asked.values())), strict=True))
    return {entry_id: found[key] for entry_id, key in keys.items()}, len(asked)


def of_edges(entries: Sequence[Entry], on: str) -> dict[Change, Entry]:
    """The newest entry of each test of border and padding on all pictures of a role; ``entries`` as ``listed``."""
    found: dict[Change, Entry] = {}
    plain = Chosen(on=on).to_json()
    for entry in entries:
        name = (entry.row.alteration or {}).get("change")
        if name in OF_EDGES and entry.row.chosen == plain and not entry.row.removed:
            found.setdefault(Change(name), entry)
    return found


def rewrite(entry: DiaryEntry, text: str, *, actor: str) -> None:
    """Other words; the former ones stay in the log. Raises Invalid as ``write``."""
    text = _checked(text, empty=entry.alteration is not None)
    if text != entry.text:
        entry.log = [*entry.log, _line(CHANGED, actor, entry.text)]
        entry.text = text


def remove(session: Session, entry: DiaryEntry, *, actor: str) -> None:
    """Take the entry off the page; a test that has not come to its end is stopped."""
    if not entry.removed:
        entry.removed = True
        entry.log = [*entry.log, _line(REMOVED, actor)]
        stop(session, entry)


def restore(entry: DiaryEntry, *, actor: str) -> None:
    """Bring a removed entry back, with its answer if it had one."""
    if entry.removed:
        entry.removed = False
        entry.log = [*entry.log, _line(RESTORED, actor)]


def stop(session: Session, entry: DiaryEntry) -> None:
    """Stop the test of an entry; one that has ended stays as it is."""
    if entry.job_id is not None:
        jobs.cancel(session, entry.job_id)


def again(session: Session, run: Run, entry: DiaryEntry) -> None:
    """Run the test of an entry once more: after a stop or a failure. A test that still runs goes on."""
    job = session.get(Job, entry.job_id) if entry.job_id is not None else None
    if entry.alteration is not None and (job is None or JobState(job.state) in FINAL_STATES):
        entry.job_id = _queue(session, run, entry).id


def conclude(
    session: Session,
    entry_id: int,
    asked: Sequence[Picture],
    heard: tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]],
) -> None:
    """Keep the answer of a test: ids (n,) and probabilities (n, classes) before and after the change.

    Raises:
        Invalid: ``diary_no_pictures`` when none could be read.
    """
    ids, before, after = heard
    labels = {one.item_id: one.label for one in asked}
    known = np.array([labels[item_id] for item_id in ids.tolist()], dtype=np.int64)
    found = altered.effect(known, before, after)
    if found is None:
        raise Invalid("diary_no_pictures")
    session.get_one(DiaryEntry, entry_id).result = altered.to_json(found, ids)


def fold_of(pictures: Sequence[Picture]) -> dict[int, list[Picture]]:
    """The pictures by the model that judges them; -1 is the mean of all."""
    found: dict[int, list[Picture]] = {}
    for one in pictures:
        found.setdefault(one.fold, []).append(one)
    return dict(sorted(found.items(), key=lambda pair: (pair[0] != MEAN, pair[0])))


def _checked(text: str, *, empty: bool) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not text and not empty:
        raise Invalid("diary_empty")
    if len(text) > LONGEST:
        raise Invalid("diary_long", most=LONGEST)
    return text


def _next(session: Session, run: Run) -> int:
    """The number of the next entry. The row of the run is held, so that two at once get two numbers."""
    session.execute(sa.select(Run.id).where(Run.id == run.id).with_for_update())
    return 1 + (session.scalar(sa.select(sa.func.max(DiaryEntry.number)).where(DiaryEntry.run_id == run.id)) or 0)


def _line(did: str, actor: str, text: str = "") -> dict[str, Any]:
    return {"did": did, "actor": actor, "at": utc_now().isoformat(), "text": text}

"""What a child says, as rows."""

import contextlib
import dataclasses
import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db.session import after_commit
from app.services import features, jobs, results
from app.services.results import Writer
from app.storage import Store
from worker.files import Views
from worker.orders import (
    Checkpointed,
    Done,
    Environment,
    Epoch,
    FeatureBlock,
    FoldEnd,
    HeatMaps,
    Message,
    Predictions,
    Progress,
    Restarted,
)
from worker.parts import Parts

log = logging.getLogger(__name__)


def messages(parts: Parts, writer: Writer, *, part: bool = False) -> Callable[[Sequence[Message]], None]:
    """A function that writes messages of a child in one transaction; it may raise LeaseLost."""

    def write(said: Sequence[Message]) -> None:
        with parts.database.write() as session:
            for message in said:
                # The seconds of the run are those of its whole training, not of one fold or a later explanation.
                if not (part and isinstance(message, Done)):
                    _drop_after(session, parts.store, store(session, writer, message))

    return write


def store(session: Session, writer: Writer, message: Message) -> list[str]:
    """Write what a child said; return the hashes that no row needs any more once this is committed.

    Raises:
        LeaseLost: this attempt may write no more.
    """
    dropped: list[str] = []
    if isinstance(message, Progress):
        values = {"phase": message.phase, "done": message.done, "total": message.total, **message.more}
        jobs.set_progress(session, writer.job_id, writer.attempt, values)
    elif isinstance(message, Epoch):
        results.add_epoch(session, writer, finite(dataclasses.asdict(message)))
    elif isinstance(message, Checkpointed):
        dropped = results.set_checkpoint(session, writer, dataclasses.asdict(message))
    elif isinstance(message, Restarted):
        log.warning("Job %s: fold %s begins again: %s.", writer.job_id, message.fold + 1, message.reason)
        dropped = results.restart_fold(session, writer, message.fold)
    elif isinstance(message, FoldEnd):
        dropped = _end_fold(session, writer, message)
    elif isinstance(message, Predictions):
        results.add_predictions(session, writer, message.fold, message.role, message.item_ids, message.probabilities)
    elif isinstance(message, HeatMaps):
        results.add_explanations(session, writer, [dataclasses.asdict(one) for one in message.maps])
    else:
        _add(session, writer, message)
    return dropped


def _add(session: Session, writer: Writer, message: Message) -> None:
    """What replaces nothing."""
    if isinstance(message, FeatureBlock):
        writer.fence(session)
        keep_features(session, message)
    elif isinstance(message, Environment):
        results.set_environment(session, writer, message.values)
    elif isinstance(message, Views):
        results.set_views(session, writer, message.values)
    elif isinstance(message, Done):
        results.set_seconds(session, writer, message.seconds)


def _end_fold(session: Session, writer: Writer, message: FoldEnd) -> list[str]:
    columns = {"metrics": finite(message.metrics)}
    values = {name: item for name, item in dataclasses.asdict(message).items() if name != "fold"}
    results.end_fold(session, writer, message.fold, values | columns)
    return results.drop_checkpoint(session, writer, message.fold)


def keep_features(session: Session, message: FeatureBlock) -> None:
    """Remember where the features of some pictures are."""
    # Two trainings may compute the same at the same time; either will do. The second attempt sees what the other wrote,
    # and adds the rest.
    for _ in range(2):
        with contextlib.suppress(IntegrityError), session.begin_nested():
            features.add_block(session, message.digests, message.sha256, message.method)
            return


def _drop_after(session: Session, blobs: Store, digests: list[str]) -> None:
    def drop() -> None:
        for digest in digests:
            try:
                blobs.delete(digest)
            except Exception as error:
                # The rows are right without it; what is left over is found by the cleanup of the jobs page.
                log.warning("A replaced state was not deleted: %s", error)
                return

    if digests:
        after_commit(session, drop)


def finite(values: dict[str, Any]) -> dict[str, Any]:
    """Without infinities and NaN, which neither JSON nor every database can hold: None says that there is no number."""
    return {
        name: None if isinstance(item, float) and not math.isfinite(item) else item for name, item in values.items()
    }

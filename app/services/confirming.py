"""Many pictures at once that a model is sure of: looked over in a grid, the wrong ones left out, the rest labelled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import ChangeSet, Image
from app.db.run_models import Prediction, Run, RunClass, RunItem
from app.db.session import Database
from app.domain.enums import Field, LabelSource, PredictionRole
from app.services import gallery, labels, leases, marks, suggestions
from app.services.gallery import ImageRow
from app.services.labels import LabelChange
from app.services.suggestions import Source, Suggestion
from app.storage.arrays import Arrays

PAGE = 60  # as many as fit on a screen or two
LEAST = 0.9
_OPEN = gallery.ImageFilter(unlabelled=True, mark="open")


@dataclass(frozen=True)
class Sure:
    """An image with what is suggested for it."""

    row: ImageRow
    suggestion: Suggestion


@dataclass(frozen=True)
class Trial:
    """How often a run was right, when it was as sure, of pictures of a known class that it had not learned from."""

    right: int
    total: int


def counts(session: Session, arrays: Arrays, project_id: int, least: float) -> dict[int, int]:
    """How many images a page of each class would show: what was put off is not among them."""
    return suggestions.counts(session, arrays, project_id, least, *gallery.conditions(project_id, _OPEN))


def draw(database: Database, arrays: Arrays, project_id: int, class_id: int, least: float, holder: str) -> list[Sure]:
    """As ``page``, leased to this person, so that nobody else gets the same images meanwhile."""
    while True:
        with database.read() as session:
            found = page(session, arrays, project_id, class_id, least, holder)
        ids = [one.row.id for one in found]
        kept = database.write_together(partial(_leased, project_id=project_id, image_ids=ids, holder=holder))
        if len(kept) == len(ids):
            return found


def _leased(session: Session, *, project_id: int, image_ids: Sequence[int], holder: str) -> list[int]:
    leases.one_at_a_time(session, project_id)
    leases.forget_old(session, project_id)
    return leases.take(session, project_id, image_ids, holder)


def page(session: Session, arrays: Arrays, project_id: int, class_id: int, least: float, holder: str) -> list[Sure]:
    """The surest images of a class; neither test images nor what was put off or somebody else has on the screen."""
    limit = PAGE
    while True:
        said = suggestions.sure(session, arrays, project_id, limit, class_id=class_id, least=least)
        found = _fitting(session, project_id, said, holder)
        if len(found) >= PAGE or len(said) < limit:
            return found[:PAGE]
        limit *= 4  # many of the surest were put off


def _fitting(session: Session, project_id: int, said: Sequence[Suggestion], holder: str) -> list[Sure]:
    rows: dict[int, ImageRow] = {}
    for ids in gallery.chunks([one.image_id for one in said]):
        chosen = replace(_OPEN, ids=tuple(ids))
        fits = [*gallery.conditions(project_id, chosen), ~leases.with_others(holder)]
        rows |= {row.id: row for row in gallery.matching(session, fits, Image.id.expression, len(ids))}
    return [Sure(rows[one.image_id], one) for one in said if one.image_id in rows]


def accept(
    session: Session,
    project_id: int,
    class_id: int,
    taken: Sequence[tuple[int, int]],
    left: Sequence[int],
    *,
    actor: str,
    request_id: str,
) -> ChangeSet:
    """Give the class to the images ``taken`` (id, version that was shown) in one change set.

    Those ``left`` out become unsure, so that label mode shows them last and this page no more.

    Raises:
        LabelConflict: somebody labelled one of them meanwhile; nothing was written.
        Invalid, NotFound: as ``labels.assign`` and ``marks.put_each``.
    """
    if (known := labels.by_request(session, project_id, request_id)) is not None:
        return known
    if left:
        mark = marks.Mark(Field.UNSURE, "")
        who: marks.Who = {"source": LabelSource.SUGGESTION, "actor": actor, "request_id": f"{request_id[:58]}-left"}
        marks.put_each(session, project_id, left, mark, **who)
    changes = [LabelChange(image_id, class_id, version) for image_id, version in taken]
    return labels.assign(
        session, project_id, changes, source=LabelSource.SUGGESTION, actor=actor, request_id=request_id
    )


def trial(session: Session, project_id: int, source: Source, class_id: int, least: float) -> Trial | None:
    """What the run that speaks made of such pictures; None for the small head, which keeps no such figures."""
    if source.kind != "run":
        return None
    right = sa.func.sum(sa.case((Prediction.predicted == RunItem.label, 1), else_=0))
    query = (
        sa.select(sa.func.count(), right)
        .select_from(Prediction)
        .join(RunItem, RunItem.id == Prediction.item_id)
        .join(Run, Run.id == Prediction.run_id)
        .join(RunClass, sa.and_(RunClass.run_id == Run.id, RunClass.position == Prediction.predicted))
        .where(Run.project_id == project_id, Run.number == source.number, RunClass.class_id == class_id)
        .where(Prediction.role == PredictionRole.VALIDATION, Prediction.confidence >= least)
    )
    total, found = session.execute(query).one()
    return Trial(int(found or 0), int(total))

"""What a button beside a finding does: exclude, move to one split, give one label, or keep it as it is.

Exclusions, labels and moves between splits are change sets like any other, so they are in the history and can be taken
back there.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.health_models import HealthFinding
from app.domain.enums import Field, LabelSource, Split
from app.domain.errors import Conflict, Invalid
from app.domain.findings import GROUPS, Topic
from app.services import gallery, health, labels, marks, split_moves
from app.services.gallery import ImageRow
from app.services.health import Finding

REASONS = {Topic.BLURRED: "blurred"} | dict.fromkeys(GROUPS, "duplicate")


class Act(StrEnum):
    """What can be done with findings."""

    EXCLUDE = "exclude"  # all their images
    THIN = "thin"  # all but the best image of each group
    TRAIN = "train"  # the whole group becomes free for training
    TEST = "test"  # the whole group goes into the pinned test set
    RELABEL = "relabel"
    KEEP = "keep"  # it is as it should be: not shown again
    UNKEEP = "unkeep"


@dataclass(frozen=True)
class Mended:
    """How many images (findings, for "keep") were changed, and the change set that takes it back, if it is one."""

    act: Act
    count: int
    change_set_id: int | None = None


def mend(
    session: Session,
    project_id: int,
    topic: Topic,
    finding_ids: Sequence[int],
    act: Act,
    *,
    actor: str,
    class_id: int | None = None,
) -> Mended:
    """Do one thing with findings of a topic; all of it or, on an error, nothing.

    Raises:
        Invalid: ``finding_missing`` when none of the findings is there (any more), ``class_missing``.
    """
    found = health.load(session, project_id, finding_ids)
    if not found:
        raise Invalid("finding_missing")
    if act in (Act.KEEP, Act.UNKEEP):
        return Mended(act, _keep(session, [one.id for one in found], actor if act is Act.KEEP else None))
    images = [image for one in found for image in one.images]
    ids = list(dict.fromkeys(image.id for image in images))
    request_id = f"health-{uuid.uuid4().hex}"
    if act in (Act.TRAIN, Act.TEST):
        who: marks.Who = {"source": LabelSource.HEALTH, "actor": actor, "request_id": request_id}
        return _move(session, project_id, images, act, who)
    if act is Act.RELABEL:
        if class_id is None:
            raise Invalid("class_missing")
        changes = [labels.LabelChange(image_id, class_id) for image_id in ids]
        made = labels.assign(
            session, project_id, changes, source=LabelSource.HEALTH, actor=actor, request_id=request_id
        )
        return Mended(act, made.image_count, made.id)
    if act is Act.THIN:
        ids = [image_id for one in found for image_id in _spare(one)]
    mark = marks.Mark(Field.EXCLUDED, REASONS.get(topic, ""))
    made = marks.put_each(session, project_id, ids, mark, source=LabelSource.HEALTH, actor=actor, request_id=request_id)
    return Mended(act, made.image_count, made.id)


def _move(session: Session, project_id: int, images: Sequence[ImageRow], act: Act, who: marks.Who) -> Mended:
    split = Split.TEST if act is Act.TEST else None
    if split is None:  # training folder and free are the same to every run
        images = [image for image in images if image.split not in (None, Split.TRAIN)]
    made = split_moves.set_split(session, project_id, [image.id for image in images], split, **who)
    return Mended(act, made.image_count, made.id)


def _spare(found: Finding) -> list[int]:
    """All images of a group but the best: labelled before unlabelled, test before others, then the largest, the first.

    A copy in the test set stays there, so that results before and after can be compared.
    """

    def rank(image: ImageRow) -> tuple[bool, bool, int, int]:
        return (image.class_id is None, image.split != Split.TEST, -image.width * image.height, image.id)

    return [image.id for image in sorted(found.images, key=rank)[1:]]


def keep(session: Session, finding: Finding, actor: str | None) -> int:
    """Keep a property as it is, or with ``actor`` None show it again."""
    return _keep(session, [finding.id], actor)


def _keep(session: Session, finding_ids: Sequence[int], actor: str | None) -> int:
    values = {"kept_by": actor[:100] if actor else None, "kept_at": utc_now() if actor else None}
    for some in gallery.chunks(finding_ids):
        update = sa.update(HealthFinding).where(HealthFinding.id.in_(some)).values(**values)
        session.execute(update.execution_options(synchronize_session=False))
    return len(finding_ids)


def undo_keep(session: Session, project_id: int) -> int:
    """Show again what was kept by the last press of "keep".

    Raises:
        Conflict: ``keep_undone_already``.
    """
    own = (HealthFinding.project_id == project_id, HealthFinding.kept_at.is_not(None))
    newest = sa.select(sa.func.max(HealthFinding.kept_at)).where(*own).scalar_subquery()
    ids = list(session.scalars(sa.select(HealthFinding.id).where(*own, HealthFinding.kept_at == newest)))
    if not ids:
        raise Conflict("keep_undone_already")
    return _keep(session, ids, None)

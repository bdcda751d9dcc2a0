"""The copies of one image, as the newest check of the project found them."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.health_models import HealthFinding, HealthMember
from app.db.models import Image
from app.domain.enums import ImageState, Split
from app.domain.findings import FindingKind
from app.services import gallery
from app.services.gallery import ImageRow

SHOWN = 12


@dataclass(frozen=True)
class Copies:
    """The other images of a group.

    Attributes:
        images: the first ``SHOWN`` of them, with excluded ones.
        count: all of them.
        exact: the same pixels; else ``likeness`` is the correlation of the fine structure.
        other_label: copies in use have different labels.
        torn: some in use are in the test set and some are not.
        kept_by: who said that the group is fine as it is.
    """

    images: Sequence[ImageRow]
    count: int
    exact: bool
    likeness: float | None
    other_label: bool
    torn: bool
    kept_by: str | None


def of_image(session: Session, project_id: int, image_id: int) -> list[Copies]:
    """The groups that an image is in; mostly none or one."""
    mine = sa.select(HealthMember.finding_id).where(HealthMember.image_id == image_id)
    query = sa.select(HealthFinding).where(HealthFinding.id.in_(mine), HealthFinding.project_id == project_id)
    copies = (HealthFinding.kind == FindingKind.COPIES, HealthFinding.found.is_(True))
    return [_group(session, project_id, image_id, one) for one in session.scalars(query.where(*copies))]


def _group(session: Session, project_id: int, image_id: int, found: HealthFinding) -> Copies:
    members = sa.select(Image.id, Image.class_id, Image.split, Image.state)
    members = members.join(HealthMember, HealthMember.image_id == Image.id)
    rows = session.execute(members.where(HealthMember.finding_id == found.id).order_by(Image.id)).all()
    used = [row for row in rows if row.state == ImageState.ACTIVE]
    others = [row.id for row in rows if row.id != image_id]
    return Copies(
        images=gallery.rows(session, project_id, others[:SHOWN]),
        count=len(others),
        exact=bool(found.params.get("exact")),
        likeness=found.params.get("likeness"),
        other_label=len({row.class_id for row in used if row.class_id is not None}) > 1,
        torn=len({row.split == Split.TEST for row in used}) > 1,
        kept_by=found.kept_by,
    )

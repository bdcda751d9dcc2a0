"""Who has which images on the screen of label mode, so that two people never get the same one from a queue.

A lease is short and renewed while somebody labels. Labels do not ask for it: whoever opens an image by its address may
label it, and versions tell two such people of each other.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.db.models import Image, ImageLease
from app.db.session import db_now
from app.services.image_filter import named

SECONDS = 120.0
_PLAUSIBLE = 10 * SECONDS  # the clock of a machine that was started again begins at 0
_CHUNK = 500
_DRAWING = 0x6C656173  # names the lock among those of PostgreSQL


def with_others(holder: str) -> sa.ColumnElement[bool]:
    """A condition on images: somebody else than ``holder`` has it on the screen."""
    held = sa.exists().where(ImageLease.image_id == Image.id, ImageLease.holder != holder, _alive())
    return held.correlate(Image)


def of_others(session: Session, project_id: int, holder: str) -> list[int]:
    """The images that somebody else than ``holder`` has on the screen."""
    query = sa.select(ImageLease.image_id).where(ImageLease.project_id == project_id, ImageLease.holder != holder)
    return list(session.scalars(query.where(_alive())))


def take(session: Session, project_id: int, image_ids: Sequence[int], holder: str) -> list[int]:
    """Lease images, or renew their leases; those that somebody else holds are left out of what is returned.

    One statement for each piece decides, so two at the same time never both get an image.
    """
    one_at_a_time(session, project_id)
    taken: set[int] = set()
    wanted = sorted(set(image_ids))
    for start in range(0, len(wanted), _CHUNK):
        taken |= _take(session, project_id, wanted[start : start + _CHUNK], holder)
    return [image_id for image_id in image_ids if image_id in taken]


def one_at_a_time(session: Session, project_id: int) -> None:
    """Wait until nobody else draws from the queues of the project, to the end of this transaction.

    Who draws again because others were faster leases images in no order, and two such would wait for each other in a
    circle. SQLite has one writer at a time anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_DRAWING, project_id)))


def release(session: Session, holder: str, image_ids: Sequence[int]) -> None:
    """Give images back that were labelled, skipped, or on a page that was closed."""
    for start in range(0, len(image_ids), _CHUNK):
        mine = (ImageLease.holder == holder, ImageLease.image_id.in_(image_ids[start : start + _CHUNK]))
        session.execute(sa.delete(ImageLease).where(*mine))


def forget_old(session: Session, project_id: int) -> None:
    """Remove the leases that have run out."""
    session.execute(sa.delete(ImageLease).where(ImageLease.project_id == project_id, ~_alive()))


def _take(session: Session, project_id: int, image_ids: Sequence[int], holder: str) -> set[int]:
    if not image_ids:
        return set()
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    new = sa.select(Image.id, Image.project_id, sa.literal(holder), db_now() + SECONDS)
    new = new.where(named(project_id, image_ids)).order_by(Image.id)
    made = insert(ImageLease).from_select(["image_id", "project_id", "holder", "until"], new)
    free = sa.or_(ImageLease.holder == holder, ~_alive())
    values = {"holder": holder, "until": made.excluded.until}
    kept = made.on_conflict_do_update(index_elements=[ImageLease.image_id], set_=values, where=free)
    return set(session.scalars(kept.returning(ImageLease.image_id)))


def _alive() -> sa.ColumnElement[bool]:
    return sa.and_(ImageLease.until > db_now(), ImageLease.until < db_now() + _PLAUSIBLE)

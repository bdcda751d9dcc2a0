"""Second opinions: several people look at the same drawn pictures, each without seeing what the others said.

Opinions are no labels: they change nothing until somebody settles a picture on which people differ.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from urllib.parse import urlencode

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models import ChangeSet, Image, LabelClass
from app.db.opinion_models import Opinion, OpinionImage, OpinionRound
from app.domain import agreement
from app.domain.enums import LabelSource
from app.domain.errors import Conflict, Invalid, NotFound
from app.services import gallery, labels, projects
from app.services.gallery import ImageFilter, ImageRow

MOST_IMAGES = 5000
_IN_USE = ImageFilter()
PEOPLE = (2, 10)  # fewest and most for one picture


@dataclass(frozen=True)
class Progress:
    """A round with how many opinions it has of how many."""

    round: OpinionRound
    images: int
    given: int

    @property
    def wanted(self) -> int:
        """Opinions in all."""
        return self.images * self.round.people


@dataclass(frozen=True)
class PairOfPeople:
    """Two people with Cohen's kappa over the pictures both looked at, None where it says nothing."""

    one: str
    other: str
    both: int
    same: int
    kappa: float | None


@dataclass(frozen=True)
class Dispute:
    """An image on which opinions, or opinions and label, differ. ``votes``: class id -> who said so."""

    row: ImageRow
    votes: Mapping[int, Sequence[str]]

    def agreed(self, people: int) -> int | None:
        """The class that everybody named, once all of the ``people`` were heard; None otherwise."""
        (first, who), *others = self.votes.items()
        return first if not others and len(who) >= people else None


@dataclass(frozen=True)
class Result:
    """What came of a round.

    Attributes:
        people: name -> how many pictures that person looked at.
        kappa: Fleiss' kappa over the ``complete`` pictures, those with all opinions.
        classes: ids of the classes that were named, in their order.
        pairs: how often two people named each two classes, in the order of ``classes``.
        disputes: pictures on which people differ, or agree on another class than the label.
    """

    people: Mapping[str, int]
    kappa: float | None
    complete: int
    couples: Sequence[PairOfPeople]
    classes: Sequence[int]
    pairs: NDArray[np.int64]
    disputes: Sequence[Dispute]


def create(
    session: Session, project_id: int, images: int, people: int, actor: str, chosen: ImageFilter = _IN_USE
) -> OpinionRound:
    """Draw a sample of the images that match, of fewer all. The draw itself is plain chance.

    Raises:
        Invalid: a number that cannot be, or there are no images.
    """
    if not (1 <= images <= MOST_IMAGES and PEOPLE[0] <= people <= PEOPLE[1]):
        raise Invalid("opinions_numbers", most=MOST_IMAGES, fewest=PEOPLE[0], people=PEOPLE[1])
    projects.lock(session, project_id)
    start = secrets.token_hex(32)  # the hash of a file is as good as drawn; the beginning is drawn each time
    fits = gallery.conditions(project_id, gallery.resolved(session, project_id, chosen))
    drawn: list[int] = []
    for part in (Image.sha256 > start, Image.sha256 <= start):
        query = sa.select(Image.id).where(*fits, part)
        drawn += session.scalars(query.order_by(Image.sha256).limit(images - len(drawn)))
    if not drawn:
        raise Invalid("opinions_no_images")
    newest = sa.select(sa.func.max(OpinionRound.number)).where(OpinionRound.project_id == project_id)
    made = OpinionRound(
        project_id=project_id, number=(session.scalar(newest) or 0) + 1, people=people, actor=actor[:100],
        query=urlencode(chosen.to_query()),
    )  # fmt: skip
    session.add(made)
    session.flush()
    session.execute(sa.insert(OpinionImage), [{"round_id": made.id, "image_id": image_id} for image_id in drawn])
    return made


def listed(session: Session, project_id: int) -> list[Progress]:
    """The rounds of a project, newest first."""
    query = sa.select(OpinionRound).where(OpinionRound.project_id == project_id).order_by(OpinionRound.id.desc())
    return [progress(session, one) for one in session.scalars(query)]


def by_number(session: Session, project_id: int, number: int) -> OpinionRound:
    """Raises NotFound: there is no such round."""
    query = sa.select(OpinionRound).where(OpinionRound.project_id == project_id, OpinionRound.number == number)
    found = session.scalar(query)
    if found is None:
        raise NotFound("opinions_missing", number=number)
    return found


def progress(session: Session, one: OpinionRound) -> Progress:
    """How far a round is."""
    images = session.scalar(sa.select(sa.func.count()).where(OpinionImage.round_id == one.id)) or 0
    given = session.scalar(sa.select(sa.func.count()).where(Opinion.round_id == one.id)) or 0
    return Progress(one, images, given)


def following(session: Session, one: OpinionRound, actor: str) -> ImageRow | None:
    """The next picture for a person: one without an opinion of that person that still wants some.

    Those with the most opinions come first, so that pictures get complete early.
    """
    mine = sa.select(Opinion.image_id).where(Opinion.round_id == one.id, Opinion.actor == actor[:100])
    others = sa.func.count(Opinion.actor)
    query = (
        sa.select(OpinionImage.image_id)
        .outerjoin(Opinion, sa.and_(Opinion.round_id == one.id, Opinion.image_id == OpinionImage.image_id))
        .where(OpinionImage.round_id == one.id, OpinionImage.image_id.not_in(mine))
        .group_by(OpinionImage.image_id)
        .having(others < one.people)
        .order_by(others.desc(), OpinionImage.image_id)
        .limit(1)
    )
    found = session.scalar(query)
    return gallery.rows(session, one.project_id, [found])[0] if found is not None else None


def give(session: Session, one: OpinionRound, image_id: int, class_id: int, actor: str) -> None:
    """Write what a person says; the same person may say something else later.

    Raises:
        NotFound: the image is not in the sample.
        Invalid: no class of this project.
        Conflict: so many others have said something meanwhile that nobody else is asked.
    """
    projects.lock(session, one.project_id)
    if session.get(OpinionImage, (one.id, image_id)) is None:
        raise NotFound("image_missing", image=image_id)
    known = session.get(LabelClass, class_id)
    if known is None or known.project_id != one.project_id:
        raise Invalid("class_missing")
    own = session.get(Opinion, (one.id, image_id, actor[:100]))
    if own is not None:
        own.class_id, own.created_at = class_id, utc_now()
        return
    same = (Opinion.round_id == one.id, Opinion.image_id == image_id)
    if (session.scalar(sa.select(sa.func.count()).where(*same)) or 0) >= one.people:
        raise Conflict("opinions_full", people=one.people)
    session.add(Opinion(round_id=one.id, image_id=image_id, actor=actor[:100], class_id=class_id))
    session.flush()


def result(session: Session, one: OpinionRound, classes: Sequence[int]) -> Result:
    """Agreement of the people of a round; ``classes``: the ids of all classes of the project in their order."""
    said = _said(session, one)
    named = {class_id for votes in said.values() for class_id in votes.values()}
    used = [class_id for class_id in classes if class_id in named]
    votes = np.zeros((len(said), len(used)), dtype=np.int64)
    for row, given in enumerate(said.values()):
        for class_id in given.values():
            votes[row, used.index(class_id)] += 1
    people = sorted({actor for given in said.values() for actor in given})
    complete = votes[votes.sum(axis=1) == one.people]
    return Result(
        people={actor: sum(actor in given for given in said.values()) for actor in people},
        kappa=agreement.fleiss(complete),
        complete=len(complete),
        couples=[_couple(said, used, *couple) for couple in combinations(people, 2)],
        classes=used,
        pairs=agreement.pairs(votes),
        disputes=_disputes(session, one.project_id, said),
    )


def settle_agreed(
    session: Session,
    one: OpinionRound,
    seen: Mapping[int, int],
    *,
    actor: str,
    request_id: str,
) -> ChangeSet:
    """Give all images on which everybody agrees the class that was named, in one change set.

    ``seen``: image id -> version of the label that was shown; other images stay as they are.

    Raises:
        Invalid: everybody agrees on none of them, or no longer.
        LabelConflict: somebody labelled one of them meanwhile; nothing was written.
    """
    if (known := labels.by_request(session, one.project_id, request_id)) is not None:
        return known
    changes = [
        labels.LabelChange(dispute.row.id, class_id, seen[dispute.row.id])
        for dispute in _disputes(session, one.project_id, _said(session, one))
        if dispute.row.id in seen and (class_id := dispute.agreed(one.people)) is not None
    ]
    if not changes:
        raise Invalid("opinions_none_agreed")
    return labels.assign(
        session, one.project_id, changes, source=LabelSource.REVIEW, actor=actor, request_id=request_id
    )


def _said(session: Session, one: OpinionRound) -> dict[int, dict[str, int]]:
    """Image id -> who named which class, in the order of their coming."""
    query = sa.select(Opinion.image_id, Opinion.actor, Opinion.class_id).where(Opinion.round_id == one.id)
    said: dict[int, dict[str, int]] = {}
    for image_id, actor, class_id in session.execute(query.order_by(Opinion.image_id, Opinion.created_at)):
        said.setdefault(image_id, {})[actor] = class_id
    return said


def _couple(said: Mapping[int, Mapping[str, int]], classes: Sequence[int], one: str, other: str) -> PairOfPeople:
    both = [(given[one], given[other]) for given in said.values() if one in given and other in given]
    first, second = ([classes.index(pair[place]) for pair in both] for place in (0, 1))
    same = sum(a == b for a, b in both)
    return PairOfPeople(one, other, len(both), same, agreement.cohen(first, second, len(classes)))


def _disputes(session: Session, project_id: int, said: Mapping[int, Mapping[str, int]]) -> list[Dispute]:
    several = {image_id: given for image_id, given in said.items() if len(given) > 1}
    rows = {row.id: row for row in gallery.rows(session, project_id, list(several))}
    found: list[Dispute] = []
    for image_id, given in several.items():
        votes: dict[int, list[str]] = {}
        for actor, class_id in given.items():
            votes.setdefault(class_id, []).append(actor)
        if set(votes) != {rows[image_id].class_id}:
            found.append(Dispute(rows[image_id], votes))
    return sorted(found, key=lambda dispute: (-len(dispute.votes), dispute.row.id))

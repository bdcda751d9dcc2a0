"""What triggers of the database count of each finding is what its images say, whatever changes them."""

import random

import pytest
import sqlalchemy as sa

from app.db.count_models import FindingTally
from app.db.health_models import HealthFinding, HealthMember
from app.db.models import Image
from app.domain.enums import Field, LabelSource, Split
from app.domain.findings import FindingKind, Topic
from app.services import grouping, health, health_check, labels, marks, split_moves
from app.services.gallery import ImageFilter
from app.services.health_check import Found
from benchmarks import big_project

pytestmark = pytest.mark.slow

COUNT = 3000


@pytest.fixture
def big(any_database, store):
    """A project with groups of two to forty images, some of them in several groups, and single findings."""
    made = big_project.make(any_database, store, COUNT)
    draw = random.Random(4)
    found = []
    for number in range(60):
        ids = tuple(made.first_image + place for place in draw.sample(range(COUNT), draw.choice((2, 2, 3, 40))))
        found.append(Found(FindingKind.COPIES, ids, number % 7, {"exact": True}, f"copies {number}"))
    for number in range(40):
        ids = (made.first_image + draw.randrange(COUNT),)
        found.append(Found(FindingKind.BLURRED, ids, number, {"value": 1}, f"blurred {number}"))
    with any_database.write() as session:
        health_check.request(session, made.project_id)
        health_check.store(session, made.project_id, found, {}, COUNT)
    return made


def counted(session):
    """The figures of each finding, counted from its images."""
    labelled = Image.class_id.is_not(None)

    def those(fits):
        return sa.func.sum(sa.case((sa.and_(labelled, fits), 1), else_=0))

    query = (
        sa.select(
            HealthMember.finding_id,
            sa.func.count(),
            sa.func.count(sa.distinct(Image.class_id)),
            those(Image.split == Split.TEST),
            those(Image.split == Split.VALIDATION),
            those(sa.or_(Image.split.is_(None), Image.split == Split.TRAIN)),
        )
        .join(Image, Image.id == HealthMember.image_id)
        .where(Image.state == "active")
    )
    return {row[0]: tuple(map(int, row[1:])) for row in session.execute(query.group_by(HealthMember.finding_id))}


def check(database):
    """The kept figures are those; of findings without images they are nothing."""
    with database.read() as session:
        kept = (HealthFinding.members, HealthFinding.classes, HealthFinding.test, HealthFinding.folder)
        rows = session.execute(sa.select(HealthFinding.id, *kept, HealthFinding.free))
        found = {row[0]: tuple(row[1:]) for row in rows}
        assert found == dict.fromkeys(found, (0,) * 5) | counted(session)
        assert set(session.scalars(sa.select(FindingTally.finding_id))) <= found.keys()


def test_figures__are_those_of_the_images(any_database, big):
    check(any_database)
    draw = random.Random(5)
    for turn in range(12):
        ids = tuple(big.first_image + place for place in draw.sample(range(COUNT), 300))
        some = ImageFilter(state=None, ids=ids)
        who: marks.Who = {"source": LabelSource.GALLERY, "actor": "a", "request_id": str(turn)}
        with any_database.write() as session:
            act = turn % 4
            if act == 0:
                to = draw.choice([*big.class_ids, None])
                labels.assign_matching(session, big.project_id, some, to, **who)
            elif act == 1:
                mark = marks.Mark(Field.EXCLUDED, "blurred" if turn < 6 else None)
                marks.put(session, big.project_id, some, mark, **who)
            elif act == 2:
                split_moves.set_split(session, big.project_id, ids, draw.choice([*Split, None]), **who)
            else:
                labels.undo(session, big.project_id, actor="a", request_id=str(turn))
        check(any_database)


def test_figures__follow_findings_that_come_and_go(any_database, big):
    with any_database.write() as session:
        gone = list(session.scalars(sa.select(HealthFinding.id).order_by(HealthFinding.id).limit(20)))
        session.execute(sa.delete(HealthFinding).where(HealthFinding.id.in_(gone)))  # their members go with them
        images = list(session.scalars(sa.select(HealthMember.image_id).order_by(HealthMember.image_id).limit(30)))
        session.execute(sa.delete(HealthMember).where(HealthMember.image_id.in_(images)))
    check(any_database)
    with any_database.write() as session:
        health_check.store(session, big.project_id, [], {}, COUNT)
    check(any_database)
    with any_database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(FindingTally)) == 0


def test_pages__say_what_the_figures_say(any_database, big):
    with any_database.read() as session:
        figures = counted(session)
        kinds = {row.id: row.kind for row in session.execute(sa.select(HealthFinding.id, HealthFinding.kind))}
        copies = [figures[one] for one, kind in kinds.items() if kind == FindingKind.COPIES and one in figures]
        several = [one for one in copies if one[0] >= 2]
        leaks = [one for one in several if one[2] and one[3] + one[4]]
        counts = health.counts(session, big.project_id)
        assert counts[Topic.COPIES] == len(several) == grouping.copy_groups(session, big.project_id)
        assert counts[Topic.LEAKS] == len(leaks) > 0
        assert counts[Topic.CONFLICTS] == sum(one[1] >= 2 for one in several) > 0
        assert counts[Topic.BLURRED] == sum(kinds[one] == FindingKind.BLURRED for one in figures) > 0
        assert grouping.copies_of_test(session, big.project_id) == sum(one[3] + one[4] for one in copies if one[2])
        for topic in Topic:
            everything = health.ids(session, big.project_id, topic)
            assert health.count(session, big.project_id, topic) == len(everything) == counts[topic]
            assert health.ids(session, big.project_id, topic, offset=3, limit=5) == everything[3:8]
        serious = {
            one
            for topic in (Topic.CONFLICTS, Topic.LEAKS, Topic.FOLDER_LEAKS)
            for one in health.ids(session, big.project_id, topic)
        }
        assert health.serious(session, big.project_id) == len(serious)

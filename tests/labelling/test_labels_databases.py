"""Labels on both databases: large changes, many writers at once."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from app.db.models import ChangeSet, Image, LabelEvent
from app.db.session import Database
from app.domain.enums import LabelSource
from app.services import gallery, labels
from app.services.labels import LabelChange
from tests.chaos.record import FULL
from tests.labelling.factories import class_ids, make_images, make_project

MANY = 40_000 if FULL else 8_000
WRITES, THREADS, IMAGES = 1000, 8, 12


@pytest.mark.slow
def test_change_of_many__is_quick_and_undone_as_a_whole(any_database: Database) -> None:
    with any_database.write() as session:
        project = make_project(session)
        classes, images = class_ids(session, project), make_images(session, project, MANY)
    act: dict[str, Any] = {"source": LabelSource.GALLERY, "actor": "mika"}
    start = time.perf_counter()
    with any_database.write() as session:
        changes = [LabelChange(image, classes[0], 0) for image in images]
        assert labels.assign(session, project.id, changes, request_id="1", **act).image_count == MANY
    with any_database.write() as session:
        chosen = gallery.ImageFilter(class_id=classes[0])
        assert (
            labels.assign_matching(session, project.id, chosen, classes[1], request_id="2", **act).image_count == MANY
        )
    with any_database.write() as session:
        taken = labels.undo(session, project.id, actor="mika", request_id="3")
        assert (taken.change_set.image_count, taken.conflicts) == (MANY, [])
    assert time.perf_counter() - start < 120  # about 2 s on SQLite and 6 s on PostgreSQL; minutes for one at a time
    with any_database.read() as session:
        found = session.execute(
            sa.select(Image.class_id, Image.label_version, sa.func.count()).group_by(
                Image.class_id, Image.label_version
            )
        )
        assert found.all() == [(classes[0], 3, MANY)]


@pytest.mark.slow
def test_many_writers__lose_nothing(any_database: Database) -> None:
    """Each write carries the version it saw; a refused one looks again. What was acknowledged is exactly the log."""
    with any_database.write() as session:
        project = make_project(session)
        classes, images = class_ids(session, project), make_images(session, project, IMAGES)

    def write(number: int) -> tuple[int, int]:
        chance = random.Random(number)
        image, refused = chance.choice(images), 0
        while True:
            with any_database.read() as session:
                row = gallery.rows(session, project.id, [image])[0]
            wanted = chance.choice([one for one in classes if one != row.class_id])
            change = LabelChange(image, wanted, row.version)
            try:
                with any_database.write() as session:
                    act: dict[str, Any] = {
                        "source": LabelSource.REVIEW,
                        "actor": f"p{number}",
                        "request_id": f"w{number}",
                    }
                    made = labels.assign(session, project.id, [change], **act)
                    return made.image_count, refused
            except labels.LabelConflict:
                refused += 1

    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(write, range(WRITES)))
    acknowledged = sum(count for count, _ in results)
    with any_database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ChangeSet)) == WRITES
        assert session.scalar(sa.select(sa.func.count()).select_from(LabelEvent)) == acknowledged
        assert session.scalar(sa.select(sa.func.sum(Image.label_version))) == acknowledged
        for image in images:
            log = sa.select(LabelEvent).where(LabelEvent.image_id == image).order_by(LabelEvent.id)
            events = session.scalars(log).all()
            assert [event.version for event in events] == list(range(1, len(events) + 1))
            assert [event.before_id for event in events[1:]] == [event.after_id for event in events[:-1]]
            assert session.get_one(Image, image).class_id == (events[-1].after_id if events else None)


@pytest.mark.slow
def test_same_request_from_many_threads__is_done_once(any_database: Database) -> None:
    with any_database.write() as session:
        project = make_project(session)
        classes, images = class_ids(session, project), make_images(session, project, 50)

    def send(_number: int) -> int:
        with any_database.write() as session:
            changes = [LabelChange(image, classes[1], 0) for image in images]
            act: dict[str, Any] = {"source": LabelSource.GALLERY, "actor": "mika", "request_id": "once"}
            return labels.assign(session, project.id, changes, **act).id

    with ThreadPoolExecutor(THREADS) as pool:
        assert len(set(pool.map(send, range(32)))) == 1
    with any_database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(LabelEvent)) == 50


def test_gallery__filters_pages_and_counts(any_database: Database) -> None:
    with any_database.write() as session:
        project = make_project(session)
        classes, images = class_ids(session, project), make_images(session, project, 30)
        session.execute(sa.update(Image).where(Image.id.in_(images[:10])).values(class_id=classes[0]))
        session.execute(sa.update(Image).where(Image.id.in_(images[5:8])).values(split="test"))
        session.execute(sa.update(Image).where(Image.id == images[29]).values(name="Größe ガ.PNG"))
    with any_database.read() as session:

        def found(**chosen: object) -> list[int]:
            page = gallery.ids(session, project.id, gallery.ImageFilter(**chosen))  # type: ignore[arg-type]
            assert page.total == len(page.rows)
            return [row.id for row in page.rows]

        assert found(class_id=classes[0], split="test") == images[5:8]
        assert found(unlabelled=True, split="none") == images[10:]
        assert found(query="ガ.png") == images[29:]
        assert found(ids=tuple(images[3:5])) == images[3:5]
        chosen = gallery.ImageFilter(unlabelled=True)
        assert [row.id for row in gallery.after(session, project.id, chosen, images[12], 3)] == images[13:16]
        assert [row.id for row in gallery.before(session, project.id, chosen, images[12], 3)] == images[11:9:-1]
        assert gallery.position(session, project.id, chosen, images[12]) == 2
        counts = gallery.counts(session, project.id, gallery.ImageFilter(split="test"))
    assert (counts.total, counts.classes, counts.splits) == (3, {classes[0]: 3}, {None: 27, "test": 3})


def test_write_together__keeps_what_it_returns_and_nothing_of_what_fails(any_database: Database) -> None:
    with any_database.write() as session:
        project = make_project(session)
        classes, images = class_ids(session, project), make_images(session, project, 2)

    def give(place: int, version: int) -> int:
        act: dict[str, Any] = {"source": LabelSource.REVIEW, "actor": "mika", "request_id": f"{place}-{version}"}
        changes = [LabelChange(images[0], classes[place], None), LabelChange(images[1], classes[place], version)]
        return any_database.write_together(
            lambda session: labels.assign(session, project.id, changes, **act).image_count
        )

    assert give(0, 0) == 2
    with pytest.raises(labels.LabelConflict):
        give(1, 0)
    assert give(1, 1) == 2
    with any_database.read() as session:
        assert [row.version for row in gallery.rows(session, project.id, images)] == [2, 2]

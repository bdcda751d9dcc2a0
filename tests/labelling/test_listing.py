"""Filters and orders that no index gives: every list equals one that is worked out from the rows, whatever happens."""

import random
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.count_models import ImageStamp
from app.db.models import ChangeSet, Image, LabelEvent
from app.domain.enums import Field, LabelSource, Split
from app.domain.errors import AppError, Invalid, NotFound
from app.services import gallery, labels, marks, run_answers
from app.services.gallery import ImageFilter
from app.services.image_filter import BEYOND
from tests import factories
from tests.inspect import factory

PEOPLE = ("mika", "健")
MEANS = (LabelSource.LABEL_MODE, LabelSource.GALLERY, LabelSource.SUGGESTION)


@pytest.fixture
def images(any_database, store):
    """Two projects; the images of the first."""
    with any_database.write() as session:
        other = factories.make_project(session, "other")
        factories.add_images(session, store, other, 3, label_class=other.classes[0])
        made = factories.make_project(session)
        found = factories.add_images(session, store, made, 12, label_class=made.classes[0])
        found += factories.add_images(session, store, made, 12, first=100, split=Split.TEST)
        return made, [image.id for image in found]


def change(session, draw, project, image_ids, number):
    """One act on some images, by one of two people, on one of three days."""
    some = draw.sample(image_ids, draw.randint(1, 8))
    who: dict[str, Any] = {"source": draw.choice(MEANS), "actor": draw.choice(PEOPLE), "request_id": f"r{number}"}
    act = draw.randrange(4)
    if act < 2:
        class_id = draw.choice([item.id for item in project.classes] + [None])
        done = labels.assign(session, project.id, [labels.LabelChange(image, class_id) for image in some], **who)
        done.created_at = datetime(2026, 11, draw.randint(1, 3), 12, tzinfo=UTC)
    elif act == 2 and number > 3:
        labels.undo(session, project.id, actor=who["actor"], request_id=f"r{number}")
    else:
        mark = marks.Mark(draw.choice((Field.EXCLUDED, Field.CHECKED, Field.UNSURE)), draw.choice([None, ""]))
        marks.put(session, project.id, ImageFilter(state=None, ids=tuple(some)), mark, **who)


def rows_of(session, project_id):
    """Each image with the change set of its present label."""
    label = sa.and_(LabelEvent.image_id == Image.id, LabelEvent.version == Image.label_version)
    query = sa.select(Image, ChangeSet).outerjoin(LabelEvent, label)
    query = query.outerjoin(ChangeSet, ChangeSet.id == LabelEvent.change_set_id).order_by(Image.id)
    rows = session.execute(query.where(Image.project_id == project_id)).all()
    return [(image, change if image.class_id is not None else None) for image, change in rows]


def fits(chosen, image, act):
    """The filter in plain words."""
    day = act.created_at.astimezone().date() if act else None
    return (
        (chosen.state is None or image.state == chosen.state)
        and (chosen.class_id is None or image.class_id == chosen.class_id)
        and (not chosen.unlabelled or image.class_id is None)
        and (chosen.split is None or image.split == chosen.split)
        and (chosen.mark is None or image.unsure)
        and (chosen.by is None or (act is not None and act.actor == chosen.by))
        and (chosen.means is None or (act is not None and act.source == chosen.means))
        and (chosen.since is None or (day is not None and day >= chosen.since))
        and (chosen.until is None or (day is not None and day <= chosen.until))
        and (chosen.checked is None or (image.class_id and (image.checked_id == image.class_id) == chosen.checked))
        and chosen.query in image.name
    )


def natural(name):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def in_order(sort, rows):
    """The ids of rows in an order, in plain words."""
    reverse, name = sort.startswith("-"), sort.removeprefix("-")
    if name == "labelled":
        with_time = [pair for pair in rows if pair[1]]
        ordered = sorted(with_time, key=lambda pair: pair[1].created_at.timestamp() * (-1 if reverse else 1))
        return [image.id for image, _ in [*ordered, *(pair for pair in rows if not pair[1])]]
    keys = {"name": lambda image: natural(image.name), "size": lambda image: image.width * image.height}
    key = keys.get(name, lambda image: image.id)
    found = [image for image, _ in rows]
    return [image.id for image in sorted(found[::-1] if reverse else found, key=key, reverse=reverse)]


def wished(draw, project):
    """Some filter and order."""
    sort = draw.choice(("", "name", "-name", "labelled", "-labelled", "size", "-imported"))
    some: dict[str, Any] = {
        "by": draw.choice((*PEOPLE, "nobody")),
        "means": draw.choice(MEANS),
        "since": date(2026, 11, draw.randint(1, 3)),
        "until": date(2026, 11, draw.randint(1, 3)),
        "checked": draw.choice((True, False)),
        "state": None,
        "class_id": project.classes[0].id,
        "unlabelled": True,
        "split": Split.TEST,
        "mark": "unsure",
        "query": "1",
    }
    chosen = dict(draw.sample(list(some.items()), draw.randint(0, 3)))
    return ImageFilter(**chosen, sort=sort if sort or chosen.keys() & set(some) else "name")


def test_lists__are_those_of_the_rows(any_database, images):
    project, image_ids = images
    draw = random.Random(6)
    for number in range(14):
        with any_database.write() as session:
            change(session, draw, project, image_ids, number)
        with any_database.read() as session:
            rows = rows_of(session, project.id)
            for _ in range(6):
                chosen = wished(draw, project)
                expected = in_order(chosen.sort, [pair for pair in rows if fits(chosen, *pair)])
                page = gallery.ids(session, project.id, chosen, 2, 5)
                assert ([row.id for row in page.rows], page.total) == (expected[2:7], len(expected)), chosen
                counts = gallery.counts(session, project.id, chosen)
                assert counts.total == gallery.total(session, project.id, chosen) == len(expected), chosen
                free = ImageFilter.from_query({k: v for k, v in chosen.to_query().items() if k != "class"})
                assert counts.classes.get(project.classes[1].id, 0) == sum(
                    image.class_id == project.classes[1].id for image, act in rows if fits(free, image, act)
                ), chosen
                for place in range(min(3, len(expected))):
                    assert gallery.position(session, project.id, chosen, expected[place]) == place
                    before = gallery.before(session, project.id, chosen, expected[place], 2)
                    assert [row.id for row in before] == expected[max(0, place - 2) : place][::-1]
                    after = gallery.after(session, project.id, chosen, expected[place], 2)
                    assert [row.id for row in after] == expected[place + 1 :][:2]


def test_list__of_a_transaction_that_is_rolled_back_leaves_nothing(any_database, images):
    project, image_ids = images
    chosen = ImageFilter(by="mika", sort="-labelled")
    change: dict[str, Any] = {"source": LabelSource.GALLERY, "actor": "mika", "request_id": "one"}

    def fail():
        with any_database.write() as session:
            labels.assign(session, project.id, [labels.LabelChange(image_ids[0], project.classes[1].id)], **change)
            assert gallery.total(session, project.id, chosen) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with any_database.read() as session:
        assert gallery.total(session, project.id, chosen) == 0
    with any_database.write() as session:  # the same numbers of the stamp and of the change set, for another image
        labels.assign(session, project.id, [labels.LabelChange(image_ids[1], project.classes[1].id)], **change)
    with any_database.read() as session:
        assert [row.id for row in gallery.ids(session, project.id, chosen).rows] == [image_ids[1]]


def test_stamps__count_every_change_of_an_image(any_database, images):
    project, image_ids = images
    query = sa.select(sa.func.sum(ImageStamp.moves), sa.func.sum(ImageStamp.members))
    query = query.where(ImageStamp.project_id == project.id)
    acts = [
        sa.update(Image).where(Image.id == image_ids[0]).values(split=Split.VALIDATION),
        sa.update(Image).where(Image.id.in_(image_ids[:5])).values(checked_id=Image.class_id),
        sa.delete(Image).where(Image.id == image_ids[-1]),
    ]
    with any_database.read() as session:
        moves, members = session.execute(query).one()
    assert members == len(image_ids)
    for act, count, change in zip(acts, (1, 5, 1), (0, 0, 1), strict=True):
        with any_database.write() as session:
            session.execute(act)
        with any_database.read() as session:
            now = session.execute(query).one()
        assert (now[0], now[1]) == (moves + count, members + change)
        moves, members = now


def test_answers_of_a_run__choose_and_order(database, store):
    with database.write() as session:
        made = factory.project(session, store)
        run = factory.run(session, store, made, folds=0)
        number, project_id = run.number, made.project.id
    with database.read() as session:
        judged = gallery.ids(session, project_id, ImageFilter(run=number)).rows
        right, wrong = (
            gallery.ids(session, project_id, ImageFilter(run=number, right=it)).rows for it in (True, False)
        )
        assert right and wrong  # noqa: PT018 - one fact: the run did both
        assert sorted(row.id for row in (*right, *wrong)) == [row.id for row in judged]
        assert {row.id for row in judged} >= {image.id for image in made.test}
        by_class = [gallery.total(session, project_id, ImageFilter(run=number, said=one.id)) for one in made.classes]
        assert sum(by_class) == len(judged)
        surprised = gallery.ids(session, project_id, ImageFilter(run=number, sort="-loss")).rows
        said = run_answers.of(session, project_id, number)
        losses = said.loss[said.at(np.array([row.id for row in surprised]))].tolist()
        assert len(losses) > 1
        assert losses == sorted(losses, reverse=True)
        assert [row.id for row in gallery.ids(session, project_id, ImageFilter(run=number, sort="loss")).rows] != [
            row.id for row in surprised
        ]
        tested = {image.id for image in made.test}
        for sort in ("confidence", "-confidence", "loss", "-loss"):  # a model chooses nothing of the test set
            chosen = ImageFilter(run=number, sort=sort)
            shown = gallery.ids(session, project_id, chosen)
            assert not tested & {row.id for row in shown.rows}
            counts = gallery.counts(session, project_id, chosen)
            assert shown.total == counts.total == len(judged) - len(tested & {row.id for row in judged})
            assert not tested & set(gallery.resolved(session, project_id, chosen).ids or ())
        with pytest.raises(NotFound):
            gallery.total(session, project_id, ImageFilter(run=99))


def test_query__says_the_filter_and_refuses_nonsense():
    values = {
        "by": "健",
        "means": "gallery",
        "from": "2026-11-01",
        "to": "2026-11-02",
        "checked": "no",
        "run": "3",
        "result": "wrong",
        "said": "2",
        "sort": "-loss",
    }
    chosen = ImageFilter.from_query(values)
    assert chosen.to_query() == values
    assert set(values) == set(BEYOND)
    assert chosen.beyond
    assert not chosen.plain.beyond
    assert not ImageFilter.from_query({"sort": "imported"}).beyond
    wrong = (
        *({"means": "magic"}, {"from": "yesterday"}, {"to": "2026-13-01"}, {"checked": "maybe"}, {"run": "-1"}),
        *({"from": "0001-01-01"}, {"to": "0001-01-01"}, {"to": "9999-12-31"}),  # no computer knows their midnights
        *({"result": "wrong"}, {"said": "1"}, {"sort": "loss"}, {"sort": "--name"}, {"run": "1", "result": "so-so"}),
    )
    for values in wrong:
        with pytest.raises(Invalid):
            ImageFilter.from_query(values)


def test_acts__on_all_that_match_mean_the_same_images(any_database, images):
    project, image_ids = images
    who: dict[str, Any] = {"source": LabelSource.GALLERY, "actor": "mika"}
    with any_database.write() as session:
        changes = [labels.LabelChange(image_id, project.classes[1].id) for image_id in image_ids[:7]]
        labels.assign(session, project.id, changes, request_id="some", **who)
    with any_database.write() as session:
        chosen = gallery.resolved(session, project.id, ImageFilter(by="mika"))
        done = labels.assign_matching(session, project.id, chosen, project.classes[2].id, request_id="all", **who)
        assert done.image_count == 7
    with any_database.read() as session:
        tomorrow = datetime.now(UTC).astimezone().date() + timedelta(days=1)
        assert gallery.total(session, project.id, ImageFilter(since=tomorrow)) == 0
        with pytest.raises((AssertionError, AppError)):
            gallery.conditions(project.id, ImageFilter(by="mika"))

"""Counts that the database keeps equal those of the images, whatever is done to them, in both databases."""

import random
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa

from app.db.models import Image, ImageCount
from app.domain.enums import Field, ImageState, LabelSource, Split
from app.services import gallery, image_filter, labels, marks
from app.services.gallery import ImageFilter
from tests import factories
from tests.train.rows import set_split

Wishes = tuple[dict[str, Any], ...]
FIELDS = (Field.EXCLUDED, Field.UNSURE, Field.SKIPPED, Field.NOTE, Field.PUBLISH)


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
    """One act on some images."""
    some = draw.sample(image_ids, draw.randint(1, 8))
    who: dict[str, Any] = {"source": LabelSource.GALLERY, "actor": "ken", "request_id": f"r{number}"}
    act = draw.randrange(4)
    if act == 0:
        class_id = draw.choice([item.id for item in project.classes] + [None])
        labels.assign(session, project.id, [labels.LabelChange(image, class_id) for image in some], **who)
    elif act == 1:
        set_split(session, project.id, some, draw.choice([None, Split.TEST, Split.VALIDATION]))
    elif act == 2 and number > 3:
        labels.undo(session, project.id, actor="ken", request_id=f"r{number}")
    else:
        field = draw.choice(FIELDS)
        value = draw.choice([None, "yes" if field == Field.PUBLISH else "blurred"])
        marks.put(session, project.id, ImageFilter(state=None, ids=tuple(some)), marks.Mark(field, value), **who)


def counted(session, table, count):
    """Rows of equal values with their count, from the images or as they are kept."""
    same = sa.func.coalesce
    if table is Image:
        keys = (
            *(Image.project_id, same(Image.class_id, 0), same(Image.split, ""), Image.split_source, Image.state),
            *(same(Image.import_id, 0), Image.unsure, Image.skipped, Image.note != "", Image.reason, Image.publish),
        )
    else:
        keys = tuple(column for column in table.__table__.c if column.primary_key)
    query = sa.select(*keys, sa.func.sum(count[0]), sa.func.sum(count[1])).group_by(*keys)
    return sorted(tuple(row) for row in session.execute(query) if row[-2])


@pytest.mark.slow
def test_kept_counts__are_those_of_the_images(any_database, images):
    project, image_ids = images
    draw = random.Random(8)
    for number in range(16):
        with any_database.write() as session:
            change(session, draw, project, image_ids, number)
    with any_database.read() as session:
        kept = counted(session, ImageCount, (ImageCount.count, ImageCount.bytes))
        assert kept == counted(session, Image, (sa.literal(1), Image.file_bytes))
        for chosen in filters(project):
            rows = sa.select(sa.func.count()).where(*gallery.conditions(project.id, chosen))
            assert gallery.total(session, project.id, chosen) == session.scalar(rows)
            slow = gallery.counts(session, project.id, replace(chosen, ids=tuple(image_ids)))
            assert gallery.counts(session, project.id, chosen) == slow
            listed = gallery.after(session, project.id, chosen)
            for offset in (0, 3, len(listed) - 2, len(listed), len(listed) + 5):
                page = gallery.ids(session, project.id, chosen, max(offset, 0), 4)
                assert page.rows == listed[max(offset, 0) :][:4]


def filters(project):
    """Some of each kind."""
    kinds: Wishes = ({}, {"unlabelled": True}, {"class_id": project.classes[0].id})
    parts: Wishes = ({}, {"split": Split.TEST}, {"split": "none"}, {"import_number": 1})
    others: Wishes = ({}, {"state": None}, {"state": ImageState.EXCLUDED, "reason": "blurred"})
    marked = ({}, *({"mark": mark} for mark in image_filter.MARKED))
    return [ImageFilter(**{**a, **b, **c, **d}) for a, b, c, d in product(kinds, parts, others, marked)][::13]


def test_deleted_images__are_counted_no_more(any_database, images):
    with any_database.write() as session:
        session.execute(sa.text("DELETE FROM label_event"))
        session.execute(sa.text("DELETE FROM import_entry"))
        session.execute(sa.delete(Image))
        assert counted(session, ImageCount, (ImageCount.count, ImageCount.bytes)) == []

"""Any place of a long list, and searches in names, give what a plain walk through the rows gives."""

import random
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa

from app.db.count_models import ImageBlock, ImageKind
from app.db.models import Image
from app.domain.enums import Field, ImageState, LabelSource, Split
from app.services import gallery, labels, marks
from app.services.gallery import ImageFilter
from benchmarks import big_project
from tests import factories

pytestmark = pytest.mark.slow

Wishes = tuple[dict[str, Any], ...]
COUNT = 10_000  # images: three blocks of ids


@pytest.fixture
def big(any_database, store):
    with any_database.write() as session:
        factories.add_images(session, store, factories.make_project(session, "first"), 3)
    return big_project.make(any_database, store, COUNT)


def filters(big):
    """Those that the kept counts can answer, and one of each other kind."""
    labels_of: Wishes = ({}, {"unlabelled": True}, {"class_id": big.class_ids[3]})
    splits_of: Wishes = ({}, {"split": Split.TEST}, {"split": gallery.NONE})
    states: Wishes = ({}, {"state": None}, {"state": ImageState.EXCLUDED})
    found = [ImageFilter(**{**a, **b, **c}) for a, b, c in product(labels_of, splits_of, states)]
    return [*found, ImageFilter(mark="unsure"), ImageFilter(query="_77"), ImageFilter(import_number=2)]


def change(session, big):
    """Labels and marks of some images, so that the counts have moved."""
    some = ImageFilter(state=None, ids=tuple(range(big.first_image + 3000, big.first_image + 6000)))
    labels.assign_matching(
        session, big.project_id, some, big.class_ids[3], source=LabelSource.GALLERY, actor="a", request_id="1"
    )
    fewer = ImageFilter(ids=tuple(range(big.first_image + 100, big.first_image + 900)))
    mark = marks.Mark(Field.EXCLUDED, "blurred")
    marks.put(session, big.project_id, fewer, mark, source=LabelSource.GALLERY, actor="a", request_id="2")


def test_any_place__is_what_a_walk_finds(any_database, big):
    draw = random.Random(3)
    with any_database.write() as session:
        change(session, big)
    with any_database.read() as session:
        for chosen in filters(big):
            fits = gallery.conditions(big.project_id, chosen)
            everything = list(session.scalars(sa.select(Image.id).where(*fits).order_by(Image.id)))
            assert gallery.total(session, big.project_id, chosen) == len(everything), chosen
            for offset in (0, len(everything) - 3, len(everything), *(draw.randrange(COUNT) for _ in range(4))):
                page = gallery.ids(session, big.project_id, chosen, max(offset, 0), 50)
                assert [row.id for row in page.rows] == everything[max(offset, 0) :][:50], (chosen, offset)
            for image_id in draw.sample(everything, min(3, len(everything))):
                assert gallery.position(session, big.project_id, chosen, image_id) == everything.index(image_id)


def test_kept_counts__are_those_of_the_rows(any_database, big):
    with any_database.write() as session:
        change(session, big)
        gone = list(session.scalars(sa.select(Image.id).where(Image.class_id.is_(None), Image.state == "active")))[-40:]
        session.execute(sa.delete(Image).where(Image.id.in_(gone)))
    with any_database.read() as session:
        for table, columns in (
            (ImageBlock, (Image.state, sa.func.coalesce(Image.class_id, 0), sa.func.coalesce(Image.split, ""))),
            (ImageKind, (Image.state, Image.width, Image.height, Image.file_format)),
        ):
            rows = sa.select(Image.project_id, *columns, sa.func.count()).group_by(Image.project_id, *columns)
            keys = [column for column in table.__table__.c if column.name not in ("block", "mode", "count")]
            kept = sa.select(*keys, sa.func.sum(table.count)).group_by(*keys).having(sa.func.sum(table.count) != 0)
            assert sorted(map(tuple, session.execute(kept))) == sorted(map(tuple, session.execute(rows)))


def found(database, big, query):
    """The names that a search finds, by the page of the grid and by the counts beside the filters."""
    with database.read() as session:
        chosen = ImageFilter(query=query)
        page = gallery.ids(session, big.project_id, chosen, 0, 50)
        assert gallery.counts(session, big.project_id, chosen).total == page.total
        return [row.name for row in page.rows]


def add(database, big, name, **values):
    """One more image with this name, as a later import makes it; its id."""
    columns = [column for column in Image.__table__.c if column.name != "id"]
    with database.write() as session:
        row = dict(session.execute(sa.select(*columns).where(Image.id == big.first_image)).mappings().one())
        row |= {"name": name, "sha256": name.encode().hex()[:64].rjust(64, "f"), "file_bytes": len(name), **values}
        return session.execute(sa.insert(Image).values(row).returning(Image.id)).scalar_one()


def test_search__finds_parts_of_names_in_any_script(any_database, big):
    assert found(any_database, big, "CELL_9999.") == ["cell_9999.png"]
    assert found(any_database, big, "細胞") == []
    add(any_database, big, "血液_細胞_001.png")
    add(any_database, big, "100%_b.png")
    assert found(any_database, big, "細胞") == ["血液_細胞_001.png"]
    assert found(any_database, big, "0%_") == ["100%_b.png"]
    assert found(any_database, big, "png\ncell") == []
    assert len(found(any_database, big, "cell")) == 50  # so many match that the database looks itself


def test_search__knows_images_that_are_gone_and_those_that_came_late(any_database, big):
    made = add(any_database, big, "late.png")
    add(any_database, big, "later.png")
    assert found(any_database, big, "late") == ["late.png", "later.png"]
    with any_database.write() as session:
        session.execute(sa.delete(Image).where(Image.id == made))
    assert found(any_database, big, "late") == ["later.png"]
    add(any_database, big, "slow.png", id=made)  # as of a transaction that began early and ended last
    assert found(any_database, big, "slow") == ["slow.png"]


def test_search__finds_images_that_got_the_ids_of_others_that_are_gone(any_database, big):
    """As after an import that was taken back and a smaller one: SQLite gives the last ids out again."""
    gone = [add(any_database, big, f"{name}_gone.png") for name in ("one", "two", "three")]
    assert len(found(any_database, big, "_gone")) == 3
    with any_database.write() as session:
        session.execute(sa.delete(Image).where(Image.id.in_(gone)))
    add(any_database, big, "fresh.png")
    assert found(any_database, big, "fresh") == ["fresh.png"]
    assert found(any_database, big, "_gone") == []

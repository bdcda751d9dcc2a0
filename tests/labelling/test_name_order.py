"""The order of names is that of an index; whatever is asked, it is the same as sorting the names."""

import random

import pytest

from app.db.models import Image
from app.domain.filenames import order_key
from app.services import gallery, listing, name_order
from app.services.gallery import ImageFilter
from tests.labelling.factories import class_ids, make_images, make_project

NAMES = [
    "cell_2.png",
    "cell_10.png",
    "Cell_010.png",
    "ｃｅｌｌ_3.png",
    "血液_12.png",
    "血液_2.png",
    "a-b.png",
    "ab.png",
    "é.png",
]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a2", "a10"),
        ("A2", "a3"),
        ("a9b", "a09c"),
        ("血液２", "血液10"),
        ("a", "a1"),
        ("x" * 400 + "1", "y"),
        ("0", "1"),
    ],
)
def test_key__numbers_count_as_numbers(first, second):
    assert order_key(first) < order_key(second)
    assert len(order_key("ﷺ" * 255)) <= 300


@pytest.fixture
def images(any_database, monkeypatch):
    """Images whose names come in no order; the arrays in memory are not there."""
    monkeypatch.setattr(listing, "ids", lambda *_: pytest.fail("the project was read into memory"))
    monkeypatch.setattr(name_order, "FEW", 10)
    draw = random.Random(4)
    with any_database.write() as session:
        project = make_project(session)
        made = []
        for number in range(40):
            name = draw.choice(NAMES) if number % 3 else f"{draw.choice('xy')}{draw.randint(1, 200)}.png"
            label = draw.choice([None, *class_ids(session, project)])
            state = draw.choice(["active", "active", "excluded"])
            made += make_images(session, project, 1, name=name, class_id=label, state=state, reason=str(number))
    return project, made


def test_pages__are_those_of_sorted_names(any_database, images):
    project, _ = images
    draw = random.Random(5)
    with any_database.read() as session:
        rows = {row.id: row for row in gallery.rows(session, project.id, images[1])}
        for sort in ("name", "-name"):
            for chosen in (
                ImageFilter(sort=sort),
                ImageFilter(sort=sort, state=None),
                ImageFilter(sort=sort, unlabelled=True),
                ImageFilter(sort=sort, query="cell"),
            ):
                fits = [one for one in rows.values() if _fits(chosen, one)]
                wanted = [one.id for one in sorted(fits, key=lambda one: (order_key(one.name), one.id))]
                wanted = wanted[::-1] if sort.startswith("-") else wanted
                for offset in (0, 3, len(wanted) - 2, len(wanted) + 4):
                    page = gallery.ids(session, project.id, chosen, offset, 5)
                    assert ([row.id for row in page.rows], page.total) == (wanted[max(0, offset) :][:5], len(wanted))
                place = draw.randrange(len(wanted))
                after = gallery.after(session, project.id, chosen, wanted[place], 3)
                before = gallery.before(session, project.id, chosen, wanted[place], 3)
                assert [row.id for row in after] == wanted[place + 1 :][:3]
                assert [row.id for row in before] == wanted[:place][::-1][:3]
                if _fits(ImageFilter(), rows[wanted[place]]) and chosen == ImageFilter(sort=sort):
                    assert gallery.position(session, project.id, chosen, wanted[place]) == place
                assert gallery.after(session, project.id, chosen, 0, 1)[0].id == wanted[0]


def _fits(chosen, row):
    state = chosen.state is None or row.state == chosen.state
    return state and (not chosen.unlabelled or row.class_id is None) and chosen.query in row.name.lower()


def test_acts__on_a_sorted_list_name_no_images(any_database, images):
    """What an order changes nothing of is left to the filter: no list of 200,000 ids."""
    with any_database.read() as session:
        assert gallery.resolved(session, images[0].id, ImageFilter(sort="-name")) == ImageFilter()
        assert gallery.counts(session, images[0].id, ImageFilter(sort="name", state=None)).total == 40


def test_new_images__have_their_place(any_database, images):
    project, _ = images
    with any_database.write() as session:
        (added,) = make_images(session, project, 1, name="!first.png")
        assert session.get_one(Image, added).name_order == "!first.png"
        assert gallery.ids(session, project.id, ImageFilter(sort="name"), 0, 1).rows[0].id == added


def test_far_jumps__go_on_from_places_somebody_jumped_to_until_something_changes(any_database, images, monkeypatch):
    project, made = images
    monkeypatch.setattr(name_order, "NEAR", 2)
    draw = random.Random(6)
    for place in range(3):
        with any_database.read() as session:
            active = [row for row in gallery.rows(session, project.id, made) if row.state == "active"]
            wanted = [row.id for row in sorted(active, key=lambda row: (order_key(row.name), row.id))]
            for sort, expected in (("name", wanted), ("-name", wanted[::-1])) * 3:
                for offset in draw.sample(range(len(wanted)), 8):
                    page = gallery.ids(session, project.id, ImageFilter(sort=sort), offset, 4)
                    assert [row.id for row in page.rows] == expected[offset:][:4]
            with monkeypatch.context() as patch:
                patch.setattr(name_order, "FAR", 6)  # nothing is far from a place that was asked for
                assert name_order.page(session, project.id, ImageFilter(sort="name"), len(wanted) // 2, 4) is not None
        with any_database.write() as session:
            image = session.get_one(Image, wanted[1])
            image.state, image.reason = "excluded", "damaged"
            made += make_images(session, project, 1, name="!first.png", path=f"{place}.png")

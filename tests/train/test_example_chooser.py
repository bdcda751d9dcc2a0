"""The chooser of the picture whose changes are shown: by class, name and number, by chance, and by address."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
import sqlalchemy as sa

from app.db.models import Image
from tests import factories
from tests.train.pages import form_of


@pytest.fixture
def pictures(database, store):
    """A project with 8 real pictures of each of 2 classes."""
    with database.write() as session:
        return factories.labelled_project(session, store, "血球", ["好中球", "単球"], 8)


def offered(html: str) -> tuple[list[int], int]:
    """The pictures of the chooser, and the one whose tick is set."""
    part = html[html.index('id="examples"') :]
    tags = re.findall(r'<input type="radio" name="image" id="example-(\d+)"[^>]*?( checked)?>', part)
    return [int(number) for number, _ in tags], next(int(number) for number, checked in tags if checked)


def test_train__any_picture_can_be_chosen_for_the_preview(client, pictures, database):
    with database.read() as session:
        rows = list(session.scalars(sa.select(Image).where(Image.project_id == pictures.id).order_by(Image.id)))
    page, last = f"/p/{pictures.slug}/train", rows[-1]
    found, chosen = offered(client.get(page, params={"image": last.id}).text)
    assert chosen == last.id
    alone = {"seek_class": str(rows[0].class_id)}
    same = [row.id for row in rows if row.class_id == rows[0].class_id]
    found, chosen = offered(client.get(page, params={**form_of(), "image": last.id, **alone}).text)
    assert (set(found) - {last.id} <= set(same), chosen) == (True, last.id)  # the picture stays, and is offered
    for typed in (str(last.id), str(last.id).translate(str.maketrans("0123456789", "０１２３４５６７８９"))):
        found, _ = offered(client.get(page, params={"seek": typed, "image": 1}).text)
        assert last.id in found
    named, _ = offered(client.get(page, params={"seek": last.name}).text)
    assert last.id in named
    nothing = client.get(page, params={"seek": "no such name", "image": last.id})
    assert offered(nothing.text) == ([last.id], last.id)
    assert "No picture fits" in nothing.text
    assert "cannot be “x”" in client.get(page, params={"seek_class": "x"}).text


def test_train__another_picture_is_of_the_class_and_stands_in_the_address(client, pictures, database):
    with database.read() as session:
        rows = list(session.scalars(sa.select(Image).where(Image.project_id == pictures.id)))
    same = {row.id for row in rows if row.class_id == rows[0].class_id}
    sent = {"form": "1", "augmentation.rotation": "30", "image": rows[0].id, "seek_class": str(rows[0].class_id)}
    answer = client.get(f"/p/{pictures.slug}/train", params={**sent, "another": "1"}, follow_redirects=False)
    assert answer.status_code == 303
    query = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert "another" not in query
    assert query["augmentation.rotation"] == "30"
    assert int(query["image"]) in same - {rows[0].id}
    assert offered(client.get(answer.headers["location"]).text)[1] == int(query["image"])
    drawn = {
        client.get(f"/p/{pictures.slug}/train?another=1", follow_redirects=False).headers["location"].rpartition("=")[2]
        for _ in range(40)
    }
    assert {next(row.class_id for row in rows if row.id == int(number)) for number in drawn} == {
        row.class_id for row in rows
    }


def test_image_page__leads_to_the_preview_of_its_picture(client, pictures):
    page = client.get(f"/p/{pictures.slug}/images/2").text
    link = re.search(r'href="([^"]+/train\?image=2)#augmentation"', page)
    assert link is not None
    opened = client.get(link[1]).text
    assert offered(opened)[1] == 2
    assert '<details class="all-settings" id="all-settings" open>' in opened


def test_train__a_number_is_found_and_counted_once(client, pictures, database):
    with database.write() as session:
        rows = list(session.scalars(sa.select(Image).where(Image.project_id == pictures.id).order_by(Image.id)))
        last = rows[-1].id
        for row in rows:
            row.name = f"{row.name}-{last}"
    page = client.get(f"/p/{pictures.slug}/train", params={"seek": str(last)})
    assert offered(page.text)[0][0] == last
    assert f"{len(rows)} pictures fit; the first 12 are shown." in page.text
    far = client.get(f"/p/{pictures.slug}/train", params={"seek": f"{1:020}{'9' * 60}"})
    assert (far.status_code, "No picture fits" in far.text) == (200, True)


def test_train__a_picture_that_was_removed_takes_no_value_of_the_form_along(client, pictures, database):
    with database.read() as session:
        first = session.scalars(sa.select(Image.id).where(Image.project_id == pictures.id).order_by(Image.id)).first()
    gone = {"image": "77777", "augmentation.rotation": "33"}
    page = client.get(f"/p/{pictures.slug}/train", params={**form_of(), **gone})
    assert (page.status_code, offered(page.text)[1]) == (200, first)
    assert "Image 77777 is no longer in this project" in page.text
    refused = client.post(f"/p/{pictures.slug}/train", data={**form_of(), **gone, "epochs": "x"})
    assert refused.status_code == 422
    assert 'value="33"' in refused.text

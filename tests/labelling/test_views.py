"""Further filters, orders and saved views on the pages, and the download of what was chosen."""

import csv
import io
import re
from urllib.parse import quote

import pytest

from app.domain.enums import Field, LabelSource
from app.services import labels, marks
from tests.inspect import factory


@pytest.fixture
def rows_by(database, store):
    """A project with labels of two people and a run; the ids of the images."""
    with database.write() as session:
        made = factory.project(session, store, train=4, test=2)
        factory.run(session, store, made, folds=0)
        images = [image.id for image in made.train]
        for number, actor in enumerate(("mika", "健")):
            change = labels.LabelChange(images[number], made.classes[2 if number == 0 else 0].id)
            who: marks.Who = {"source": LabelSource.REVIEW, "actor": actor, "request_id": f"r{number}"}
            labels.assign(session, made.project.id, [change], **who)
        checked = marks.Mark(Field.CHECKED, "")
        who = {"source": LabelSource.REVIEW, "actor": "mika", "request_id": "m"}
        marks.put_each(session, made.project.id, images[:1], checked, **who)
        return images


def names(client, query):
    """The images of a page of the gallery, in its order."""
    page = client.get(f"/p/blood/images?view=pages&{query}")
    assert page.status_code == 200
    return re.findall(r'name="image" value="(\d+)"', page.text)


def test_gallery__offers_filters_and_orders(client, rows_by):
    page = client.get("/p/blood/images").text
    for text in ("More filters", "Labelled by", "mika", "健", "Run 1", "Highest loss first", "Last labelled first"):
        assert (text in page) == (text != "Highest loss first"), text
    assert "Highest loss first" in client.get("/p/blood/images?run=1").text
    assert names(client, f"by={quote('健')}") == [str(rows_by[1])]
    assert names(client, "means=review&sort=-labelled") == [str(rows_by[1]), str(rows_by[0])]
    assert names(client, "checked=yes") == [str(rows_by[0])]
    assert names(client, "sort=-imported")[-1] == str(rows_by[0])
    assert set(names(client, "run=1&result=wrong")) < set(names(client, "run=1"))
    shown = client.get("/p/blood/images?by=mika&from=2026-01-01&sort=name").text
    assert "Labelled by:" in shown
    assert "2026-01-01" in shown
    assert 'aria-label="Filters in use"' in shown
    assert client.get("/p/blood/images?sort=loss").status_code == 422
    assert client.get("/p/blood/images?run=9").status_code == 404


def test_neighbours__follow_the_order(client, rows_by):
    page = client.get(f"/p/blood/images/{rows_by[0]}?means=review&sort=-labelled").text
    assert "2 of 2" in page
    assert re.search(rf'rel="prev" href="[^"]*/images/{rows_by[1]}\?means=review&amp;sort=-labelled"', page)


def test_label_mode__goes_through_what_was_filtered(client, rows_by):
    asked = client.post("/p/blood/label/items?queue=all&by=mika", json={"after": 0, "limit": 20}).json()
    assert [item["id"] for item in asked["items"]] == rows_by[:1]


def test_act__on_all_that_match_names_the_filter(client, rows_by):
    body = {"request_id": "all", "source": "gallery", "class_id": 2, "filter": {"by": "mika"}, "shown": 1}
    assert client.post("/p/blood/labels", json=body).json()["count"] == 1
    again = {**body, "request_id": "more", "filter": {"by": "健"}, "shown": 0}
    assert client.post("/p/blood/labels", json=again).status_code == 409


def test_view__is_saved_renamed_deleted_and_brought_back(client, rows_by):
    saved = client.post("/p/blood/views", data={"name": " 健の  ラベル ", "query": "by=健&sort=name"})
    assert saved.status_code == 200  # after the redirect
    assert saved.url.params["by"] == "健"
    assert 'aria-current="true"><span class="facet-name"><bdi>健の ラベル' in saved.text
    shown = client.get("/p/blood/views/1")
    assert dict(shown.url.params) == {"by": "健", "sort": "name"}
    assert "健の ラベル" in client.get("/p/blood/views").text
    refused = client.post("/p/blood/views", data={"name": "健の　ラベル", "query": "by=mika"})
    assert refused.status_code == 422
    assert "already" in refused.text
    assert client.post("/p/blood/views/1", data={"name": "Ken"}).status_code == 200
    assert client.post("/p/blood/views/1", data={"name": "  "}).status_code == 422
    deleted = client.post("/p/blood/views/1/delete")
    assert "The view “Ken” is deleted" in deleted.text
    assert client.get("/p/blood/views/1").status_code == 404
    assert client.post("/p/blood/views/1/delete").status_code == 404
    back = client.post("/p/blood/views", data={"name": "Ken", "query": "by=健&sort=name"})
    assert back.url.params["by"] == "健"
    assert client.get("/p/blood/views/1").status_code == 404  # an old link shows no other view
    assert client.get("/p/blood/views/2").status_code == 200
    assert client.post("/p/blood/views", data={"name": "x" * 101, "query": ""}).status_code == 422
    assert client.post("/p/blood/views", data={"name": "y", "query": "means=magic"}).status_code == 422


def test_views__of_a_new_project(client, project):
    assert "No view is saved yet" in client.get(f"/p/{project.slug}/views").text


def test_download__of_a_selection_and_of_all_that_match(client, rows_by):
    chosen = {"form": "csv", "images": f"{rows_by[0]},{rows_by[2]}"}
    assert len(list(csv.reader(io.StringIO(client.post("/p/blood/export", data=chosen).text)))) == 3
    ticked = client.post("/p/blood/export", data={"form": "csv", "image": rows_by[:3]})
    assert len(list(csv.reader(io.StringIO(ticked.text)))) == 4
    every = client.get("/p/blood/export/csv?by=mika&state=active")
    assert len(list(csv.reader(io.StringIO(every.text)))) == 2
    assert client.post("/p/blood/export", data={"form": "csv"}).status_code == 422
    assert client.post("/p/blood/export", data={"form": "csv", "images": "1;2"}).status_code == 422

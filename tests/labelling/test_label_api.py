"""The JSON that the pages send, and the pages themselves, through the application."""

from urllib.parse import quote

import pytest
import sqlalchemy as sa

from app.db.models import LabelClass
from app.services import gallery
from app.services.gallery import ImageFilter
from tests.labelling.conftest import add_rows
from tests.labelling.factories import class_ids, make_images, make_project

NAUGHTY = ("__", "password", "1;--", "class_id__project", "0x1", "-1", "9" * 40, "１", "1 OR 1=1", "\x00")


@pytest.fixture
def post(client, rows):
    """Send JSON to a path of the project; the request id is fresh unless given."""
    count = iter(range(1000))

    def send(path, **body):
        return client.post(rows.path + path, json={"request_id": f"r{next(count)}", **body})

    return send


def label(post, rows, place, number, version=None, **more):
    changes = [{"image_id": rows.images[place], "version": version}]
    class_id = None if number is None else rows.classes[number]
    return post("/labels", source="label", class_id=class_id, changes=changes, **more)


def test_assign__answers_with_the_new_version(post, rows):
    answer = label(post, rows, 0, 1, 0)
    assert answer.json()["images"] == [{"image_id": rows.images[0], "class_id": rows.classes[1], "version": 1}]
    assert answer.json()["count"] == 1


def test_assign__repeated_request_answers_the_same(post, rows):
    first = label(post, rows, 0, 1, 0, request_id="same")
    label(post, rows, 0, 2, 1)
    again = label(post, rows, 0, 1, 0, request_id="same")
    assert again.json() == first.json()


def test_assign__conflict_names_the_other_label(post, rows):
    label(post, rows, 0, 1, 0)
    answer = label(post, rows, 0, 2, 0)
    assert answer.status_code == 409
    (other,) = answer.json()["conflicts"]
    assert other | {"at": ""} == {
        "image_id": rows.images[0],
        "class_id": rows.classes[1],
        "version": 1,
        "text": None,
        "actor": "tester",
        "at": "",
    }
    assert answer.json()["error"]["code"] == "label_changed_by_other"


def test_assign__by_filter_and_its_guard(post, rows):
    body = {"source": "gallery", "class_id": rows.classes[0], "filter": {"class": "none"}}
    refused = post("/labels", **body, shown=31)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "selection_grew")
    first = post("/labels", **body, shown=32, request_id="bulk")
    assert first.json()["count"] == 32
    assert post("/labels", **body, shown=0, request_id="bulk").json() == first.json()


def test_undo_and_redo__by_request(post, rows):
    label(post, rows, 0, 1, 0, request_id="mine")
    label(post, rows, 1, 2, 0)
    for path, result in (("undo", None), ("redo", 1), ("undo", None)):
        answer = post(f"/labels/{path}", of_request="mine").json()
        expected = None if result is None else rows.classes[result]
        assert [(item["image_id"], item["class_id"]) for item in answer["images"]] == [(rows.images[0], expected)]
    again = post("/labels/undo", of_request="mine")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "change_undone_already")
    unknown = post("/labels/undo", of_request="never arrived")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "nothing_to_undo")


@pytest.mark.parametrize("act", ["undo", "redo"])
def test_undo_and_redo__that_there_is_no_newest_is_an_answer(post, act):
    answer = post(f"/labels/{act}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (200, f"nothing_to_{act}")
    assert f"There is nothing to {act}." in answer.json()["error"]["message"]


def test_undo__reports_what_was_changed_since(post, rows):
    post("/labels", source="gallery", class_id=rows.classes[0], filter={}, request_id="bulk")
    label(post, rows, 3, 2)
    answer = post("/labels/undo", of_request="bulk").json()
    assert answer["count"] == 31
    assert [other["image_id"] for other in answer["conflicts"]] == [rows.images[3]]


WRONG = (
    {"class_id": "one"},
    {"class_id": 10**30},
    {"source": "import"},
    {"source": "undo"},
    {"changes": [{"image_id": -1}]},
    {"changes": [{"image_id": 1, "version": -1}]},
    {"changes": [{"image_id": 1, "label": 2}]},
    {"changes": None},
    {"changes": None, "filter": {"class": "__"}},
    {"request_id": ""},
    {"request_id": "x" * 65},
    {"more": 1},
)


def test_assign__refuses_wrong_values(post, rows):
    for change in WRONG:
        body = {"source": "label", "class_id": rows.classes[0], "changes": [{"image_id": rows.images[0]}], **change}
        assert post("/labels", **body).status_code == 422, change


def test_assign__refuses_what_belongs_to_another_project(post, rows, database, store):
    with database.write() as session:
        other = make_project(session, "other")
        foreign_class, foreign_image = class_ids(session, other)[0], make_images(session, other, 1)[0]
    changes = [{"image_id": rows.images[0]}]
    answer = post("/labels", source="label", class_id=foreign_class, changes=changes)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "class_missing")
    answer = post("/labels", source="label", class_id=rows.classes[0], changes=[{"image_id": foreign_image}])
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "image_missing")


def test_marks__exclude_with_a_reason_and_undo(post, client, rows):
    body = {"source": "gallery", "field": "excluded", "value": "blurred"}
    first = post("/marks", **body, image_ids=rows.images[:2], request_id="mine").json()
    assert first["marks"] == [{"image_id": image_id, "value": "blurred"} for image_id in rows.images[:2]]
    assert post("/marks", **body, image_ids=rows.images[:2]).json()["count"] == 0
    found = client.get(rows.path + "/images/ids", params={"state": "excluded", "reason": "blurred"}).json()
    assert [row[0] for row in found["rows"]] == rows.images[:2]
    undone = post("/labels/undo", of_request="mine").json()
    assert (undone["field"], [item["value"] for item in undone["marks"]]) == ("excluded", [None, None])
    assert client.get(rows.path + "/images/ids", params={"state": "excluded"}).json()["total"] == 0


def test_marks__of_everything_that_matches(post, rows):
    body = {"source": "gallery", "field": "unsure", "value": "", "filter": {"class": "none"}}
    refused = post("/marks", **body, shown=31)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "selection_grew")
    first = post("/marks", **body, shown=32, request_id="bulk")
    assert (first.json()["count"], post("/marks", **body, shown=0, request_id="bulk").json()) == (32, first.json())
    assert post("/marks", source="gallery", field="unsure", value=None, filter={"mark": "unsure"}).json()["count"] == 32


def test_marks__refuse_what_is_none(post, rows, database):
    with database.write() as session:
        foreign_image = make_images(session, make_project(session, "other"), 1)[0]
    for body in ({"field": "label", "value": ""}, {"field": "note", "value": 7}, {"field": "state", "value": ""}):
        assert post("/marks", source="label", image_ids=rows.images[:1], **body).status_code == 422, body
    answer = post("/marks", source="label", field="note", value="n", image_ids=[foreign_image])
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "image_missing")
    answer = post("/marks", source="label", field="note", value="n" * 2001, image_ids=rows.images[:1])
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "mark_too_long")


@pytest.mark.parametrize("path", ["/images", "/images/ids", "/images/counts", "/images/1", "/label"])
def test_filter__takes_known_values_only(client, rows, path):
    for field in ("class", "split", "state", "import", "mark"):
        for value in NAUGHTY:
            answer = client.get(rows.path + path, params={field: value, "queue": "all"})
            assert answer.status_code == 422, (field, value, answer.text)


def test_search__is_plain_text(client, rows):
    for text in ("%", "_", "\\", "血液_00003", "'; DROP TABLE image; --", "𠮟"):
        answer = client.get(rows.path + "/images/ids", params={"q": text})
        expected = {"血液_00003": 1, "_": 32}.get(text, 0)
        assert (answer.status_code, answer.json()["total"]) == (200, expected), text


def test_filter__reads_what_it_writes():
    every = {
        "class": "3",
        "split": "none",
        "state": "all",
        "import": "2",
        "q": "ガ",
        "mark": "unsure",
        "reason": "ぼけ",
    }
    for query in (every, {"class": "none"}, {}):
        assert ImageFilter.from_query(query).to_query() == query


def test_counts__follow_the_other_filters(client, post, rows, database):
    for place, number in ((0, 0), (1, 0), (2, 1)):
        label(post, rows, place, number)
    post("/marks", source="gallery", field="excluded", value="", image_ids=[rows.images[1]])
    found = client.get(rows.path + "/images/counts", params={"class": rows.classes[0]}).json()
    assert found["total"] == 1
    assert found["class"] == {"": 31, "none": 29, str(rows.classes[0]): 1, str(rows.classes[1]): 1}
    assert found["state"] == {"all": 2, "active": 1, "excluded": 1}
    with database.read() as session:
        page = gallery.ids(session, rows.project_id, ImageFilter(class_id=rows.classes[0]))
        assert (page.total, [row.id for row in page.rows]) == (1, rows.images[:1])


def test_pages__without_images_or_classes_say_what_to_do(client, database, store):
    empty = add_rows(database, store, 0, ())
    for path in ("/label", "/images"):
        assert "Import images" in client.get(empty.path + path).text
    assert "Nothing has been labelled yet" in client.get(empty.path + "/history").text


def test_label_mode__with_retired_classes_only_says_so(client, rows, database):
    assert "All classes are retired" not in client.get(f"{rows.path}/label").text
    with database.write() as session:
        session.execute(sa.update(LabelClass).values(retired=True))
    page = client.get(f"{rows.path}/label").text
    assert "All classes are retired" in page
    assert f'href="{quote(rows.path)}/classes"' in page


def test_pages__of_a_missing_image_are_404(client, rows):
    for path in ("/label?at=999999", "/images/999999", "/images/0", f"/images/{10**30}"):
        assert client.get(rows.path + path, headers={"accept": "text/html"}).status_code == 404, path


def test_pages__show_any_name_as_text(client, database, store):
    name = "<script>alert(1)</script>\"'&{{7*7}}"
    rows = add_rows(database, store, 2, [name], name=name, path=name)
    client.post(f"{rows.path}/images", data={"do": rows.classes[0], "image": rows.images[:1], "request_id": "1"})
    for path in (
        "/label",
        "/label?queue=all",
        "/images",
        f"/images/{rows.images[0]}",
        "/history",
        "/images?view=pages",
    ):
        text = client.get(rows.path + path).text
        assert "<script>alert" not in text, path
        assert "&lt;script&gt;alert(1)" in text, path


def test_ids__come_in_pages(client, database, store):
    rows = add_rows(database, store, 300)
    answer = client.get(rows.path + "/images/ids", params={"limit": 250, "offset": 100})
    assert (len(answer.json()["rows"]), answer.json()["total"]) == (200, 300)


def test_plain_label_form__conflict_shows_the_other_label(client, post, rows):
    form = {"image_id": rows.images[0], "version": 0, "request_id": "f1", "do": rows.classes[0]}
    label(post, rows, 0, 2, 0)
    answer = client.post(rows.path + "/label", data=form)
    assert answer.status_code == 409
    assert "It is “単球” now, given by tester." in answer.text


def test_history__names_whose_labels_were_replaced(client, post, rows):
    for place in (0, 1):
        label(post, rows, place, 0)
    client.post("/reader", data={"name": "健", "back": rows.path})
    changes = [{"image_id": image_id} for image_id in rows.images[:3]]
    post("/labels", source="gallery", class_id=rows.classes[1], changes=changes)
    label(post, rows, 0, 2, 2)  # one's own label
    client.post("/reader", data={"name": "", "back": rows.path})
    label(post, rows, 0, 1, 3)
    text = client.get(rows.path + "/history").text
    assert text.count("instead of") == 2
    assert "instead of 2 labels of tester" in text
    assert "instead of the label of 健" in text


def test_items__tell_who_replaced_ones_labels(client, post, rows):
    path = f"{rows.path}/label/items"
    label(post, rows, 0, 0)
    told = client.post(path, json={"limit": 0, "since": 0}).json()
    assert told["replaced"] == []
    client.post("/reader", data={"name": "健", "back": rows.path})
    for place in (0, 1):
        label(post, rows, place, 1)
    client.post("/reader", data={"name": "", "back": rows.path})
    told = client.post(path, json={"limit": 0, "since": told["since"]}).json()
    assert told["replaced"] == [{"actor": "健", "count": 1}]
    assert client.post(path, json={"limit": 0, "since": told["since"]}).json()["replaced"] == []

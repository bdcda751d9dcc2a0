"""Several people on one project: each under the name entered, each told what became of the labels of others."""

import re
from html import unescape

import pytest

from app.main import create_app
from tests.conftest import ORIGIN, Client
from tests.labelling.conftest import Rows


@pytest.fixture
def second(client, settings):
    """Another browser on the same server."""
    with Client(create_app(settings), base_url=ORIGIN, headers={"Origin": ORIGIN}) as made:
        yield made


def enter(browser, page: str, name: str) -> None:
    """Enter a name in the form of a page, as its fields stand there."""
    text = browser.get(page).text
    (action,) = re.findall(r'id="reader" method="post" action="([^"]+)"', text)
    (back,) = re.findall(r'name="back" value="([^"]+)"', text)
    answer = browser.post(action, data={"name": name, "back": unescape(back)}, follow_redirects=False)
    assert answer.headers["location"] == page  # one is where one was, in the same queue


def give(browser, rows: Rows, places, number: int, request_id: str) -> int:
    changes = [{"image_id": rows.images[place]} for place in places]
    body = {"request_id": request_id, "source": "label", "class_id": rows.classes[number], "changes": changes}
    change_set: int = browser.post(f"{rows.path}/labels", json=body).json()["change_set"]
    return change_set


def test_names__are_entered_in_label_mode_and_on_the_history(client, second, rows):
    enter(client, f"{rows.path}/label?queue=all", "三木")
    enter(second, f"{rows.path}/history", "健")
    give(client, rows, [0], 0, "a")
    give(second, rows, [1], 1, "b")
    text = client.get(f"{rows.path}/history").text
    assert "<td>三木</td>" in text
    assert "<td>健</td>" in text
    assert 'name="name" maxlength="100" value="三木"' in client.get(f"{rows.path}/label").text


def test_undo__names_the_images_that_keep_their_label(client, second, rows):
    enter(second, f"{rows.path}/history", "健")
    taken = give(client, rows, range(25), 0, "a")
    give(second, rows, range(1, 23), 1, "b")
    text = client.post(f"{rows.path}/history/{taken}", data={"request_id": "u"}).text
    notice = text[text.index("22 images were changed again since") :].partition("</div>")[0]
    assert re.findall(r"/images/(\d+)\">(血液_\d+\.png)</a>", notice) == [
        (str(rows.images[place]), f"血液_{place:05d}.png") for place in range(1, 21)
    ]
    assert "and 2 more" in notice


def test_undo__that_can_take_nothing_back_names_the_images(client, second, rows):
    taken = give(client, rows, [3], 0, "a")
    give(second, rows, [3], 1, "b")
    answer = client.post(f"{rows.path}/history/{taken}", data={"request_id": "u"})
    assert answer.status_code == 409
    notice = answer.text[answer.text.index('role="alert"') :].partition("</div>")[0]
    assert f'/images/{rows.images[3]}">血液_00003.png</a>' in notice

"""The flipped pictures of a run judged again: labels are corrected by key, as where runs are compared."""

import pytest
from playwright.sync_api import Page, expect

from app.db.models import Image
from tests.inspect.test_judged_page import judge
from tests.waiting import until

pytestmark = pytest.mark.browser


@pytest.mark.usefixtures("trained")
def test_key__changes_the_label_and_is_undone(page: Page, live_server, database, store):
    judge(database, store)
    page.goto(f"{live_server}/p/blood/runs/1/views?on=test&show=gained")
    tile = page.locator(".tile").first
    image, seen = (int(tile.get_attribute(name) or 0) for name in ("data-image", "data-seen"))

    def now():
        with database.read() as session:
            return session.get_one(Image, image).class_id

    expect(page.locator("#changed-labels")).to_be_hidden()
    page.keyboard.press(f"Digit{seen % 3 + 1}")
    expect(page.locator("#changed-labels")).to_be_visible()
    until(lambda: now() == seen % 3 + 1, page)
    page.keyboard.press("KeyZ")
    until(lambda: now() == seen, page)
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390

"""The flipped pictures of a run judged again: labels are corrected by key, as where runs are compared."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from app.db.base import utc_now
from app.db.models import Image, Project
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


def test_page__that_waits_says_when_its_run_is_gone(context: BrowserContext, live_server, client, database, trained):
    client.post("/p/blood/runs/1/views", data={"views": "all"})
    page = context.new_page()  # one of which nobody asks that no answer is "not found"
    page.goto(f"{live_server}/p/blood/runs/1/views")
    expect(page.locator("#features")).to_contain_text("A worker judges")
    with database.write() as session:  # as if the project had been deleted in another window
        session.get_one(Project, trained.project_id).deleted_at = utc_now()
    expect(page.locator("h1")).to_have_text("Not found")

"""Review while the next picture is still on its way."""

import pytest
from playwright.sync_api import Page, Route, expect

from app.db.models import Image
from tests.waiting import until

pytestmark = pytest.mark.browser


def test_next_picture_on_its_way__keys_do_not_change_the_one_before(page: Page, live_server, database, kfold, made):
    held: list[Route] = []
    page.route("**/review?*part=selected*", lambda route: held.append(route))  # noqa: PLW0108 - a built-in cannot be registered
    page.goto(f"{live_server}/p/blood/runs/1/review?on=validation&show=all&true=1")
    tiles = page.locator(".tile")
    images = [int(tiles.nth(place).get_attribute("data-image") or 0) for place in range(2)]
    second = tiles.nth(1).get_attribute("data-name") or ""
    page.keyboard.press("Digit2")
    for key in ("Digit3", "KeyX", "Shift+KeyK"):
        page.keyboard.press(key)
    until(lambda: held, page)
    page.unroute("**/review?*part=selected*")  # lets them go
    expect(page.locator(".selected-head .file-name")).to_have_text(second)
    page.keyboard.press("Digit3")
    expect(page.locator("#changed-count")).to_have_text("2 labels changed since this run.")

    def now():
        with database.read() as session:
            found = [session.get_one(Image, image) for image in images]
            return [(image.class_id, image.state, image.checked_id) for image in found]

    wanted = [(made.classes[place].id, "active", None) for place in (1, 2)]
    until(lambda: now() == wanted, page)

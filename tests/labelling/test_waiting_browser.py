"""Label mode while the next picture is still on its way."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, Route, expect

from app.db.models import LabelEvent
from tests.labelling.test_label_browser import saved, stored

pytestmark = pytest.mark.browser


def test_next_picture_on_its_way__keys_do_not_change_the_one_before(page: Page, live_server, database, rows):
    """Whoever is faster than the line presses a key for a picture that is not there yet."""
    held: list[Route] = []
    page.route(
        "**/label/items?*",
        lambda route: held.append(route) if route.request.post_data_json["limit"] else route.continue_(),
    )
    page.goto(f"{live_server}{rows.path}/label")
    name = page.locator("#picture-name")
    for place in range(23):
        page.keyboard.press("Digit1")
        expect(name).to_have_text(f"血液_{place + 1:05d}.png")
    page.keyboard.press("Digit2")  # the last picture that the page has
    expect(page.locator("#label-form[aria-busy=true]")).to_be_visible()
    for key in ("Digit3", "KeyX", "KeyF", "Space", "Enter"):
        page.keyboard.press(key)
    page.keyboard.press("ArrowLeft")  # looking back is possible all the same
    expect(name).to_have_text("血液_00022.png")
    for route in held:
        route.continue_()
    expect(name).to_have_text("血液_00024.png")
    saved(page)
    assert stored(database, rows) == [0] * 23 + [1] + [None] * 8
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(LabelEvent)) == 24

"""The compare page in a real browser: from the list of runs to a corrected label, by keys."""

import pytest
from playwright.sync_api import Page, expect

from app.db.models import Image
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("compared")]


def test_compare__from_the_list_to_a_corrected_label(page: Page, live_server, database):
    def label_of(image):
        with database.read() as session:
            return session.get_one(Image, image).class_id

    page.goto(f"{live_server}/p/blood/runs")
    page.get_by_label("Compare run 1").check()
    page.get_by_label("Compare run 2").check()
    page.get_by_role("button", name="Compare the ticked runs").click()
    expect(page.locator(".headline")).to_contain_text("29.2 points.")
    page.locator('[data-kind="gained"]').click()
    expect(page.locator(".tile")).to_have_count(8)
    expect(page.locator(".fix-class").first).to_be_enabled()  # the keys act
    order = page.locator(".tile").evaluate_all("tiles => tiles.map(tile => tile.dataset.name)")
    for key, place in [("ArrowRight", 1), ("j", 2), ("k", 1)]:
        page.keyboard.press(key)
        expect(page.locator(".selected-head .file-name")).to_have_text(order[place])
    expect(page.locator(".compare-side")).to_have_count(2)
    image = int(page.locator(".tile[aria-current]").get_attribute("data-image") or 0)
    before = label_of(image)
    wanted = before % 3 + 1
    page.keyboard.press(f"Digit{wanted}")
    expect(page.locator(".selected-head .file-name")).to_have_text(order[2])
    until(lambda: label_of(image) == wanted)
    expect(page.locator(f'.tile[data-image="{image}"] .tile-now')).to_be_visible()
    expect(page.locator("#changed-labels")).to_be_visible()
    page.get_by_role("link", name="Count again with the labels of today").click()
    expect(page.locator("#recounted")).to_contain_text("Counted again with the labels of today.")
    expect(page.locator(".fix-class").first).to_be_enabled()
    page.keyboard.press("KeyZ")
    until(lambda: label_of(image) == before)


def test_compare__undo_takes_back_the_change_of_this_visit(page: Page, live_server, database):
    page.goto(f"{live_server}/p/blood/compare?runs=1,2&show=lost")
    expect(page.locator(".fix-class").first).to_be_enabled()
    page.keyboard.press("Digit1")
    expect(page.locator(".label-now")).to_be_visible()  # the only picture: it stays
    expect(page.locator("#changed-labels")).to_be_visible()
    page.keyboard.press("KeyZ")
    expect(page.locator(".label-now")).to_be_hidden()
    expect(page.locator("#changed-labels")).to_be_hidden()
    page.keyboard.press("KeyH")
    expect(page.locator("#selected.heat-off")).to_be_visible()

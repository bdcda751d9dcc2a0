"""Many classes in label mode, and a new class made of a selection of the gallery."""

import pytest
from playwright.sync_api import Page, expect

from app.db.models import LabelClass
from tests.labelling.conftest import add_rows
from tests.labelling.test_label_browser import saved, stored

pytestmark = pytest.mark.browser


def test_label_mode__finds_one_of_a_hundred_and_twenty_classes(page: Page, live_server, database, store):
    rows = add_rows(database, store, 3, [f"種 {number}" for number in range(120)])
    with database.write() as session:
        session.get_one(LabelClass, rows.classes[77]).second_name = "Gentoo penguin"
        session.get_one(LabelClass, rows.classes[50]).key = "Q"
        session.get_one(LabelClass, rows.classes[3]).retired = True
        session.get_one(LabelClass, rows.classes[3]).key = ""
    page.goto(f"{live_server}{rows.path}/label")
    expect(page.locator(".class-button")).to_have_count(119)
    page.keyboard.press("Slash")
    page.keyboard.type("gentoo")
    expect(page.locator("#picker-list li")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#picture-name")).to_have_text("血液_00001.png")
    page.keyboard.press("KeyQ")
    page.keyboard.press("Shift+Digit1")
    saved(page)
    assert stored(database, rows) == [77, 50, 10]


def test_gallery__makes_a_class_of_the_selection(page: Page, live_server, database, rows):
    page.goto(f"{live_server}{rows.path}/images")
    page.locator(".grid-tile").nth(0).click()
    page.locator(".grid-tile").nth(4).click(modifiers=["Shift"])
    page.locator(".menu summary").click()
    page.locator("button[value=split]").click()
    page.locator("#split-name").fill("好中球")
    page.keyboard.press("Enter")
    expect(page.locator("#split-error")).to_contain_text("already a class")
    page.locator("#split-name").fill("桿状核球")
    page.keyboard.press("Enter")
    expect(page.locator('[data-facet="class"]')).to_contain_text("桿状核球")
    page.goto(f"{live_server}{rows.path}/history")
    page.locator(".history-table form button").first.click()
    page.goto(f"{live_server}{rows.path}/images?class=none")
    expect(page.locator("#total")).to_have_text("32")

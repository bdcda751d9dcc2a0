"""Second opinions in a real browser: the key of a class sends it, one press settles what all agree on."""

import pytest
from playwright.sync_api import Page, expect

from app.services import opinions
from tests.labelling.test_label_browser import stored

pytestmark = pytest.mark.browser


def test_opinions__by_key_and_one_press_settles_what_all_agree_on(page: Page, live_server, database, rows):
    with database.write() as session:
        one = opinions.create(session, rows.project_id, 2, 2, "mika")
    for name in ("三木", "健"):
        page.goto(f"{live_server}{rows.path}/opinions/1/give?lang=en")
        page.locator(".reader input[name=name]").fill(name)
        page.locator(".reader button").click()
        for key in ("Digit2", "Digit3"):
            image = page.locator("input[name=image_id]")
            before = image.input_value()
            page.wait_for_load_state("load")  # keys act when the modules have run
            page.keyboard.press(key)
            expect(page.locator(f"input[name=image_id][value='{before}']")).to_have_count(0)
        expect(page.locator(".empty h2")).to_contain_text("Nothing is left for you")
    with database.read() as session:
        given = opinions.result(session, one, rows.classes)
    assert (given.people, given.complete) == ({"三木": 2, "健": 2}, 2)
    page.locator(".empty .button").click()
    page.locator(".settle-all button").press("Enter")
    expect(page.locator(".notice.good")).to_contain_text("2 pictures were labelled.")
    assert sorted(label for label in stored(database, rows) if label is not None) == [1, 2]

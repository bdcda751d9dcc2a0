"""Keys that the reader changes: kept in the browser, printed on the buttons, never given twice, and back."""

import pytest
from playwright.sync_api import Page, expect

from tests.labelling.test_label_browser import saved, stored

pytestmark = pytest.mark.browser


def open_key(page: Page, name: str):
    return page.locator("#keys-list dl > div").filter(has_text=name).locator(".key-change").first


def test_keys__are_changed_kept_and_given_back(page: Page, live_server, database, rows):
    page.goto(f"{live_server}{rows.path}/label?lang=en")
    page.keyboard.press("Digit1")
    page.keyboard.press("Shift+Slash")
    open_key(page, "Undo").click()
    page.keyboard.press("KeyX")
    expect(page.locator("#keys-note")).to_contain_text("X is taken by")
    open_key(page, "Undo").click()
    page.keyboard.press("Shift+KeyB")
    expect(open_key(page, "Undo")).to_have_text("Shift B")
    page.keyboard.press("Escape")
    expect(page.locator("#keys-dialog")).to_be_hidden()
    expect(page.locator("button[value=undo] kbd")).to_have_text("Shift B")
    page.keyboard.press("KeyZ")  # means nothing any more
    expect(page.locator("#picture-name")).to_have_text("血液_00001.png")
    saved(page)
    page.reload()
    page.keyboard.press("Shift+KeyB")
    expect(page.locator("#picture-name")).to_have_text("血液_00000.png")
    saved(page)
    assert stored(database, rows)[0] is None
    page.keyboard.press("Shift+Slash")
    page.locator("#keys-reset").click()
    expect(open_key(page, "Undo")).to_have_text("Z")
    assert page.evaluate("localStorage.getItem('miwake.keys')") is None


def test_keys__escape_leaves_a_key_as_it_is(page: Page, live_server, rows):
    page.goto(f"{live_server}{rows.path}/label?lang=en")
    page.keyboard.press("Shift+Slash")
    open_key(page, "Invert").click()
    page.keyboard.press("Escape")
    expect(page.locator("#keys-dialog")).to_be_visible()
    expect(open_key(page, "Invert")).to_have_text("I")


def test_keys__single_keys_off_leaves_the_combinations(page: Page, live_server, database, rows):
    page.goto(f"{live_server}{rows.path}/label?lang=en")
    page.keyboard.press("Shift+Slash")
    page.locator("#keys-single").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator("#keys-dialog")).to_be_hidden()
    for key in ("Digit1", "KeyX", "KeyF", "Space"):
        page.keyboard.press(key)
    expect(page.locator("#picture-name")).to_have_text("血液_00000.png")
    page.get_by_role("button", name="好酸球").click()
    expect(page.locator("#picture-name")).to_have_text("血液_00001.png")
    page.keyboard.press("Control+KeyZ")
    expect(page.locator("#picture-name")).to_have_text("血液_00000.png")
    saved(page)
    assert stored(database, rows)[0] is None


def test_keys__undo_and_redo_of_nothing_say_so_once_and_are_no_error(page: Page, live_server, rows):
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(f"{live_server}{rows.path}/label?lang=en")
    for key, sentence in (("KeyZ", "There is nothing to undo."), ("Shift+KeyZ", "There is nothing to redo.")):
        for _ in range(3):
            with page.expect_response(lambda answer: "/labels/" in answer.url) as answered:
                page.keyboard.press(key)
            assert answered.value.status == 200
            saved(page)
        expect(page.locator(".toast").filter(has_text=sentence)).to_have_count(1)
    assert complaints == []

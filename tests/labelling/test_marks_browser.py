"""Marks by key in label mode and in the gallery, and what becomes of them on a bad line."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from app.db.models import ChangeSet, Image
from tests.labelling.test_gallery_browser import opened
from tests.labelling.test_label_browser import saved

pytestmark = pytest.mark.browser


def marks(database, rows):
    columns = (Image.state, Image.reason, Image.unsure, Image.skipped, Image.note)
    with database.read() as session:
        found = session.execute(sa.select(*columns).where(Image.project_id == rows.project_id).order_by(Image.id))
        return [tuple(row) for row in found]


def test_label_mode__marks_by_key_and_takes_them_back(page: Page, live_server, database, rows):
    page.goto(f"{live_server}{rows.path}/label")
    name = page.locator("#picture-name")
    page.keyboard.press("KeyF")
    expect(page.locator("#picture-unsure")).to_be_visible()
    page.keyboard.press("KeyM")
    page.keyboard.type("二つある?")
    page.keyboard.press("Enter")
    expect(page.locator("#picture-note")).to_have_text("二つある?")
    page.keyboard.press("Shift+KeyX")
    page.keyboard.press("Digit2")
    expect(name).to_have_text("血液_00001.png")
    expect(page.locator("#strip .strip-name").first).to_have_text("excluded")
    page.keyboard.press("Shift+KeyX")
    page.locator("#reason-input").fill("手袋")
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    expect(name).to_have_text("血液_00003.png")
    saved(page)
    assert marks(database, rows)[:4] == [
        ("excluded", "damaged", True, False, "二つある?"),
        ("excluded", "手袋", False, False, ""),
        ("active", "", False, True, ""),
        ("active", "", False, False, ""),
    ]
    for _ in range(5):
        page.keyboard.press("KeyZ")
    expect(name).to_have_text("血液_00000.png")
    expect(page.locator("#picture-unsure")).to_be_hidden()
    saved(page)
    assert set(marks(database, rows)) == {("active", "", False, False, "")}
    page.keyboard.press("Shift+KeyZ")
    saved(page)
    assert marks(database, rows)[0][2] is True


# The second key comes in the frame in which the first one closes the dialog, while the focus is still in there.
ENTER_AND_SPACE = """() => {
  document.querySelector("#reason-dialog form").requestSubmit();
  const key = {code: "Space", key: " ", bubbles: true, cancelable: true};
  return document.activeElement.dispatchEvent(new KeyboardEvent("keydown", key));
}"""


def test_label_mode__takes_the_key_that_follows_a_dialog_at_once(page: Page, live_server, database, rows):
    page.goto(f"{live_server}{rows.path}/label")
    page.keyboard.press("Shift+KeyX")
    page.locator("#reason-input").fill("手袋")
    assert page.evaluate(ENTER_AND_SPACE) is False  # taken as a shortcut, not typed
    expect(page.locator("#picture-name")).to_have_text("血液_00002.png")
    saved(page)
    assert marks(database, rows)[:3] == [
        ("excluded", "手袋", False, False, ""),
        ("active", "", False, True, ""),
        ("active", "", False, False, ""),
    ]


def test_label_mode__what_was_skipped_comes_last(page: Page, live_server, database, rows):
    with database.write() as session:
        session.execute(sa.update(Image).where(Image.id.in_(rows.images[:2])).values(skipped=True))
        session.execute(sa.update(Image).where(Image.id.in_(rows.images[4:])).values(class_id=rows.classes[0]))
    page.goto(f"{live_server}{rows.path}/label")
    seen = []
    for _ in range(4):
        seen.append(page.locator("#picture-name").inner_text())
        page.keyboard.press("Digit1")
        expect(page.locator("#picture-name")).not_to_have_text(seen[-1]) if len(seen) < 4 else None
    expect(page.locator("[data-finished]")).to_be_visible()
    assert [name[-9:-4] for name in seen] == ["00002", "00003", "00000", "00001"]


def test_marks__survive_a_bad_line_and_a_reload(rough_page: Page, live_server, database, rows):
    rough_page.route("**/marks", lambda route: route.abort())
    rough_page.goto(f"{live_server}{rows.path}/label")
    rough_page.keyboard.press("KeyF")
    rough_page.keyboard.press("Space")
    expect(rough_page.locator("#save-state")).to_contain_text("2 not yet saved")
    rough_page.goto("about:blank")
    rough_page.unroute("**/marks")
    rough_page.goto(f"{live_server}{rows.path}/label")
    saved(rough_page)
    assert marks(database, rows)[0] == ("active", "", True, True, "")


def test_gallery__marks_a_selection_and_all_that_match(page: Page, live_server, database, rows):
    opened(page, live_server, rows)
    page.locator("#tile-0").click()
    page.locator("#tile-2").click(modifiers=["Shift"])
    expect(page.locator("#selection")).to_have_text("3 selected")
    page.keyboard.press("KeyF")
    expect(page.locator('.grid-tile[data-marks="?"]')).to_have_count(3)
    page.keyboard.press("Shift+KeyX")
    page.keyboard.press("Digit1")
    saved(page)
    assert [row[:3] for row in marks(database, rows)[:4]] == [("excluded", "blurred", True)] * 3 + [
        ("active", "", False)
    ]
    page.goto(f"{live_server}{rows.path}/images?state=excluded&reason=blurred")
    expect(page.locator("#total")).to_have_text("3")
    expect(page.locator('[data-facet="mark"] [data-value="unsure"]')).to_have_text("3")
    page.keyboard.press("Control+KeyA")
    page.keyboard.press("KeyM")
    page.keyboard.type("again")
    page.keyboard.press("Enter")
    saved(page)
    assert [row[4] for row in marks(database, rows)[:4]] == ["again"] * 3 + [""]
    page.keyboard.press("KeyZ")
    saved(page)
    assert {row[4] for row in marks(database, rows)} == {""}
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ChangeSet)) == 4


def test_image_page__note_reason_and_history(page: Page, live_server, database, rows):
    page.goto(f"{live_server}{rows.path}/images/{rows.images[0]}?lang=ja")
    page.keyboard.press("KeyX")
    page.locator("input[name=reason]").fill("ぼけている")
    with page.expect_navigation(wait_until="load"):
        page.locator("button[value=reason]").click()
    page.locator("#note").fill("もう一度撮る")
    with page.expect_navigation(wait_until="load"):
        page.locator("button[value=note]").click()
    expect(page.locator("#note")).to_have_value("もう一度撮る")
    assert marks(database, rows)[0] == ("excluded", "blurred", False, False, "もう一度撮る")
    page.goto(f"{live_server}{rows.path}/history?lang=en")
    expect(page.locator(".history-table tbody tr")).to_have_count(3)
    expect(page.locator(".history-table")).to_contain_text("excluded: blurred")
    with page.expect_navigation(wait_until="load"):
        page.locator(".history-table form button").first.click()
    assert marks(database, rows)[0][4] == ""

"""The gallery in a real browser: selecting, labelling many at once, undo, size, keyboard, plain pages."""

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from app.db.models import ChangeSet, Image
from app.domain.enums import LabelSource
from app.services import labels
from tests.labelling.conftest import add_rows
from tests.labelling.test_label_browser import saved, stored
from tests.waiting import until

pytestmark = pytest.mark.browser


def tile(page: Page, place: int):
    return page.locator(f"#tile-{place}")


def opened(page: Page, live_server, rows, query=""):
    page.goto(f"{live_server}{rows.path}/images{query}")
    expect(tile(page, 0)).to_have_attribute("data-image", re.compile(r"\d+"))  # the images have come
    saved(page)


def test_range__shift_click_and_digit(page: Page, live_server, database, rows):
    opened(page, live_server, rows)
    tile(page, 2).click()
    tile(page, 6).click(modifiers=["Shift"])
    expect(page.locator("#selection")).to_have_text("5 selected")
    page.keyboard.press("Digit2")
    expect(tile(page, 4)).to_contain_text("好酸球")
    saved(page)
    assert stored(database, rows)[:8] == [None, None, 1, 1, 1, 1, 1, None]
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ChangeSet)) == 1
    expect(page.locator("[data-facet=class] [data-value='2']")).to_have_text("5")
    page.keyboard.press("KeyZ")
    expect(tile(page, 4)).to_contain_text("no label")
    saved(page)
    assert stored(database, rows) == [None] * 32
    page.keyboard.press("Shift+KeyZ")
    expect(tile(page, 4)).to_contain_text("好酸球")
    saved(page)
    assert stored(database, rows).count(1) == 5


def draw_band(page: Page, first: int, last: int) -> None:
    """With the mouse, from within one tile to within another."""
    start, end = tile(page, first).bounding_box(), tile(page, last).bounding_box()
    assert start
    assert end
    page.mouse.move(start["x"] + 30, start["y"] + 30)
    page.mouse.down()
    page.mouse.move(end["x"] + 30, end["y"] + 30, steps=4)
    page.mouse.up()


def test_toggle_and_band__select(page: Page, live_server, database, rows):
    opened(page, live_server, rows)
    tile(page, 0).click()
    tile(page, 3).click(modifiers=["Control"])
    tile(page, 0).click(modifiers=["Control"])
    expect(page.locator("#selection")).to_have_text("1 selected")
    draw_band(page, 1, 10)
    expect(page.locator("#selection")).to_have_text("4 selected")
    page.keyboard.press("Escape")
    expect(page.locator("#selection")).to_be_hidden()


def test_all_that_match__one_request(page: Page, live_server, database, rows):
    with database.write() as session:
        changes = [labels.LabelChange(image, rows.classes[0]) for image in rows.images[:7]]
        labels.assign(session, rows.project_id, changes, source=LabelSource.COMMAND, actor="x", request_id="x")
    opened(page, live_server, rows, "?class=none")
    page.keyboard.press("Control+KeyA")
    expect(page.locator("#selection")).to_have_text("All 25 that match are selected")
    page.keyboard.press("Digit3")
    expect(page.locator("#total")).to_have_text("0")
    assert stored(database, rows) == [0] * 7 + [2] * 25
    with database.read() as session:
        assert session.scalars(sa.select(ChangeSet.image_count).order_by(ChangeSet.id)).all() == [7, 25]
    expect(page.locator(".toast")).to_have_count(1)
    page.get_by_role("button", name="Undo").first.click()
    expect(page.locator(".toast")).to_have_count(0)  # there is nothing left that its Undo would take back
    expect(page.locator("#total")).to_have_text("25")
    assert stored(database, rows) == [0] * 7 + [None] * 25


def test_keyboard__moves_selects_excludes(page: Page, live_server, database, rows):
    opened(page, live_server, rows)
    page.locator("#grid").focus()
    for key in ("ArrowRight", "Space", "Shift+ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator("#selection")).to_have_text("3 selected")
    page.keyboard.press("KeyX")
    expect(page.locator("#total")).to_have_text("29")
    with database.read() as session:
        excluded = session.scalars(sa.select(Image.id).where(Image.state == "excluded")).all()
    assert excluded == rows.images[1:4]
    page.keyboard.press("KeyZ")
    expect(page.locator("#total")).to_have_text("32")


def test_selection__made_while_the_list_is_brought_up_to_date_stays(page: Page, live_server, database, rows):
    held = []
    opened(page, live_server, rows, "?class=none")
    page.route("**/images/counts?*", lambda route: held.append(route))  # noqa: PLW0108 - a built-in cannot be registered
    tile(page, 0).click()
    page.keyboard.press("Digit1")
    until(lambda: held, page)
    tile(page, 3).click()
    held.pop().continue_()
    expect(page.locator("#total")).to_have_text("31")
    expect(page.locator("#selection")).to_have_text("1 selected")
    page.unroute("**/images/counts?*")
    page.keyboard.press("Digit2")
    expect(page.locator("#total")).to_have_text("30")
    expect(tile(page, 0)).to_have_attribute("data-image", str(rows.images[1]))  # without those that have a label
    assert stored(database, rows)[:5] == [0, None, None, 1, None]


def test_conflict__nothing_is_written_until_decided(page: Page, live_server, database, rows):
    opened(page, live_server, rows)
    with database.write() as session:
        changes = [labels.LabelChange(image, rows.classes[2], 0) for image in rows.images[:2]]
        labels.assign(session, rows.project_id, changes, source=LabelSource.GALLERY, actor="ken", request_id="k")
    tile(page, 0).click()
    tile(page, 3).click(modifiers=["Shift"])
    page.keyboard.press("Digit1")
    expect(page.locator(".conflict")).to_contain_text("2 images were changed by somebody else")
    expect(tile(page, 1)).to_contain_text("単球")
    expect(tile(page, 3)).to_contain_text("no label")
    assert stored(database, rows)[:4] == [2, 2, None, None]
    page.get_by_role("button", name="Use mine for all").click()
    expect(tile(page, 3)).to_contain_text("好中球")
    saved(page)
    assert stored(database, rows)[:4] == [0, 0, 0, 0]


def test_many__few_nodes_and_deep_range(page: Page, live_server, database, store):
    rows = add_rows(database, store, 10_000)
    opened(page, live_server, rows)
    assert page.evaluate("document.querySelectorAll('#grid *').length") < 400
    tile(page, 0).click()
    page.evaluate("document.querySelector('#grid').scrollTop = 1e9")
    expect(tile(page, 9_999)).to_contain_text("no label")
    tile(page, 9_999).evaluate("e => e.querySelector('img').decode()")  # raises when it cannot be shown
    assert tile(page, 9_999).bounding_box()["y"] < 900
    assert page.evaluate("document.querySelectorAll('#grid *').length") < 400
    assert page.evaluate("document.querySelectorAll('*').length") < 600  # with filters, tools and dialogs
    tile(page, 9_998).click(modifiers=["Shift"])
    expect(page.locator("#selection")).to_have_text("9,999 selected", timeout=20_000)
    page.keyboard.press("Digit1")
    saved(page)
    assert stored(database, rows).count(0) == 9_999


def test_pages__without_javascript(browser, live_server, database, store):
    rows = add_rows(database, store, 150)
    context = browser.new_context(java_script_enabled=False, locale="en-US")
    page = context.new_page()
    page.goto(f"{live_server}{rows.path}/images")
    expect(page.locator(".tile")).to_have_count(100)
    page.get_by_role("link", name="2", exact=True).click()
    expect(page.locator(".tile")).to_have_count(50)
    page.locator(".tile input").nth(0).check()
    page.locator(".tile input").nth(49).check()
    page.get_by_role("button", name="単球").click()
    expect(page.locator(".tile-name").nth(49)).to_have_text("単球")
    assert [at for at, label in enumerate(stored(database, rows)) if label == 2] == [100, 149]
    page.get_by_role("button", name="単球").click()
    expect(page.get_by_role("alert")).to_contain_text("No image is selected")
    context.close()


def test_image_page__keys(page: Page, live_server, database, rows):
    page.goto(f"{live_server}{rows.path}/images/{rows.images[1]}")
    page.keyboard.press("Digit2")
    expect(page.locator(".image-label")).to_contain_text("好酸球")
    expect(page.locator(".table").first).to_contain_text("gallery")
    page.wait_for_load_state()
    page.keyboard.press("ArrowRight")
    expect(page.locator("h1")).to_have_text("血液_00002.png")
    page.wait_for_load_state()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("h1")).to_have_text("血液_00001.png")
    page.wait_for_load_state()
    page.keyboard.press("KeyX")
    expect(page.locator(".badge.warning")).to_have_text("excluded")
    assert stored(database, rows)[:3] == [None, 1, None]


def test_image_page__a_second_key_does_not_stop_what_was_sent(page: Page, live_server, database, rows):
    held = []
    page.goto(f"{live_server}{rows.path}/images/{rows.images[1]}")
    page.route(re.compile(r"/images/\d+$"), lambda route: held.append(route))  # noqa: PLW0108 - as above
    page.keyboard.press("Digit2")
    until(lambda: held, page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Digit3")
    held.pop().continue_()
    expect(page.locator(".image-label")).to_contain_text("好酸球")
    assert (held, stored(database, rows)[:3]) == ([], [None, 1, None])


def test_history__takes_back_and_brings_back(page: Page, live_server, database, rows):
    with database.write() as session:
        changes = [labels.LabelChange(image, rows.classes[0]) for image in rows.images]
        labels.assign(session, rows.project_id, changes, source=LabelSource.GALLERY, actor="ken", request_id="k")
    page.goto(f"{live_server}{rows.path}/history")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("and 31 more")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    assert stored(database, rows) == [None] * 32
    page.get_by_role("button", name="Redo").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    assert stored(database, rows) == [0] * 32


def rights(database, rows):
    with database.read() as session:
        query = sa.select(Image.origin, Image.licence, Image.publish).where(Image.project_id == rows.project_id)
        return [tuple(row) for row in session.execute(query.order_by(Image.id))]


def ask_rights(page: Page):
    """Open the dialog of the selection."""
    dialog = page.locator("#rights-dialog")
    if not page.locator("button[value=rights]").is_visible():
        page.get_by_text("More", exact=True).click()
    page.get_by_role("button", name="Source and licence …").click()
    expect(dialog.get_by_label("Source", exact=True)).to_be_focused()
    return dialog


def test_rights__of_a_selection_and_of_all_that_match(page: Page, live_server, database, rows):
    opened(page, live_server, rows)
    tile(page, 1).click()
    tile(page, 2).click(modifiers=["Shift"])
    dialog = ask_rights(page)
    dialog.get_by_label("Source", exact=True).fill("Lab 7")
    dialog.get_by_label("May be published").select_option("yes")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    saved(page)
    assert rights(database, rows)[:4] == [("", "", ""), ("Lab 7", "", "yes"), ("Lab 7", "", "yes"), ("", "", "")]
    page.keyboard.press("KeyZ")  # each of the two is a change of its own
    saved(page)
    assert rights(database, rows)[1] == ("Lab 7", "", "")
    page.keyboard.press("Control+KeyA")
    ask_rights(page)
    dialog.get_by_label("Licence", exact=True).fill("CC BY 4.0")
    dialog.get_by_label("May be published").select_option("unknown")
    dialog.get_by_role("button", name="Save").click()
    saved(page)
    assert {row[1:] for row in rights(database, rows)} == {("CC BY 4.0", "")}
    assert rights(database, rows)[1][0] == "Lab 7"


def test_rights__are_taken_off_a_selection(page: Page, live_server, database, rows):
    with database.write() as session:
        session.execute(sa.update(Image).values(origin="Lab 7", licence="CC0"))
    opened(page, live_server, rows)
    page.keyboard.press("Control+KeyA")
    dialog = ask_rights(page)
    dialog.get_by_label("Take the source off").check()
    expect(dialog.get_by_label("Source", exact=True)).to_be_disabled()
    dialog.get_by_role("button", name="Save").click()
    saved(page)
    assert set(rights(database, rows)) == {("", "CC0", "")}

"""Many classes in label mode, and a new class made of a selection of the gallery."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from app.db.models import Image, LabelClass
from tests.labelling.conftest import add_rows
from tests.labelling.test_gallery_browser import draw_band
from tests.labelling.test_label_browser import saved, stored
from tests.waiting import fits, until

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
    with page.expect_navigation(wait_until="load"):
        page.locator(".history-table form button").first.click()
    page.goto(f"{live_server}{rows.path}/images?class=none")
    expect(page.locator("#total")).to_have_text("32")


def test_gallery__waits_for_clicked_images_and_does_nothing_meanwhile(page: Page, live_server, database, rows):
    held = []
    page.route("**/images/ids?*", lambda route: held.append(route))  # noqa: PLW0108 - a built-in cannot be registered
    page.goto(f"{live_server}{rows.path}/images")
    page.locator(".grid-tile").nth(1).click()
    page.locator(".grid-tile").nth(4).click(modifiers=["Shift"])
    page.keyboard.press("Digit2")
    page.locator(".grid-tile").nth(6).click(modifiers=["Control"])
    expect(page.locator("#selection")).to_be_hidden()
    until(lambda: held, page)
    for route in held:
        route.continue_()
    expect(page.locator("#selection")).to_have_text("5 selected")
    page.keyboard.press("Digit1")  # the Digit2 of before met no selection
    expect(page.locator("#tile-4")).to_contain_text("好中球")
    saved(page)
    assert stored(database, rows)[:8] == [None, 0, 0, 0, 0, None, 0, None]


def test_gallery__a_band_takes_what_is_still_on_its_way(page: Page, live_server, rows):
    held = []
    page.route("**/images/ids?*", lambda route: held.append(route))  # noqa: PLW0108 - a built-in cannot be registered
    page.goto(f"{live_server}{rows.path}/images")
    draw_band(page, 1, 3)
    expect(page.locator("#selection")).to_be_hidden()
    until(lambda: held, page)
    for route in held:
        route.continue_()
    expect(page.locator("#selection")).to_have_text("3 selected")
    expect(page.locator("#tile-2")).to_have_attribute("aria-selected", "true")


def test_a_very_long_name__stays_inside_of_the_pages(page: Page, live_server, database, store):
    rows = add_rows(database, store, 3, ["桿状核好中球と分葉核好中球" * 8, "単球"])
    with database.write() as session:
        session.execute(sa.update(Image).values(class_id=rows.classes[0]))
    page.set_viewport_size({"width": 390, "height": 800})
    for path, last in (("classes", ".class-more summary"), ("label?queue=all", ".class-button")):
        page.goto(f"{live_server}{rows.path}/{path}")
        page.locator(last).first.scroll_into_view_if_needed()
        if path == "classes":
            page.locator(last).first.click()
        fits(page, 390)


def names(page: Page) -> list[str]:
    return [field.input_value() for field in page.locator("#class-list input[name=name]").all()]


def test_classes__are_dragged_moved_by_keys_merged_retired_and_brought_back(page: Page, live_server, database, rows):
    with database.write() as session:
        session.execute(sa.update(Image).where(Image.id.in_(rows.images[:5])).values(class_id=rows.classes[0]))
    page.goto(f"{live_server}{rows.path}/classes")
    put_in_order(page)
    merge_and_undo(page, page.locator(f"#class-{rows.classes[0]}"), page.locator(f"#class-{rows.classes[2]}"))
    retire_and_describe(page, page.locator(f"#class-{rows.classes[0]}"))


def put_in_order(page: Page) -> None:
    handle, last = page.locator(".class-handle").first, page.locator(".class-row").nth(2)
    expect(handle).to_be_visible()  # the module has come
    begin, end = handle.bounding_box(), last.bounding_box()
    assert begin
    assert end
    page.mouse.move(begin["x"] + 8, begin["y"] + 8)
    page.mouse.down()
    page.mouse.move(begin["x"] + 8, end["y"] + end["height"] / 2, steps=4)
    with page.expect_navigation(wait_until="load"):
        page.mouse.up()
    assert names(page) == ["好酸球", "単球", "好中球"]
    expect(page.locator(".class-handle").nth(2)).to_be_focused()
    with page.expect_navigation(wait_until="load"):
        page.keyboard.press("ArrowUp")
    assert names(page) == ["好酸球", "好中球", "単球"]
    page.locator(".notice").get_by_role("button", name="Undo").click()
    page.wait_for_url("**/classes", wait_until="load")
    assert names(page) == ["好酸球", "単球", "好中球"]


def merge_and_undo(page: Page, row: Locator, other: Locator) -> None:
    row.locator("summary").click()
    row.locator("select[name=into]").select_option(label="単球")
    with page.expect_navigation(wait_until="load"):
        row.get_by_role("button", name="Merge and retire 好中球").click()
    expect(page.locator(".notice")).to_contain_text("5 images changed")
    expect(other.locator(".class-count")).to_have_text("5 images")
    expect(row).to_contain_text("retired")
    page.locator(".notice").get_by_role("button", name="Undo").click()
    page.wait_for_url("**/classes", wait_until="load")
    expect(row.locator(".class-count")).to_have_text("5 images")


def retire_and_describe(page: Page, row: Locator) -> None:
    row.locator("summary").click()
    with page.expect_navigation(wait_until="load"):
        row.get_by_role("button", name="Retire", exact=True).click()
    expect(row).to_contain_text("retired")
    row.locator("summary").click()
    with page.expect_navigation(wait_until="load"):
        row.get_by_role("button", name="Offer again").click()
    row.locator("summary").click()
    row.locator("textarea").fill("葉に分かれた核")
    with page.expect_navigation(wait_until="load"):
        row.get_by_role("button", name="Save the description").click()
    expect(row.locator(".class-text")).to_have_text("葉に分かれた核")

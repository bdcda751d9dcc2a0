"""More like this and the map in a real browser: select, press a digit, take it back."""

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from app.db.models import ChangeSet, Image
from tests.features.factory import add_features, add_pictures, clouds
from tests.features.test_pages import make_map
from tests.labelling.conftest import picture
from tests.labelling.test_label_browser import saved

pytestmark = pytest.mark.browser


@pytest.fixture
def rows(database, store):
    made = add_pictures(database, store, 60)
    add_features(database, store, made, clouds(60)[0])
    make_map(database, store, made)
    return made


def labelled(database, class_id=None):
    query = sa.select(sa.func.count()).select_from(Image).where(Image.class_id.is_not(None))
    with database.read() as session:
        return session.scalar(query if class_id is None else query.where(Image.class_id == class_id))


def test_similar__all_of_the_list_get_a_label_and_lose_it(page: Page, live_server, database, rows):
    page.goto(f"{live_server}{rows.path}/images")
    page.locator("#tile-4[data-image]").click()
    page.keyboard.press("Shift+KeyS")
    expect(page.locator("#tile-0")).to_have_attribute("data-image", str(rows.images[4]))
    page.goto(f"{live_server}{rows.path}/similar?to={rows.images[4]}&count=15")
    expect(page.locator("#tile-0")).to_have_attribute("data-image", str(rows.images[4]))
    page.keyboard.press("Control+KeyA")
    expect(page.locator("#selection")).to_have_text("15 selected")
    page.keyboard.press("Digit2")
    expect(page.locator("#tile-3")).to_contain_text("好酸球")
    saved(page)
    assert labelled(database, rows.classes[1]) == 15  # those of the list, not of the project
    page.keyboard.press("KeyZ")
    expect(page.locator("#tile-3")).to_contain_text("no label")
    saved(page)
    assert labelled(database) == 0
    page.locator("#tile-1").click()
    page.locator("#tile-2").click(modifiers=["Shift"])
    page.keyboard.press("Shift+KeyS")
    expect(page.locator(".similar-asked img")).to_have_count(2)


def test_label_mode__asks_for_the_picture_that_is_shown(page: Page, live_server, rows):
    page.route("**/media/*/full*", lambda route: route.fulfill(body=picture(), content_type="image/png"))
    page.goto(f"{live_server}{rows.path}/label")
    expect(page.locator("#stage img.picture, .stage img").first).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+KeyS")
    expect(page).to_have_url(f"{live_server}{rows.path}/similar?to={rows.images[1]}")


def test_map__a_lasso_and_a_digit_label_many_at_once(page: Page, live_server, database, rows):
    page.goto(f"{live_server}{rows.path}/map")
    expect(page.locator("#map[data-ready]")).to_be_visible()
    stage = page.locator("#plane").bounding_box()
    assert stage
    left, top, width, height = stage["x"], stage["y"], stage["width"], stage["height"]
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)]
    page.mouse.move(left + 0.02 * width, top + 0.02 * height)
    page.mouse.down()
    for across, down in [*corners[1:], corners[0]]:
        page.mouse.move(left + across * width, top + down * height, steps=5)
    page.mouse.up()
    expect(page.locator("#chosen")).to_have_text("60 selected")
    page.keyboard.press("Digit3")
    expect(page.locator("#legend")).to_contain_text("単球60")
    saved(page)
    assert labelled(database, rows.classes[2]) == 60
    with database.read() as session:
        assert session.scalars(sa.select(ChangeSet.image_count)).all() == [60]
    page.keyboard.press("KeyZ")
    expect(page.locator("#legend")).to_contain_text("no label60")
    saved(page)
    assert labelled(database) == 0
    page.locator("[data-by=group]").click()
    expect(page).to_have_url(f"{live_server}{rows.path}/map?by=group")
    page.locator("#plane").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#total")).to_have_text("60")
    expect(page).to_have_url(re.compile("area="))


def test_map__hover_shows_the_picture_and_keys_move(page: Page, live_server, database, store, rows):
    page.goto(f"{live_server}{rows.path}/map")
    expect(page.locator("#map[data-ready]")).to_be_visible()
    stage = page.locator("#plane").bounding_box()
    assert stage
    for step in range(40):  # somewhere along the middle lies a point
        page.mouse.move(stage["x"] + stage["width"] * (0.2 + step * 0.015), stage["y"] + stage["height"] * 0.5)
        if page.locator("#hover").is_visible():
            break
    expect(page.locator("#hover img")).to_have_js_property("complete", True)
    page.locator("#plane").focus()
    for key in ("Equal", "ArrowLeft", "ArrowDown", "Minus", "Home"):
        page.keyboard.press(key)
    page.get_by_role("link", name="Group 1", exact=True).click()
    expect(page.get_by_role("heading", name="A group of like pictures")).to_be_visible()

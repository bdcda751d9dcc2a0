"""Label mode with what a model says: accepted by a key, hidden on demand; two browsers never get the same picture."""

import pytest
from playwright.sync_api import Browser, Page, expect

from app.db.models import ChangeSet, Image
from app.services import doubted, queues
from app.services.image_filter import ImageFilter
from tests.features.factory import add_pictures
from tests.inspect import factory
from tests.jobs.processes import wait_for
from tests.labelling.conftest import add_rows
from tests.labelling.test_label_browser import saved, stored
from tests.labelling.test_suggested_queues import say

pytestmark = pytest.mark.browser


def test_perhaps_wrong__enter_accepts_what_the_run_says(page: Page, live_server, database, store):
    with database.write() as session:
        made = factory.project(session, store)
        factory.run(session, store, made, folds=5)
    with database.read() as session:
        first, second, *_ = doubted.doubts(session, made.project.id)
    names = {item.id: item.name for item in made.classes}
    images = {image.id: image.name for image in made.train}
    page.goto(f"{live_server}/p/{made.project.slug}/label?lang=en&queue=wrong")
    expect(page.locator("#picture-name")).to_have_text(images[first.image_id])
    expect(page.locator("#suggestion")).to_contain_text(f"Run 1 says {names[first.class_id]}")
    page.keyboard.press("Enter")
    expect(page.locator("#picture-name")).to_have_text(images[second.image_id])
    saved(page)
    with database.read() as session:
        (change,) = session.query(ChangeSet).all()
        assert (change.source, change.image_count) == ("suggestion", 1)
    page.keyboard.press("KeyZ")
    expect(page.locator("#picture-name")).to_have_text(images[first.image_id])
    page.locator(".more summary").click()
    page.locator("#suggestions-on").uncheck()
    expect(page.locator("#suggestion")).to_be_hidden()
    page.keyboard.press("Enter")  # nothing is accepted that cannot be seen
    expect(page.locator("#picture-name")).to_have_text(images[first.image_id])


def test_perhaps_wrong__one_key_says_that_the_label_is_right(page: Page, live_server, database, store):
    with database.write() as session:
        made = factory.project(session, store)
        factory.run(session, store, made, folds=5)
    with database.read() as session:
        first, second, third, *_ = (doubt.image_id for doubt in doubted.doubts(session, made.project.id))
        given = session.get_one(Image, second).class_id
    images = {image.id: image.name for image in made.train}
    name = page.locator("#picture-name")
    page.goto(f"{live_server}/p/{made.project.slug}/label?lang=en&queue=wrong")
    expect(name).to_have_text(images[first])
    page.keyboard.press("KeyK")
    expect(name).to_have_text(images[second])
    position = [item.id for item in made.classes].index(given)
    page.keyboard.press(f"Digit{position + 1}")  # the label that it has, given again, says the same
    expect(name).to_have_text(images[third])
    page.keyboard.press("KeyZ")
    expect(name).to_have_text(images[second])
    expect(page.locator("#picture-checked")).to_be_hidden()
    page.keyboard.press("Shift+KeyZ")
    expect(page.locator("#picture-checked")).to_be_visible()
    saved(page)
    with database.read() as session:
        assert next(iter(doubted.doubts(session, made.project.id))).image_id == third
    page.goto(f"{live_server}/p/{made.project.slug}/history?lang=en")
    expect(page.locator(".history-table")).to_contain_text("label found right: ")


def test_two_browsers__label_different_pictures(page: Page, browser: Browser, live_server, database, rows):
    other = browser.new_context().new_page()
    address = f"{live_server}{rows.path}/label?lang=en"
    queue = queues.Queue(queues.Order.UNLABELLED, ImageFilter(unlabelled=True))

    def held():
        with database.read() as session:
            return queues.with_others(session, rows.project_id, queue, "nobody")

    page.goto(address)
    wait_for("pictures that are held", lambda: held() == 24)
    other.goto(address)
    expect(other.locator("#picture-name")).to_have_text("血液_00024.png")
    wait_for("pictures that are held", lambda: held() == 32)
    page.keyboard.press("Digit1")
    expect(page.locator("#picture-name")).to_have_text("血液_00001.png")
    saved(page)
    other.close()  # gives back what it did not label
    wait_for("pictures that were given back", lambda: held() <= 24)
    for number in range(2, 32):
        page.keyboard.press("Digit2")
        expect(page.locator("#picture-name")).to_have_text(f"血液_{number:05d}.png")
    page.keyboard.press("Digit2")
    saved(page)
    expect(page.locator(".finished")).to_contain_text("All 32 images are labelled.")
    assert stored(database, rows) == [0] + [1] * 31
    other.context.close()


def test_confirm_many__by_mouse_and_keys(page: Page, live_server, database, store):
    rows = add_pictures(database, store, 12)
    say(database, store, rows, [0.99 - place / 100 for place in range(8)])
    page.goto(f"{live_server}{rows.path}/label/sure?lang=en")
    expect(page.locator("#sure-count")).to_have_text("Confirm 8 as “好酸球”")
    page.locator(".sure-tiles label").nth(1).click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.locator("#sure-count")).to_have_text("Confirm 6 as “好酸球”")
    page.locator("h1").click()
    page.keyboard.press("Enter")
    expect(page.locator(".notice.good")).to_contain_text("6 pictures were labelled.")
    assert stored(database, rows)[:8] == [1, None, None, 1, 1, 1, 1, 1]
    page.wait_for_load_state("load")  # keys act when the modules have run
    page.keyboard.press("KeyZ")
    expect(page.locator("#sure-count")).to_have_text("Confirm 6 as “好酸球”")  # they are back to be looked over again
    assert stored(database, rows) == [None] * 12


def test_orders__drawn_uncertain_and_disagreeing_are_gone_through(page: Page, live_server, database, store):
    rows = add_rows(database, store, 12)
    say(database, store, rows, [0.9, 0.2, 0.5, 0.7], [0.1, 0.0, 0.6, 0.3])
    with database.read() as session:
        names = {image.id: image.name for image in session.query(Image)}
        drawn = queues.Queue(queues.Order.RANDOM, ImageFilter(unlabelled=True), 7)
        first, second, *_ = queues.peek(session, rows.project_id, drawn, queues.Wish("x", 3))
    name = page.locator("#picture-name")
    page.goto(f"{live_server}{rows.path}/label?lang=en&queue=random&seed=7", wait_until="load")
    expect(name).to_have_text(first.name)
    page.keyboard.press("Space")
    expect(name).to_have_text(second.name)
    page.locator(".order-menu summary").click()
    page.locator(".order-menu").get_by_role("link", name="Least certain first").click()
    page.wait_for_url("**queue=uncertain**", wait_until="load")
    for place in (1, 2, 3):
        expect(name).to_have_text(names[rows.images[place]])
        page.keyboard.press("Digit1")
    saved(page)
    assert stored(database, rows)[:4] == [None, 0, 0, 0]
    page.keyboard.press("KeyZ")  # two are without a label again
    expect(name).to_have_text(names[rows.images[3]])
    page.keyboard.press("KeyZ")
    expect(name).to_have_text(names[rows.images[2]])
    saved(page)
    page.goto(f"{live_server}{rows.path}/label?lang=en&queue=disagree", wait_until="load")
    for place in (2, 3, 0):
        expect(name).to_have_text(names[rows.images[place]])
        page.keyboard.press("Digit2")
    saved(page)
    assert stored(database, rows)[:4] == [1, 0, 1, 1]

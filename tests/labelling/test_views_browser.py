"""Filters, orders, saved views, downloads and the keys of the gallery in a real browser, in one visit."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.domain.enums import LabelSource
from app.services import labels
from tests.inspect import factory
from tests.waiting import fits

pytestmark = pytest.mark.browser


def shown(page: Page, place: int, image_id: int) -> None:
    expect(page.locator(f"#tile-{place}")).to_have_attribute("data-image", str(image_id))


def test_gallery__filters_sorts_saves_a_view_and_gives_files(page: Page, live_server, database, store):
    with database.write() as session:
        made = factory.project(session, store)
        factory.run(session, store, made, folds=0)
        for number, (image, actor) in enumerate(zip(made.train[:3], ("健", "mika", "健"), strict=True)):
            change = labels.LabelChange(image.id, made.classes[(number + 1) % 3].id)
            who = {"actor": actor, "request_id": f"r{number}"}
            labels.assign(session, made.project.id, [change], source=LabelSource.GALLERY, **who)
        images = [image.id for image in made.train]
    page.goto(f"{live_server}/p/blood/images?lang=en", wait_until="load")
    choose_a_person(page, images)
    take_files(page)
    go_by_keys(page, images)


def choose_a_person(page: Page, images: list[int]) -> None:
    page.get_by_text("More filters", exact=True).click()
    page.get_by_label("Labelled by").select_option("健")
    expect(page.get_by_label("Its answer")).to_be_disabled()
    page.get_by_role("button", name="Show these images").click()
    page.wait_for_url(lambda url: url.endswith("/images?by=%E5%81%A5"), wait_until="load")  # nothing empty in it
    page.get_by_label("Order").select_option(label="Last labelled first")
    page.wait_for_url("**sort=-labelled**", wait_until="load")
    shown(page, 0, images[2])
    shown(page, 1, images[0])
    page.get_by_text("Save these filters …").click()
    page.locator(".save-view input[name=name]").fill("健の最新")
    with page.expect_navigation(wait_until="load"):  # to the address it is at
        page.keyboard.press("Enter")
    expect(page.locator("[data-views] [aria-current]")).to_have_text("健の最新")


def take_files(page: Page) -> None:
    page.locator("#tile-0").click()
    for select, count in (("", 1), ("Control+KeyA", 2)):
        if select:
            page.keyboard.press(select)
        page.locator("#gallery-form .menu").evaluate("menu => (menu.open = true)")
        with page.expect_download() as download:
            page.get_by_role("button", name="Download as a table (CSV)").click()
        with Path(download.value.path()).open(encoding="utf-8-sig") as file:
            assert len(list(csv.DictReader(file))) == count


def go_by_keys(page: Page, images: list[int]) -> None:
    page.keyboard.press("KeyC")
    expect(page.locator("#compare-pictures img")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(page.locator("#compare-dialog")).to_be_hidden()
    page.locator("#tile-1").click()
    page.keyboard.press("KeyE")
    page.wait_for_url(re.compile(rf"/images/{images[0]}\?"), wait_until="load")
    page.keyboard.press("ArrowLeft")  # the neighbour in the order of the list
    page.wait_for_url(re.compile(rf"/images/{images[2]}\?"), wait_until="load")
    page.keyboard.press("KeyG")
    page.wait_for_url(re.compile(r"/images\?by="), wait_until="load")
    shown(page, 0, images[2])
    page.keyboard.press("KeyU")
    page.wait_for_url("**class=none**", wait_until="load")
    expect(page.locator(".empty")).to_contain_text("No image matches these filters.")
    page.locator("[data-views] a").first.click()
    page.wait_for_url("**sort=-labelled", wait_until="load")
    shown(page, 0, images[2])
    page.keyboard.press("KeyN")
    page.wait_for_url("**run=1&sort=confidence**", wait_until="load")
    expect(page.locator(".filter-words")).to_contain_text("Run least sure first")
    expect(page.locator("#without-test")).to_contain_text("pinned test set is left out")
    page.set_viewport_size({"width": 390, "height": 800})
    fits(page, 390)

"""The page that tries a picture, and heat maps that come by themselves, in a real browser with a real worker."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, Route, expect

from app.db.run_models import Explanation
from tests.inspect import factory
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.ml, pytest.mark.browser]


@pytest.fixture
def run_page(desk):
    """The address of run 1."""
    return f"{desk.address}/p/blood/runs/1"


def seen(page: Page) -> None:
    """The answer is there with its pictures."""
    took = page.locator("#answer:not([aria-busy]) #try-took[data-milliseconds]")  # of the newest question
    expect(took).to_be_visible(timeout=60_000)
    widths = page.locator("#answer img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert len(widths) == 5
    assert min(widths) > 0


def test_try__a_file_an_image_another_class_and_another_layer(page: Page, run_page, tmp_path):
    page.goto(run_page)
    page.get_by_role("link", name="Try a picture").click()
    page.wait_for_url("**/try", wait_until="load")  # its modules listen from then on
    picture = tmp_path / "新しい細胞.png"
    picture.write_bytes(factory.drawing(1, 99))
    page.set_input_files("#try-picture", picture)
    seen(page)
    expect(page.locator(".file-title")).to_have_text("新しい細胞.png")
    said = page.locator(".verdict-line strong").inner_text()
    expect(page.locator(".heat-figure figcaption").first).to_contain_text(said)
    other = page.locator(".bars a:not([aria-current])").first
    name = other.inner_text()
    other.click()
    expect(page.locator(".heat-figure figcaption").first).to_contain_text(name)
    page.locator(".try-again [name=layer]").select_option("conv1")
    expect(page.locator(".try-again [name=layer]")).to_have_value("conv1")
    seen(page)
    page.locator(".try-again [name=method]").select_option("occlusion")
    expect(page.locator(".heat-about")).to_contain_text("Zeiler and Fergus, 2014")
    seen(page)
    expect(page.locator(".file-title")).to_have_text("新しい細胞.png")
    page.locator(".try-filter select").select_option("test")
    page.wait_for_url("**which=test**", wait_until="load")  # until then a tile is a form without a script
    expect(page.locator(".try-tile")).to_have_count(6)
    page.locator(".try-tile").nth(2).click()
    seen(page)
    expect(page.locator(".file-title")).to_contain_text("血液_test-002.png")
    expect(page.locator(".verdict-line")).to_contain_text("Label:")
    page.reload()
    expect(page.locator(".file-title")).to_contain_text("血液_test-002.png")


def test_try__a_file_that_is_no_picture_is_refused_and_the_page_goes_on(page: Page, run_page, tmp_path):
    page.goto(f"{run_page}/try")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    page.set_input_files("#try-picture", broken)
    expect(page.locator("#toasts")).to_contain_text("not a picture", timeout=30_000)
    page.locator(".try-tile").first.click()
    seen(page)


def test_try__views_that_are_chosen_while_a_picture_is_asked_about_are_for_that_picture(page: Page, run_page):
    page.goto(f"{run_page}/try?which=test")
    page.locator(".try-tile").first.click()
    seen(page)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/try*", hold, times=1)
    page.locator(".try-tile").nth(2).click()
    until(lambda: held, page)
    page.locator("#try-views").select_option("mirror")
    held.pop().continue_()
    expect(page.locator(".seen-views")).to_be_visible(timeout=60_000)
    expect(page.locator(".file-title")).to_contain_text("血液_test-002.png")


def test_image__asks_the_newest_run_at_once(page: Page, desk):
    page.goto(f"{desk.address}/p/blood/images/1")
    page.get_by_role("link", name="Try with run 1").click()
    seen(page)
    expect(page.locator(".file-title")).to_contain_text("血液_train-000.png")


def test_review__the_map_of_another_layer_comes_by_itself(page: Page, run_page, desk):
    page.goto(f"{run_page}/review?on=validation&show=all&layer=conv1")
    expect(page.locator(".heat-figure .overlay")).to_be_visible(timeout=60_000)
    first = page.locator(".selected-head").get_attribute("data-item")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".selected-head")).not_to_have_attribute("data-item", str(first))
    expect(page.locator(".heat-figure .overlay")).to_be_visible(timeout=60_000)
    with desk.database.read() as session:
        count = session.scalar(sa.select(sa.func.count()).where(Explanation.layer == "conv1"))
    assert count == 2

"""The form of a training in a real browser: sliders draw the preview again, errors take the focus."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests import factories
from tests.waiting import fits

pytestmark = pytest.mark.browser


@pytest.fixture
def address(database, store, live_server) -> str:
    with database.write() as session:
        project = factories.make_project(session, "血液スメア", ["好中球", "単球"])
        for number, row in enumerate(project.classes):
            factories.add_images(session, store, project, 12, label_class=row, first=12 * number)
    return f"{live_server}/p/{project.slug}"


def slide(page: Page, field: str, value: float) -> None:
    page.locator(f'input[data-for="{field}"]').evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )


def shown(page: Page) -> str:
    """The address of the strip once its picture can be seen."""
    found = page.locator("#preview img.original").evaluate("image => image.decode().then(() => image.currentSrc)")
    return str(found)


def test_preview__follows_the_sliders_the_shuffle_and_the_picture(page: Page, address):
    page.goto(f"{address}/train?preset=cifar")
    first = shown(page)
    expect(page.locator(".singles")).to_have_count(0)
    slide(page, "f-augmentation-rotation", 90)
    expect(page.locator("#f-augmentation-rotation")).to_have_value("90")
    expect(page.locator(".singles li")).to_have_count(1)
    expect(page.locator(".singles")).to_contain_text("±90°")
    turned = shown(page)
    assert "augmentation.rotation=90" in turned
    assert "augmentation.rotation=0" in first
    page.locator("#shuffle").click()
    expect(page.locator("#preview img.original")).not_to_have_attribute("src", re.compile(r"draw=0$"))
    page.locator(".example").nth(1).click()
    expect(page.locator("#preview img.original")).to_have_attribute("src", re.compile(r"image=(?!1&)\d+"))
    expect(page).to_have_url(re.compile("augmentation.rotation=90"))  # the address can be kept
    page.locator("#seek").fill("２４")
    page.locator("#seek").press("Enter")  # takes the first that fits, and starts no training
    expect(page.locator("#preview img.original")).to_have_attribute("src", re.compile("image=24&"))
    page.locator("#seek").fill("")
    expect(page.locator(".example")).to_have_count(4)  # two of each class; the chosen one is among them
    page.locator("#example-24").press("ArrowUp")
    expect(page.locator("#preview img.original")).to_have_attribute("src", re.compile("image=13&"))
    expect(page.locator("#example-13")).to_be_focused()
    page.locator("#another").click()
    expect(page.locator("#preview img.original")).not_to_have_attribute("src", re.compile("image=13&"))
    expect(page).to_have_url(re.compile("image=(?!13&)"))
    expect(page).not_to_have_url(re.compile("another="))
    page.reload()
    expect(page.locator("#f-augmentation-rotation")).to_have_value("90")


def test_preview__wrong_value_gives_a_message_and_the_next_right_one_the_pictures(page: Page, address):
    page.goto(f"{address}/train?preset=wbc")
    field = page.locator("#f-augmentation-rotation")
    field.fill("500")
    expect(page.locator("#preview")).to_contain_text("Type a number from 0 to 180.")
    expect(page.locator("#f-augmentation-rotation-error")).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("50")
    expect(page.locator("#preview img.original")).to_be_visible()
    expect(page.locator("#f-augmentation-rotation-error")).to_be_hidden()


def test_form__data_box_and_network_follow_the_values(page: Page, address):
    page.goto(f"{address}/train?preset=wbc")
    expect(page.locator("#data")).to_contain_text("24 in 5 folds")
    page.locator("#layers summary").click()
    page.locator("#f-folds").fill("0")
    expect(page.locator("#data")).to_contain_text("19 training")
    page.locator("#f-image_size").fill("48")
    expect(page.locator("#layers")).to_contain_text("48×48×32")
    expect(page.locator("#layers table")).to_be_visible()  # stays open


def test_form__as_it_comes_it_tries_the_ready_recipes_until_a_value_is_changed(page: Page, address):
    page.goto(f"{address}/train")
    expect(page.locator("#best")).to_contain_text("The best of 2 ready recipes")
    expect(page.locator("#f-epochs")).to_be_hidden()
    page.locator("#all-settings > summary").click()
    epochs = page.locator("#f-epochs").input_value()
    page.locator("#f-epochs").fill("59")
    expect(page.locator("#best")).to_contain_text("one training with the values of the form")
    expect(page.locator("#f-epochs")).to_be_visible()
    page.locator("#f-epochs").fill(epochs)
    expect(page.locator("#best")).to_contain_text("The best of 2 ready recipes")
    page.locator("button.start").click()
    page.wait_for_url(re.compile(r"/searches/\d+$"), wait_until="load")
    expect(page.locator("#trials")).to_contain_text("Blood cells, improved")  # the pictures are tiny


def test_form__first_error_takes_the_focus_and_the_summary_leads_to_it(page: Page, address):
    page.goto(f"{address}/train?preset=wbc")
    page.locator("#f-batch_size").fill("none")
    page.locator("#f-epochs").fill("0")
    page.get_by_role("button", name="Start training").last.click()
    expect(page.locator("#f-epochs")).to_be_focused()
    expect(page.locator("#f-batch_size")).to_have_value("none")
    page.locator("#summary a").nth(1).click()
    expect(page).to_have_url(re.compile("#f-batch_size$"))
    page.locator("#f-epochs").fill("3")
    page.locator("#f-batch_size").fill("8")
    page.locator("#f-batch_size").press("Enter")  # Enter starts the training and nothing else
    expect(page).to_have_url(re.compile(r"/runs/1$"))


def test_pages__fit_the_width_in_both_themes(page: Page, address):
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1280, 390, 320):
            page.set_viewport_size({"width": width, "height": 800})
            for path in ("train", "splits", "train?preset=wbc&lang=ja"):
                page.goto(f"{address}/{path}")
                fits(page, width)


def test_without_javascript__preview_draw_and_start(browser, address):
    context = browser.new_context(java_script_enabled=False, locale="en-US")
    page = context.new_page()
    page.goto(f"{address}/splits")
    page.locator("#share").fill("0.25")
    page.get_by_role("button", name="Draw").click()
    expect(page.locator(".notice.good")).to_contain_text("6 images were changed")
    page.goto(f"{address}/train?preset=keras-blog")
    page.locator("#f-augmentation-rotation").fill("77")
    page.get_by_role("button", name="Show with these values").click()
    expect(page.locator("#preview img.original")).to_have_attribute("src", re.compile("rotation=77"))
    expect(page.locator("#f-augmentation-rotation")).to_have_value("77")
    page.get_by_role("button", name="Shuffle").click()
    expect(page.locator("#preview img.original")).to_have_attribute("src", re.compile("draw=1$"))
    page.get_by_role("button", name="Start training").last.click()
    expect(page).to_have_url(re.compile(r"/runs/1$"))
    page.goto(f"{address}/train")
    page.get_by_role("button", name="Start training").last.click()
    expect(page).to_have_url(re.compile(r"/searches/\d+$"))
    context.close()


def test_weights__a_press_keeps_what_was_typed_and_an_own_network_opens_its_card(page: Page, address):
    page.goto(f"{address}/train?preset=transfer")
    page.locator("#f-epochs").fill("9")
    page.locator("#f-architecture").select_option("vgg16")
    page.locator("#download-chosen").click()
    expect(page.locator("#weights-vgg16 [role=status]")).to_have_text("no worker answers")
    expect(page.locator("#download-chosen")).to_have_count(0)
    expect(page.locator("#f-epochs")).to_have_value("9")
    page.locator("#stop-vgg16").click()
    expect(page.locator("#download-vgg16")).to_be_visible()
    page.locator("#f-architecture").select_option("own")
    expect(page.locator("#f-layers")).to_be_visible()
    expect(page.locator("#preflight")).to_contain_text("as soon as these values can be used: Layers")

"""Several trainings, what does not fit, and other stopping, in a real browser."""

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, Route, expect

from app.db.run_models import Worker
from app.db.session import db_now
from tests.waiting import until

pytestmark = pytest.mark.browser


def test_form__refuses_proposes_and_starts_a_matrix(page: Page, live_server, database, made):
    info = {"host": "lab", "job_memory": 2 * 2**30, "available": 2**30, "slots": {"gpu": 1}}
    with database.write() as session:
        session.execute(sa.insert(Worker).values(name="lab:1", heartbeat=db_now() + 14, info=info))
    page.goto(f"{live_server}/p/blood/train?preset=deepconv-plus")
    page.locator("#f-image_size").fill("500")
    page.locator("#f-batch_size").fill("500")
    expect(page).to_have_url(re.compile("batch_size=500"))  # all that depends on the values is drawn again
    expect(page.locator("#preflight .notice.error")).to_contain_text("This training needs at least")
    page.locator("#take-proposal").click()
    expect(page.locator("#preflight .notice")).to_have_count(0)
    page.locator("#several > summary").click()
    page.locator("#f-vary-1").select_option("optimizer")
    page.get_by_label("SGD").check()
    expect(page.locator("#several-sum")).to_contain_text("Optimiser: SGD")
    page.get_by_label("Lion").check()
    page.locator("#f-repeats").fill("2")
    expect(page.locator("#several-sum")).to_contain_text("4 trainings are started together.")
    page.get_by_role("button", name="Start training").last.click()
    expect(page.locator("#group tbody").last.locator("tr")).to_have_count(4)
    page.locator("#stop-all").click()
    expect(page.locator("#group")).to_have_attribute("data-finished", "1")


def test_form__changes_of_single_classes_are_added_and_removed(page: Page, live_server, made):
    page.goto(f"{live_server}/p/blood/train?preset=wbc")
    page.locator("#f-class_augmentation > summary").click()
    page.locator("#own-add").press("Enter")
    expect(page.locator("#own-1-class")).to_be_focused()
    name = page.locator("#own-1-class option").nth(2).inner_text()
    page.locator("#own-1-class").select_option(name)
    page.locator("#own-1-change").select_option("rotation")
    expect(page.locator("#own-1-value")).to_have_value("180")  # that of all classes
    page.locator("#own-1-value").fill("7")
    expect(page.locator("#preview")).to_contain_text(f"Pictures of the class “{name}” have changes of their own.")
    expect(page.locator("#preview")).to_contain_text("±7°")
    page.locator("#own-add").click()
    expect(page.locator("#own-2-class")).to_have_value(name)
    page.locator("#own-2-change").select_option("horizontal_flip:0")
    expect(page.locator("#own-2-value")).to_be_hidden()
    expect(page).to_have_url(re.compile("own%3A2%3Achange=horizontal_flip"))
    page.reload()
    expect(page.locator(".own-row")).to_have_count(2)
    page.get_by_role("button", name=f"Remove the change of “{name}”").first.click()
    expect(page.locator(".own-row [data-remove]")).to_be_focused()
    expect(page.locator("#preview")).to_contain_text("±180°")
    page.get_by_role("button", name="Start training").last.click()
    expect(page.locator("main")).to_contain_text(f"{name}: Mirror left and right no")


def test_form__a_choice_made_before_its_script_came_counts(page: Page, live_server, made):
    held = []

    def hold(route):
        held.append(route)

    page.route("**/static/js/train.js*", hold)
    page.goto(f"{live_server}/p/blood/train?preset=deepconv-plus", wait_until="commit")
    page.locator("#several > summary").click()
    page.locator("#f-vary-1").select_option("optimizer")
    expect(page.get_by_label("SGD")).to_have_count(0)
    until(lambda: held, page)
    held.pop().continue_()
    page.get_by_label("SGD").check()
    expect(page.locator("#several-sum")).to_contain_text("Optimiser: SGD")


def test_form__a_choice_made_while_it_is_drawn_again_counts(page: Page, live_server, made):
    held: list[Route] = []
    page.goto(f"{live_server}/p/blood/train?preset=deepconv-plus")
    page.locator("#several > summary").click()
    page.locator("#f-vary-1").select_option("optimizer")
    expect(page).to_have_url(re.compile("vary-1=optimizer"))
    page.route("**/train?*", lambda route: route.continue_() if held else held.append(route))
    page.get_by_label("SGD").check()
    until(lambda: held, page)
    answer = held[0].fetch()
    page.get_by_label("Lion").evaluate("box => box.click()")
    held[0].fulfill(response=answer)  # that of the values before
    expect(page.locator("#several-sum")).to_contain_text("2 trainings are started together.")
    expect(page.get_by_label("Lion")).to_be_checked()


def test_replay__follows_the_slider(page: Page, live_server, kfold):
    page.goto(f"{live_server}/p/blood/runs/1/replay?patience=0")
    expect(page.locator("#replay")).not_to_contain_text("early")
    page.locator("#patience-slider").evaluate(
        "slider => { slider.value = 2; slider.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    expect(page.locator("#replay")).to_contain_text("early")
    expect(page.locator("#f-patience")).to_have_value("2")
    expect(page).to_have_url(re.compile("patience=2"))

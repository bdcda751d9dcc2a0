"""The pages of runs and the review page in a real browser, with Japanese class names."""

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from app.db.models import Image, LabelEvent
from app.db.run_models import Job, RunItem
from app.domain.enums import JobState
from tests.inspect import factory
from tests.waiting import fits, until

pytestmark = pytest.mark.browser
REVIEW = "/p/blood/runs/1/review"


def label_of(database, image_id):
    with database.read() as session:
        return session.get_one(Image, image_id).class_id


def shown(page: Page) -> str:
    return page.locator(".selected-head .file-name").inner_text()


def names(page: Page) -> list[str]:
    found: list[str] = page.locator(".tile").evaluate_all("tiles => tiles.map(tile => tile.dataset.name)")
    return found


def test_review__walk_by_keys(page: Page, live_server, kfold):
    page.goto(f"{live_server}{REVIEW}?on=validation&show=all")
    order = names(page)
    assert shown(page) == order[0]
    for key, place in [("ArrowRight", 1), ("j", 2), ("Space", 3), ("k", 2), ("ArrowLeft", 1)]:
        page.keyboard.press(key)
        expect(page.locator(".selected-head .file-name")).to_have_text(order[place])
        expect(page.locator(".tile[aria-current]")).to_have_attribute("data-name", order[place])
    expect(page).to_have_url(re.compile("at="))
    page.reload()
    expect(page.locator(".selected-head .file-name")).to_have_text(order[1])
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".selected-head .file-name")).to_have_text(order[0])
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#toasts")).to_contain_text("This is the first picture.")


def test_review__key_to_next_picture_is_quick(page: Page, live_server, kfold):
    page.goto(f"{live_server}{REVIEW}?on=validation&show=all")
    order = names(page)
    for place in range(1, 9):
        page.keyboard.press("ArrowRight")
        expect(page.locator(".selected-head .file-name")).to_have_text(order[place])
    measure = """async () => {
      const begin = performance.now();
      const before = document.querySelector(".selected-head").dataset.item;
      document.body.dispatchEvent(new KeyboardEvent("keydown", {code: "ArrowLeft", key: "ArrowLeft", bubbles: true}));
      while (document.querySelector(".selected-head").dataset.item === before) await new Promise(requestAnimationFrame);
      await document.querySelector(".photo").decode();
      return performance.now() - begin;
    }"""
    times = sorted(page.evaluate(measure) for _ in range(8))
    assert times[4] < 500  # generous: the machine is shared; the fragments are there already


def test_review__digit_fixes_the_label_and_z_undoes(page: Page, live_server, database, kfold, made):
    page.goto(f"{live_server}{REVIEW}?on=validation&show=all")
    first = page.locator(".tile").nth(0)
    image = int(first.get_attribute("data-image") or 0)
    before = label_of(database, image)
    wanted = next(item for item in made.classes if item.id != before)
    order = names(page)
    page.keyboard.press(f"Digit{wanted.key}")
    expect(page.locator(".selected-head .file-name")).to_have_text(order[1])
    until(lambda: label_of(database, image) == wanted.id)
    expect(page.locator("#changed-count")).to_have_text("1 label changed since this run.")
    expect(first.locator(".tile-now")).to_have_text(wanted.name)
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".label-now")).to_have_text(f"Label now: {wanted.name}")
    expect(page.locator(f'.fix-class[data-class="{wanted.id}"]')).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("KeyZ")
    until(lambda: label_of(database, image) == before)
    expect(page.locator("#changed-labels")).to_be_hidden()
    expect(first.locator(".tile-now")).to_be_hidden()
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(LabelEvent)) == 2
    marks_are_put_and_taken_back(page, database, first, image)


def marks_are_put_and_taken_back(page: Page, database, tile: Locator, image: int) -> None:
    name = tile.get_attribute("data-name") or ""

    def now():
        with database.read() as session:
            row = session.get_one(Image, image)
            return row.state, row.reason, row.checked_id

    expect(page.locator(".selected-head .file-name")).to_have_text(name)
    expect(page.locator(".alike")).to_contain_text("The offline network has not looked at this picture yet.")
    page.keyboard.press("Shift+KeyX")
    page.locator("#reason-dialog [data-reason=blurred]").click()
    expect(page.locator(".selected-head .file-name")).not_to_have_text(name)
    expect(tile.locator(".tile-mark")).to_have_text("excluded today")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".mark-excluded")).to_have_text("excluded today: blurred")
    page.locator(".mark-act[data-mark=checked]").click()
    expect(page.locator(".selected-head .file-name")).not_to_have_text(name)
    until(lambda: now()[:2] == ("excluded", "blurred") and now()[2] is not None)
    page.keyboard.press("KeyZ")
    expect(page.locator(".selected-head .file-name")).to_have_text(name)
    page.keyboard.press("KeyX")  # takes it in again
    expect(page.locator(".marks-now")).to_be_hidden()
    until(lambda: now() == ("active", "", None))


def test_review__two_fixes_in_a_row_are_both_undone(page: Page, live_server, database, kfold, made):
    page.goto(f"{live_server}{REVIEW}?on=validation&show=all&true=1")
    images = [int(one) for one in page.locator(".tile").evaluate_all("all => all.map(one => one.dataset.image)")][:2]
    for place in (1, 2):
        page.keyboard.press("Digit2")
        expect(page.locator(".tile[aria-current]")).to_have_attribute("data-name", names(page)[place])
    until(lambda: [label_of(database, image) for image in images] == [made.classes[1].id] * 2)
    expect(page.locator("#changed-count")).to_have_text("2 labels changed since this run.")
    expect(page.locator("#toasts .toast")).to_have_count(1)  # "Undo" takes the last one back
    page.keyboard.press("KeyZ")
    expect(page.locator("#toasts .toast")).to_have_count(0)
    page.keyboard.press("KeyZ")
    until(lambda: [label_of(database, image) for image in images] == [made.classes[0].id] * 2)
    expect(page.locator("#changed-labels")).to_be_hidden()


def test_review__confirming_the_label_changes_nothing(page: Page, live_server, database, kfold, made):
    page.goto(f"{live_server}{REVIEW}?on=validation&show=all&true=1")
    order = names(page)
    page.keyboard.press("Digit1")
    expect(page.locator(".selected-head .file-name")).to_have_text(order[1])
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(LabelEvent)) == 0


def test_review__heat_map_on_off_and_strength(page: Page, live_server, kfold):
    page.goto(f"{live_server}{REVIEW}?on=validation")
    overlay = page.locator(".overlay")
    expect(overlay).to_be_visible()
    expect(overlay).to_have_css("opacity", "0.7")
    assert overlay.evaluate("async image => { await image.decode(); return image.naturalWidth }") > 50
    page.keyboard.press("BracketRight")
    expect(overlay).to_have_css("opacity", "0.8")
    page.keyboard.press("BracketLeft")
    page.keyboard.press("BracketLeft")
    expect(page.locator(".opacity output")).to_have_text("60 %")
    page.locator(".opacity-slider").fill("25")
    expect(overlay).to_have_css("opacity", "0.25")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".overlay")).to_have_css("opacity", "0.25")
    page.keyboard.press("KeyH")
    expect(page.locator(".overlay")).to_be_hidden()
    page.keyboard.press("KeyH")
    expect(page.locator(".overlay")).to_be_visible()


def test_review__matrix_cell_opens_its_pictures(page: Page, live_server, kfold):
    page.goto(f"{live_server}{REVIEW}?on=validation")
    cell = page.get_by_role("link", name=re.compile("好中球 called 好中球"))
    count = int(cell.locator("strong").inner_text())
    cell.click()
    expect(page.locator(".tile")).to_have_count(count)
    expect(page.locator("#filter-true")).to_have_value("1")
    expect(page.locator(".filter button")).to_be_hidden()  # from now on a choice is sent by itself
    page.locator("#filter-show").select_option("wrong")
    expect(page.locator("#nothing")).to_contain_text("No mistakes in this cell.")


def test_review__ordered_heat_map_appears(page: Page, live_server, database, store, kfold):
    page.goto(f"{live_server}{REVIEW}?on=validation&show=right")
    expect(page.locator(".heat-figure")).to_have_count(0)
    page.locator(".heat-missing button").click()
    expect(page.locator(".heat-state")).to_contain_text("No worker is alive")

    def make_them():
        with database.write() as session:
            job = session.scalars(sa.select(Job).where(Job.kind == "explain")).one_or_none()
            if job is None:
                return False
            for item_id in job.spec["item_ids"]:
                item = session.get_one(RunItem, item_id)
                session.add(factory.heat_map(store, kfold, item, job.spec["fold"], job.spec["class_position"]))
            job.state = JobState.DONE
            return True

    until(make_them)
    expect(page.locator(".overlay")).to_be_visible(timeout=20_000)


def test_review__works_without_javascript(browser, browser_context_args, live_server, kfold):
    context = browser.new_context(**{**browser_context_args, "java_script_enabled": False})
    page = context.new_page()
    page.goto(f"{live_server}{REVIEW}?on=validation&show=all")
    order = page.locator(".tile-said").count()
    assert order == 30
    first = shown(page)
    page.locator(".step-next").click()
    expect(page.locator(".selected-head .file-name")).not_to_have_text(first)
    page.goto(f"{live_server}/p/blood/runs/1")
    expect(page.locator(".static svg.curves").first).to_be_visible()
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_pages__nothing_sticks_out(page: Page, live_server, kfold, width):
    page.set_viewport_size({"width": width, "height": 844})
    for path in ("/p/blood/runs", "/p/blood/runs/1", f"{REVIEW}?on=validation"):
        page.goto(f"{live_server}{path}")
        fits(page, width)


def test_run__live_curves_epochs_and_title(page: Page, live_server, database, store, made):
    with database.write() as session:
        run = factory.run(session, store, made, folds=2, state=JobState.RUNNING)
        run.job.progress = {"phase": "train", "fold": 0, "epoch": 3, "done": 1, "total": 4}
        for epoch in (1, 2):
            factory.add_epoch(session, run, 0, epoch)
    page.goto(f"{live_server}/p/blood/runs/1")
    expect(page.locator(".live canvas")).to_have_count(2)
    expect(page.locator("#epoch-table tbody tr")).to_have_count(2)
    with database.write() as session:
        for epoch in (3, 4):
            factory.add_epoch(session, run, 0, epoch)
        session.get_one(Job, run.job_id).progress = {"phase": "train", "fold": 0, "epoch": 6, "done": 2, "total": 4}
    expect(page.locator("#epoch-table tbody tr")).to_have_count(4)
    expect(page.locator("#run-status")).to_have_text("Fold 1 of 2 · epoch 6 of 50 · image 2 of 4")
    expect(page).to_have_title(re.compile(r"^6% · Run 1 · "))
    assert float(page.locator("#run-share").get_attribute("value") or 0) == pytest.approx(0.055, abs=0.002)
    page.get_by_role("button", name="Stop, keep the best").click()
    expect(page.locator("#run-status")).to_contain_text("The best weights so far are kept")
    with database.write() as session:
        session.get_one(Job, run.job_id).state = JobState.CANCELLED
    expect(page.locator("h1")).to_contain_text("stopped")
    expect(page.locator("#live")).to_have_count(0)


def test_streams__come_back_after_an_answer_that_is_an_error(
    browser, browser_context_args, live_server, database, store, made
):
    with database.write() as session:
        run = factory.run(session, store, made, folds=2, state=JobState.RUNNING)
        factory.add_epoch(session, run, 0, 1)
    context = browser.new_context(**browser_context_args)  # the refused request is an error of the console
    pages = [context.new_page(), context.new_page()]
    for page in pages:
        page.route("**/events?*", lambda route: route.fulfill(status=502, body="restarting"))
    pages[0].goto(f"{live_server}/p/blood/runs/1")
    pages[1].goto(f"{live_server}/jobs")
    for page, lost in zip(pages, ("#run-lost", "#jobs-lost"), strict=True):
        expect(page.locator(lost)).to_be_visible()
        page.unroute("**/events?*")
    with database.write() as session:
        factory.add_epoch(session, run, 0, 2)
        session.get_one(Job, run.job_id).attempt = 4
    expect(pages[0].locator("#epoch-table tbody tr")).to_have_count(2)
    expect(pages[1].locator("#part-running")).to_contain_text("attempt 4")
    for page, lost in zip(pages, ("#run-lost", "#jobs-lost"), strict=True):
        expect(page.locator(lost)).to_be_hidden()
    context.close()


def test_run__chart_follows_the_theme(page: Page, live_server, kfold):
    page.goto(f"{live_server}/p/blood/runs/1")
    canvas = page.locator(".live canvas").first
    expect(canvas).to_be_visible()
    before = canvas.evaluate("one => one.toDataURL()")
    page.locator("#theme").click()
    page.locator("#theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    until(lambda: page.locator(".live canvas").first.evaluate("one => one.toDataURL()") != before, page)


def test_run__numbers_under_the_pointer(page: Page, live_server, holdout):
    page.goto(f"{live_server}/p/blood/runs/1")
    page.locator(".live .u-over").first.hover()
    expect(page.locator(".readout").first).to_contain_text("epoch")

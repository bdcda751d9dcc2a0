"""The shell in a real browser: keys, themes, languages, input method, names that try to be code."""

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from app.db.models import Project
from tests import factories
from tests.waiting import fits

pytestmark = pytest.mark.browser

LOAD_PICTURES = """() => Promise.all([...document.images].map(image => {
  image.loading = "eager";
  return image.decode();
}))"""
PAGES = ("/", "/help", "/p/{slug}", "/p/{slug}/classes")


@pytest.fixture
def rows(database, store):
    with database.write() as session:
        project = factories.make_project(session, "血液スメア")
        factories.add_images(session, store, project, 6, label_class=project.classes[0])
    return project


@pytest.mark.parametrize("width", [1280, 390, 320])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_pages__fit_the_width_without_a_message(page: Page, live_server, rows, width, language):
    page.set_viewport_size({"width": width, "height": 800})
    for path in PAGES:
        page.goto(f"{live_server}{path.format(slug=rows.slug)}?lang={language}")
        fits(page, width)
        expect(page.locator("h1")).to_be_visible()
        page.evaluate(LOAD_PICTURES)  # raises when one cannot be shown


def test_project__a_double_click_makes_one(page: Page, live_server, database):
    page.goto(live_server)
    page.fill("#name", "二度押し")
    # Chromium takes a form that is sent twice at once for one most of the time: what is let through is counted, too.
    page.evaluate(
        """addEventListener("submit", (event) => {
          sessionStorage.sent = Number(sessionStorage.sent ?? 0) + (event.defaultPrevented ? 0 : 1);
        })"""
    )
    page.get_by_role("button", name="Create project").dblclick()
    page.wait_for_url("**/p/**")
    assert page.evaluate("sessionStorage.sent") == "1"
    page.goto(live_server)
    expect(page.locator("main").get_by_role("link", name="二度押し", exact=True)).to_have_count(1)
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).where(Project.name == "二度押し")) == 1


def test_theme__is_switched_and_kept(page: Page, live_server):
    page.goto(live_server)
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.locator("#theme").click()
    page.locator("#theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate(background) != light
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("#theme")).to_have_attribute("aria-label", "Theme: dark")


def test_language__is_switched_and_kept(page: Page, live_server):
    page.goto(f"{live_server}/help")
    page.get_by_role("link", name="日本語").click()
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    page.goto(live_server)
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_keys__overview_opens_lists_and_closes(page: Page, live_server):
    page.goto(live_server)
    page.keyboard.press("?")
    dialog = page.locator("#keys-dialog")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("Show this overview")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.locator("#name").focus()
    page.keyboard.press("?")
    expect(dialog).to_be_hidden()
    expect(page.locator("#name")).to_have_value("?")


def test_keys__single_keys_can_be_switched_off(page: Page, live_server):
    page.goto(live_server)
    page.evaluate(
        """async () => {
          window.seen = [];
          const { register } = await import("/static/js/shortcuts.js");
          register([
            { keys: ["Digit1"], label: "one", run: () => seen.push("one") },
            { keys: ["KeyZ", "Ctrl+KeyZ"], label: "undo", run: () => seen.push("undo") },
          ]);
        }"""
    )
    press = """code => document.body.dispatchEvent(
      new KeyboardEvent("keydown", {code, key: "Process", keyCode: 229, bubbles: true}))"""
    page.keyboard.press("1")
    page.keyboard.press("z")
    page.evaluate(press, "Digit1")  # an input method is on, but nothing is typed into
    page.evaluate(press, "Numpad1")
    assert page.evaluate("seen") == ["one", "undo", "one", "one"]
    page.keyboard.press("?")
    page.locator("#keys-single").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator("#keys-dialog")).to_be_hidden()
    page.keyboard.press("1")
    page.keyboard.press("Control+z")
    assert page.evaluate("seen") == ["one", "undo", "one", "one", "undo"]


def test_classes__enter_adds_but_not_while_composing(page: Page, live_server, rows):
    page.goto(f"{live_server}/p/{rows.slug}/classes")
    field = page.locator("#new-name")
    expect(field).to_be_focused()
    field.fill("りんぱきゅう")
    prevented = page.evaluate(
        "() => !document.getElementById('new-name').dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'Enter', keyCode: 229, bubbles: true, cancelable: true}))"
    )
    assert prevented
    field.press("Enter")
    expect(page.locator(".class-row")).to_have_count(4)
    expect(page.locator("#new-name")).to_be_focused()
    expect(page.locator("#new-name")).to_have_value("")


def test_classes__taken_name_leads_to_the_existing_row(page: Page, live_server, rows):
    page.goto(f"{live_server}/p/{rows.slug}/classes")
    page.locator("#new-name").fill("単球")
    page.locator("#new-name").press("Enter")
    expect(page.locator("#new-error")).to_contain_text("単球")
    page.get_by_role("link", name="Show it").click()
    expect(page).to_have_url(re.compile(r"#class-\d+$"))


def test_toast__is_announced_has_an_action_and_closes(page: Page, live_server):
    page.goto(live_server)
    page.evaluate(
        """async () => {
          const { toast } = await import("/static/js/toast.js");
          toast("血液_0317 → 好中球 <b>", { action: { label: "Undo", run: () => { window.undone = true; } } });
          toast("not saved", { error: true });
        }"""
    )
    region = page.get_by_role("status")
    expect(region).to_contain_text("好中球 <b>")
    expect(region.locator("b")).to_have_count(0)
    region.get_by_role("button", name="Undo").click()
    assert page.evaluate("window.undone")
    expect(region.locator(".toast")).to_have_count(1)
    region.get_by_role("button", name="Close").click()
    expect(region.locator(".toast")).to_have_count(0)


def test_without_javascript__projects_and_classes_work(browser, live_server):
    context = browser.new_context(java_script_enabled=False, locale="en-US")
    page = context.new_page()
    page.goto(live_server)
    page.locator("#name").fill("JavaScript なし")
    page.get_by_role("button", name="Create project").click()
    expect(page.locator("h1")).to_have_text("JavaScript なし")
    page.get_by_role("link", name="Edit classes").click()
    page.locator("#new-name").fill("猫")
    page.locator("#new-name").press("Enter")
    expect(page.locator(".class-row")).to_have_count(1)
    context.close()


def test_keyboard__every_control_can_be_reached_and_seen(page: Page, live_server, rows):
    page.goto(live_server)
    wanted = page.evaluate(
        "[...document.querySelectorAll('a[href], button, input, textarea')].filter(e => e.checkVisibility()).length"
    )
    reached = set()
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => {
              const e = document.activeElement;
              const all = [...document.querySelectorAll('a[href], button, input, textarea')];
              return [all.indexOf(e), getComputedStyle(e).outlineStyle];
            }"""
        )
        if found[0] >= 0:
            assert found[1] != "none"
            reached.add(found[0])
    assert len(reached) == wanted

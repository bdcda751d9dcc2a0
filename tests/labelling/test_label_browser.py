"""Label mode in a real browser: the keys, a bad line, reloads, conflicts, an input method, speed."""

import random

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, Route, expect

from app.db.models import ChangeSet, Image, LabelClass, LabelEvent
from app.domain.enums import LabelSource
from app.services import labels
from tests.labelling.conftest import add_rows
from tests.waiting import fits

pytestmark = pytest.mark.browser

# Resolves when the picture that a key leads to is decoded and on the screen; the answer is in milliseconds.
PRESS_AND_MEASURE = """async (code) => {
  const before = document.querySelector(".picture");
  const start = performance.now();
  const key = {code, key: code.slice(-1), bubbles: true, cancelable: true};
  document.body.dispatchEvent(new KeyboardEvent("keydown", key));
  while (document.querySelector(".picture") === before) await new Promise(requestAnimationFrame);
  await document.querySelector(".picture").decode();
  await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""


def stored(database, rows):
    """The labels of all images as numbers of classes, None without."""
    with database.read() as session:
        found = session.scalars(sa.select(Image.class_id).where(Image.project_id == rows.project_id).order_by(Image.id))
        return [None if class_id is None else rows.classes.index(class_id) for class_id in found]


def saved(page: Page) -> None:
    expect(page.locator("#save-state")).to_have_attribute("data-state", "saved", timeout=120_000)


def test_keys__label_and_advance(page: Page, live_server, database, rows):
    page.goto(f"{live_server}{rows.path}/label")
    for key in "12312":
        page.keyboard.press(f"Digit{key}")
    expect(page.locator("#picture-name")).to_have_text("血液_00005.png")
    saved(page)
    assert stored(database, rows)[:6] == [0, 1, 2, 0, 1, None]
    expect(page.locator("[data-count=labelled]")).to_have_text("5")
    expect(page.locator("#strip li")).to_have_count(5)
    expect(page.locator("#pace")).to_be_visible()


def test_keys__skip_back_same_undo_redo_exclude(page: Page, live_server, database, rows):
    page.goto(f"{live_server}{rows.path}/label")
    name = page.locator("#picture-name")
    page.keyboard.press("Space")
    page.keyboard.press("Digit2")
    page.keyboard.press("Period")
    expect(name).to_have_text("血液_00003.png")
    page.keyboard.press("KeyZ")
    expect(name).to_have_text("血液_00002.png")
    page.keyboard.press("KeyZ")
    expect(name).to_have_text("血液_00001.png")
    page.keyboard.press("Shift+KeyZ")
    expect(page.locator("#picture-label")).to_have_text("好酸球")
    page.keyboard.press("ArrowLeft")
    expect(name).to_have_text("血液_00000.png")
    page.keyboard.press("KeyX")
    expect(page.locator(".label-progress [data-count=total]")).to_have_text("31")
    saved(page)
    assert stored(database, rows)[:4] == [None, 1, None, None]
    with database.read() as session:
        assert session.get_one(Image, rows.images[0]).state == "excluded"
        assert [
            (found.field, found.source) for found in session.scalars(sa.select(ChangeSet).order_by(ChangeSet.id))
        ] == [
            ("skipped", "label"),
            ("label", "label"),
            ("label", "label"),
            ("label", "undo"),
            ("label", "undo"),
            ("label", "redo"),
            ("excluded", "label"),
        ]


def test_keys__act_while_an_input_method_is_on(page: Page, live_server, database, rows):
    page.goto(f"{live_server}{rows.path}/label")
    expect(page.locator("#picture-name")).to_have_text("血液_00000.png")
    page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', "
        "{code: 'Digit3', key: 'Process', keyCode: 229, bubbles: true, cancelable: true}))"
    )
    expect(page.locator("#picture-name")).to_have_text("血液_00001.png")
    page.keyboard.press("Control+Digit1")
    page.keyboard.press("Alt+Digit1")
    saved(page)
    assert stored(database, rows)[:2] == [2, None]


def unreliable(route: Route, chance: random.Random, failed: list[str]) -> None:
    """Three requests of ten fail: lost on the way, refused by a server in trouble, or carried out without an answer."""
    how = chance.choices(["lost", "busy", "silent", ""], [1, 1, 1, 7])[0]
    if not how:
        return route.continue_()
    failed.append(how)
    if how == "busy":
        return route.fulfill(status=503, body="later")
    if how == "silent":
        route.fetch()
    return route.abort()


def test_bad_line__every_label_arrives_exactly_once(rough_page: Page, live_server, database, store):
    """Two hundred labels while 30 % of the requests fail, one of them against a label that somebody else gave first."""
    rows = add_rows(database, store, 202)
    chance, failed = random.Random(7), list[str]()
    wanted = [chance.randrange(3) for _ in range(200)]
    theirs = (wanted[5] + 1) % 3
    # The browser says all the time that the network is back: the waits of the saver, up to 10 s, are not what is tried.
    rough_page.add_init_script("setInterval(() => dispatchEvent(new Event('online')), 50)")
    rough_page.route("**/labels", lambda route: unreliable(route, chance, failed))
    rough_page.goto(f"{live_server}{rows.path}/label")
    expect(rough_page.locator("#picture-name")).to_have_text("血液_00000.png")
    with database.write() as session:
        change = labels.LabelChange(rows.images[5], rows.classes[theirs], 0)
        labels.assign(session, rows.project_id, [change], source=LabelSource.GALLERY, actor="ken", request_id="ken-1")
    for place, number in enumerate(wanted):
        rough_page.keyboard.press(f"Digit{number + 1}")
        expect(rough_page.locator("#picture-name")).to_have_text(f"血液_{place + 1:05d}.png")
    expect(rough_page.locator(".conflict")).to_have_count(1, timeout=30_000)
    rough_page.locator(".conflict button", has_text="Use").click()
    expect(rough_page.locator(".conflict")).to_have_count(0)
    saved(rough_page)
    assert len(failed) > 40
    assert set(failed) == {"lost", "busy", "silent"}
    assert stored(database, rows) == [*wanted, None, None]
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(LabelEvent)) == 201  # and that of ken
        versions = session.scalars(sa.select(Image.label_version).order_by(Image.id)).all()
    assert versions == [1] * 5 + [2] + [1] * 194 + [0, 0]
    assert rough_page.evaluate("Object.keys(localStorage).filter((name) => name !== 'miwake.pace').length") == 0


def test_reload__loses_nothing(rough_page: Page, live_server, database, rows):
    rough_page.route("**/labels", lambda route: route.abort())
    rough_page.goto(f"{live_server}{rows.path}/label")
    for key in "123":
        rough_page.keyboard.press(f"Digit{key}")
    expect(rough_page.locator("#save-state")).to_have_attribute("data-state", "waiting")
    expect(rough_page.locator("#save-state")).to_contain_text("3 not yet saved")
    assert stored(database, rows)[:3] == [None, None, None]
    rough_page.goto("about:blank")  # the page that sent them is gone before the line is good again
    rough_page.unroute("**/labels")
    rough_page.goto(f"{live_server}{rows.path}/label")
    saved(rough_page)
    expect(rough_page.locator("#picture-name")).to_have_text("血液_00003.png")
    assert stored(database, rows)[:4] == [0, 1, 2, None]


def test_two_labels_of_one_image__in_one_go(rough_page: Page, live_server, database, rows):
    """The second change follows on the first one, which is not acknowledged yet: that is no conflict with oneself."""
    rough_page.route("**/labels", lambda route: route.abort())
    rough_page.goto(f"{live_server}{rows.path}/label")
    rough_page.locator(".more summary").click()
    rough_page.locator("#advance").uncheck()
    rough_page.keyboard.press("Digit1")
    rough_page.keyboard.press("Digit2")
    rough_page.unroute("**/labels")
    saved(rough_page)
    expect(rough_page.locator(".conflict")).to_have_count(0)
    assert stored(database, rows)[0] == 1


def test_undo__after_a_reload_takes_back_the_last_label(page: Page, live_server, database, rows):
    page.goto(f"{live_server}{rows.path}/label")
    page.keyboard.press("Digit1")
    page.keyboard.press("Digit2")
    saved(page)
    page.goto(f"{live_server}{rows.path}/label")
    expect(page.locator("#picture-name")).to_have_text("血液_00002.png")
    page.keyboard.press("KeyZ")
    expect(page.locator("#picture-name")).to_have_text("血液_00001.png")
    assert stored(database, rows)[:2] == [0, None]


@pytest.mark.parametrize(("choice", "result"), [("Keep “単球”", 2), ("Use “好中球”", 0)])
def test_conflict__shows_both_labels(page: Page, live_server, database, rows, choice, result):
    page.goto(f"{live_server}{rows.path}/label")
    with database.write() as session:
        change = labels.LabelChange(rows.images[0], rows.classes[2], 0)
        labels.assign(session, rows.project_id, [change], source=LabelSource.GALLERY, actor="ken", request_id="ken-1")
    page.keyboard.press("Digit1")
    page.keyboard.press("Digit2")
    conflict = page.locator(".conflict")
    expect(conflict).to_contain_text("血液_00000.png: you chose “好中球”, but ken gave “単球”.")
    page.get_by_role("button", name=choice).click()
    expect(conflict).to_have_count(0)
    saved(page)
    assert stored(database, rows)[:2] == [result, 1]
    page.keyboard.press("KeyZ")
    expect(page.locator("#picture-name")).to_have_text("血液_00001.png" if result else "血液_00000.png")
    saved(page)
    assert stored(database, rows)[:2] == ([2, None] if result else [2, 1])


def test_finished__leads_on(page: Page, live_server, database, store):
    rows = add_rows(database, store, 3)
    page.goto(f"{live_server}{rows.path}/label")
    page.keyboard.press("Digit1")
    page.keyboard.press("Space")
    page.keyboard.press("Digit3")
    expect(page.locator("#picture-name")).to_have_text("血液_00001.png")  # what was skipped comes round again
    page.keyboard.press("Digit2")
    expect(page.locator(".finished")).to_be_visible()
    saved(page)
    assert stored(database, rows) == [0, 1, 2]
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#picture-name")).to_be_visible()
    page.goto(f"{live_server}{rows.path}/label")
    expect(page.get_by_role("heading", name="All 3 images are labelled.")).to_be_visible()
    expect(page.get_by_role("link", name="Train a classifier")).to_be_visible()


def test_many_classes__shift_digit_and_typing(page: Page, live_server, database, store):
    rows = add_rows(database, store, 4, [f"クラス{number}" for number in range(1, 15)])
    page.goto(f"{live_server}{rows.path}/label")
    page.keyboard.press("Shift+Digit2")
    page.keyboard.press("Digit0")
    page.keyboard.press("Slash")
    page.locator("#picker-input").fill("ｸﾗｽ14")
    expect(page.locator("#picker-list li")).to_have_count(1)
    composing = "{key: 'Enter', code: 'Enter', keyCode: 229, isComposing: true, bubbles: true, cancelable: true}"
    page.locator("#picker-input").evaluate(f"e => e.dispatchEvent(new KeyboardEvent('keydown', {composing}))")
    expect(page.locator("#picker")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#picture-name")).to_have_text("血液_00003.png")
    saved(page)
    assert stored(database, rows) == [11, 9, 13, None]


def test_new_class__added_while_labelling(page: Page, live_server, database, store):
    rows = add_rows(database, store, 2, ())
    page.goto(f"{live_server}{rows.path}/label")
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    page.keyboard.type("好中球")
    page.keyboard.press("Enter")
    expect(page.locator(".class-button")).to_contain_text("好中球")
    saved(page)  # the module of the new page runs
    page.keyboard.press("Digit1")
    expect(page.locator("#picture-name")).to_have_text("血液_00001.png")
    saved(page)
    with database.read() as session:
        added = session.scalar(sa.select(LabelClass.id).where(LabelClass.name == "好中球"))
        assert session.get_one(Image, rows.images[0]).class_id == added


def test_plain_forms__without_javascript(browser, live_server, database, rows):
    context = browser.new_context(java_script_enabled=False, locale="en-US")
    page = context.new_page()
    page.goto(f"{live_server}{rows.path}/label")
    page.get_by_role("button", name="好酸球").click()
    expect(page.locator("#picture-name")).to_have_text("血液_00001.png")
    page.get_by_role("button", name="Skip").click()
    expect(page.locator("#picture-name")).to_have_text("血液_00002.png")
    page.get_by_role("button", name="Exclude").click()
    for name in ("血液_00002.png", "血液_00001.png", "血液_00000.png"):  # excluded, skipped, labelled
        page.get_by_role("button", name="Undo").click()
        expect(page.locator("#picture-name")).to_have_text(name)
    assert stored(database, rows)[:3] == [None, None, None]
    context.close()


def test_speed__next_picture_within_150_ms(page: Page, live_server, database, store):
    rows = add_rows(database, store, 10_000)
    page.goto(f"{live_server}{rows.path}/label")
    expect(page.locator(".picture")).to_be_visible()
    times = sorted(page.evaluate(PRESS_AND_MEASURE, f"Digit{number % 3 + 1}") for number in range(40))
    saved(page)
    assert times[20] < 150, times  # of most pictures: beside other tests a few of them take longer
    assert stored(database, rows).count(None) == 10_000 - 40


def test_broken_picture__says_so(rough_page: Page, live_server, database, store):
    rows = add_rows(database, store, 2)
    with database.write() as session:
        session.execute(sa.update(Image).where(Image.id == rows.images[0]).values(canonical_sha256="0" * 64))
    rough_page.goto(f"{live_server}{rows.path}/label")
    expect(rough_page.locator("#stage-note")).to_contain_text("cannot be shown")
    rough_page.keyboard.press("Digit1")
    expect(rough_page.locator("#stage-note")).to_be_hidden()
    saved(rough_page)


def test_pages__fit_a_phone(page: Page, live_server, database, rows):
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/label", "/images", f"/images/{rows.images[0]}", "/history", "/images?view=pages"):
        for language in ("en", "ja"):
            page.goto(f"{live_server}{rows.path}{path}{'&' if '?' in path else '?'}lang={language}")
            fits(page, 390)

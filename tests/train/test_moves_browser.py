"""Moving images between splits in a real browser: the dialog of the gallery and the page of one image."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, Route, expect

from app.db.models import Image
from app.domain.enums import Split
from tests.labelling.conftest import picture
from tests.train.rows import project_of
from tests.train.test_splits import ids_of, together
from tests.waiting import until

pytestmark = pytest.mark.browser


@pytest.fixture
def gallery(database, store, live_server, rough_page) -> tuple[Page, str]:
    """The gallery of a project with 4 test images, in which the first and the 21st free image are copies."""
    blob = store.put(picture())
    with database.write() as session:
        project = project_of(session, {"a": 12, "b": 12}, test=2)
        session.execute(sa.update(Image).values(canonical_sha256=blob, thumbnail_sha256=blob))
        free = ids_of(session, None)
        together(session, project, free[0], free[20])
        address = f"{live_server}/p/{project.slug}/images"
    rough_page.goto(address, wait_until="load")
    expect(rough_page.locator("#tile-3[data-image]")).to_be_visible()
    return rough_page, address


def asked(page: Page):
    """The dialog for what is selected."""
    page.locator("details.more summary").click()
    page.locator("details.more button[value=move]").click()
    return page.locator("#move-dialog")


def test_gallery__moves_a_selection_with_its_copies_and_takes_it_back(gallery):
    page, _address = gallery
    page.locator("#tile-0").click()
    page.locator("#tile-3").click(modifiers=["Shift"])
    dialog = asked(page)
    expect(dialog.locator("#move-plan")).to_contain_text("5 images will move.")
    expect(dialog.locator("#move-plan")).to_contain_text("1 of them was not selected")
    dialog.get_by_label("Test", exact=True).check()
    expect(dialog.locator("#move-release")).to_be_hidden()
    dialog.get_by_role("button", name="Move", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("5 images were moved.")
    expect(page.locator("[data-facet=split] [data-value=test]")).to_have_text("9")
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.locator("[data-facet=split] [data-value=test]")).to_have_text("4")
    lose_an_answer_and_move_others(page)


def lose_an_answer_and_move_others(page: Page) -> None:
    """A move whose answer never came does not stand for the next one."""
    losing = iter((True, False))

    def reply(route: Route) -> None:
        answer = route.fetch()
        route.abort() if next(losing) else route.fulfill(response=answer)

    page.route("**/splits/move", reply)
    for tile in ("#tile-0", "#tile-5"):
        page.locator(tile).click()
        dialog = asked(page)
        dialog.get_by_label("Test", exact=True).check()
        dialog.get_by_role("button", name="Move", exact=True).click()
        if tile == "#tile-0":
            expect(dialog.locator("#move-error")).not_to_be_empty()
            dialog.get_by_role("button", name="Cancel").click()
    expect(page.locator("#toasts")).to_contain_text("1 image was moved.")
    expect(page.locator("[data-facet=split] [data-value=test]")).to_have_text("7")


def test_pinned__images_leave_the_test_set_only_when_asked(gallery, database):
    page, address = gallery
    page.locator("#select-all").click()
    dialog = asked(page)
    dialog.get_by_label("Validation").check()
    expect(dialog.locator("#move-plan")).to_contain_text("4 images stay")
    dialog.get_by_label("Images may leave the pinned test set").check()
    expect(dialog.locator("#move-plan")).to_contain_text("4 images leave the test set.")
    dialog.get_by_role("button", name="Cancel").click()
    with database.read() as session:
        tested = ids_of(session, Split.TEST)
    page.goto(f"{address}/{tested[0]}", wait_until="load")
    page.get_by_text("Move to another split").click()
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.locator("main [role=alert]").first).to_contain_text("is in the pinned test set")
    with database.read() as session:
        assert ids_of(session, Split.TEST) == tested


COUNT_OPENINGS = """() => {
  const go = document.querySelector("#move-dialog [value=move]");
  window.opened = 0;
  new MutationObserver(() => (window.opened += Number(!go.disabled))).observe(go, {attributeFilter: ["disabled"]});
}"""


def test_dialog__a_plan_for_what_was_chosen_before_does_not_let_go(gallery):
    page, _address = gallery
    plans: list[Route] = []

    def hold_first(route: Route) -> None:
        plans.append(route)
        if len(plans) > 1:
            route.continue_()

    page.route("**/splits/plan", hold_first)
    page.evaluate(COUNT_OPENINGS)
    page.locator("#tile-0").click()
    dialog = asked(page)
    until(lambda: plans, page)
    answer = plans[0].fetch()
    dialog.get_by_label("Test", exact=True).evaluate("choice => choice.click()")
    plans[0].fulfill(response=answer)
    until(lambda: len(plans) == 2, page)
    expect(dialog.get_by_role("button", name="Move", exact=True)).to_be_enabled()
    assert page.evaluate("window.opened") == 1

"""The health page in a browser: a check that shows its result by itself, a button, and taking it back."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from app.db.models import Image
from app.domain.picture_facts import measure
from app.services import health_check, health_facts
from benchmarks import planted as real
from tests.health.pictures import photo, saved
from tests.waiting import fits

pytestmark = pytest.mark.browser


def test_health__check_mend_and_take_back(page: Page, live_server, planted):
    project = planted.project()
    page.goto(f"{live_server}/p/{project.slug}/health")
    page.get_by_role("button", name="Check now").click()
    expect(page.locator("main [role=status]")).to_contain_text("The check waits for a worker.")
    planted.check_by_worker(project)
    page.get_by_role("link", name="Test pictures with a copy").click()  # the page brought itself up to date
    expect(page.locator(".health-group")).to_have_count(1)
    page.locator(".health-group").get_by_role("button", name="All into the test set").press("Enter")
    expect(page.locator("main [role=status]")).to_contain_text("1 image was moved.")
    expect(page.locator(".health-group")).to_have_count(0)
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.locator("main [role=status]")).to_contain_text("Taken back")
    expect(page.locator(".health-group")).to_have_count(1)
    page.set_viewport_size({"width": 390, "height": 800})
    fits(page, 390)


MENDED = (  # topic, button, what the page then says
    ("conflicts", "All are 犬", "1 label was changed."),
    ("conflicts", "Keep the best, exclude the others", "1 image was excluded from training."),
    ("leaks", "All into training", "1 image was moved."),
    ("copies", "Keep the best, exclude the others", "1 image was excluded from training."),
    ("dark", "Exclude", "1 image was excluded from training."),
    ("plain", "It is fine", "1 finding is kept as it is and not shown again."),
)


def test_health__every_button_mends_and_is_taken_back(page: Page, live_server, planted):
    project = planted.project()
    planted.check(project)
    status = page.locator("main [role=status]")
    for topic, button, said in MENDED:
        page.goto(f"{live_server}/p/{project.slug}/health/{topic}", wait_until="load")
        places = page.locator(".health-list .health-group, .health-list .single")
        before = places.count()
        places.first.get_by_role("button", name=button).press("Enter")
        expect(status).to_contain_text(said)
        expect(places).to_have_count(before - 1)
        if button != "It is fine":
            status.get_by_role("button", name="Undo").press("Enter")
            expect(status).to_contain_text("Taken back")
        else:
            page.get_by_role("link", name="is kept as it is").click()
            page.wait_for_url("**/plain?kept=1", wait_until="load")
            places.first.get_by_role("button", name="Show it again").press("Enter")
            expect(status).to_contain_text("1 finding is shown again.")
    page.goto(f"{live_server}/p/{project.slug}/health/plain", wait_until="load")
    expect(page.locator(".health-list .single")).to_have_count(1)


@pytest.mark.real
def test_two_microscopes__are_found_on_the_page(page: Page, live_server, database, store, shared_data):
    """Blood cells of two sources that are shared out unevenly over the classes: the beginning of the names tells."""
    ones = real.read(shared_data / "wbc_mixed")
    for one in ones:
        one.facts = measure(one.data)
    shown = store.put(saved(photo(1)))
    with database.write() as session:
        project, _by_id = real.project_of(session, "wbc_mixed", ones)
        session.execute(sa.update(Image).values(canonical_sha256=shown, thumbnail_sha256=shown))
        health_check.store(
            session, project.id, *health_check.examine(health_facts.table(session, project.id)), len(ones)
        )
    page.goto(f"{live_server}/p/{project.slug}/health", wait_until="load")
    row = page.locator("#properties tr").filter(has_text="beginning of the file name")
    row.get_by_role("link", name="gives the class away").click()
    page.wait_for_url("**/properties/prefix", wait_until="load")
    for source in ("bccd", "tecom"):
        expect(page.locator(".values-table")).to_contain_text(source)
    expect(page.locator(".health-strip img").first).to_be_visible()

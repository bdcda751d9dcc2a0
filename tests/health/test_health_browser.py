"""The health page in a browser: a check that shows its result by itself, a button, and taking it back."""

import pytest
from playwright.sync_api import Page, expect

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
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


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

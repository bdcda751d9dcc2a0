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

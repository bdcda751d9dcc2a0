"""A run ends while somebody is busy with its page."""

import pytest
from playwright.sync_api import Page

from app.db.run_models import Job
from app.domain.enums import JobState
from tests.inspect import factory

pytestmark = pytest.mark.browser


def test_run__that_ends_while_a_link_is_pressed_lets_it_go_first(page: Page, live_server, database, store, made):
    with database.write() as session:
        run = factory.run(session, store, made, folds=2, state=JobState.RUNNING)
        job_id = run.job_id
    page.goto(f"{live_server}/p/blood/runs/1")
    page.evaluate(
        """() => new EventSource(document.getElementById("live").dataset.events + "?after=0")
          .addEventListener("end", () => (window.ended = true))"""
    )  # what another reader of the same stream has, this page has too
    page.locator("nav a[href$='/runs']").first.hover()
    page.mouse.down()
    with database.write() as session:
        session.get_one(Job, job_id).state = JobState.CANCELLED
    page.wait_for_function("() => window.ended")
    page.wait_for_timeout(300)  # it would be loaded anew now, and would forget
    assert page.evaluate("window.ended")
    page.mouse.up()
    page.wait_for_url("**/p/blood/runs")

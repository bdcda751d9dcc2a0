"""The page of jobs keeps itself fresh."""

import pytest
from playwright.sync_api import Page, expect

from app.db.session import Database
from app.domain.enums import JobKind, Lane
from app.services import jobs

pytestmark = pytest.mark.browser


def test_jobs__new_ones_appear_by_themselves(page: Page, live_server: str, database: Database, project):
    page.goto(f"{live_server}/jobs")
    expect(page.get_by_text("There are no jobs yet.")).to_be_visible()
    with database.write() as session:
        jobs.create(session, project_id=project.id, kind=JobKind.EXPLAIN, lane=Lane.CPU, spec={})
    expect(page.get_by_role("heading", name="Waiting in line")).to_be_visible(timeout=15_000)
    page.get_by_role("button", name="Take out of the line").click()
    expect(page.get_by_role("heading", name="Ended")).to_be_visible()

"""Ten thousand files through the page in one go; the usual run of the tests takes 1,500."""

import time

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from app.db.models import Image, ImportEntry
from tests.chaos.record import FULL, record
from tests.imports.browsing import go, many

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

COUNT = 10_000 if FULL else 1_500
MOST_NODES = 4_000  # of the whole page while it sends


def test_many_files__of_one_folder_simply_come(page: Page, live_server, project, database, tmp_path):
    folder, begun = many(tmp_path, COUNT), time.monotonic()
    asked: list[int] = []
    page.on("request", lambda request: asked.append(1) if "/bundle/files" in request.url else None)
    page.goto(f"{live_server}/p/{project.slug}/import")
    page.set_input_files("#pick-folder", folder)
    expect(page.locator("#plan-rows tr")).to_have_count(2)
    go(page)
    expect(page.locator("#running-pictures img").first).to_be_visible()
    assert page.evaluate("document.querySelectorAll('*').length") < MOST_NODES
    page.wait_for_url("**/imports/1", timeout=600_000)
    seconds = time.monotonic() - begun
    expect(page.locator("[data-count=new]")).to_have_text(f"{COUNT:,}")
    assert len(asked) <= COUNT // 100 + 10  # a request for each hundred, not for each file
    with database.read() as session:
        per_class = sa.select(sa.func.count(Image.id)).group_by(Image.class_id).order_by(Image.class_id)
        assert session.scalars(per_class).all() == [COUNT // 2] * 2
        assert session.scalar(sa.select(sa.func.count()).select_from(ImportEntry)) == COUNT
    record(f"{COUNT:,} files of one folder through the page", 1, 1, seconds, f"{COUNT / seconds:.0f} files a second")

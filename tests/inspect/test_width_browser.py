"""Pages of a run and of a search for a rate fit a narrow window, however long the names of classes are."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page

from app.db.models import LabelClass
from app.db.run_models import Job, RunClass
from app.domain.enums import JobKind, JobState, Lane
from app.domain.presets import PRESETS
from tests.inspect import factory
from tests.search.test_rate_search import curve
from tests.waiting import fits

pytestmark = pytest.mark.browser

NARROW = 390
PAGES = ("runs/1", "runs/1/review", "runs/1/report", "runs/1/sureness", "runs/1/classes", "train")
UNFOLD = "document.querySelectorAll('main details').forEach((part) => (part.open = true))"


@pytest.mark.parametrize("name", ["好中球と呼ばれる白血球の仲間でとても長い名前を持つ細胞の種類", "Neutrophil" * 19])
def test_run__with_a_long_name_of_a_class(page: Page, live_server, database, store, made, name):
    with database.write() as session:
        factory.run(session, store, made)
        session.execute(sa.update(RunClass).where(RunClass.position == 0).values(name=name))
        session.execute(sa.update(LabelClass).where(LabelClass.position == 0).values(name=name, name_key=name))
    for width in (NARROW, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        for path in PAGES:
            page.goto(f"{live_server}/p/blood/{path}")
            page.evaluate(UNFOLD)
            fits(page, width)


def test_run__that_failed_for_a_file_with_a_name_without_spaces(page: Page, live_server, database, store, made):
    with database.write() as session:
        run = factory.run(session, store, made, state=JobState.FAILED)
        failed = {"error_code": "blob_missing", "error_params": {"hash": "0123abcd" * 8}}
        session.execute(sa.update(Job).where(Job.id == run.job_id).values(**failed))
    page.set_viewport_size({"width": NARROW, "height": 800})
    for path in ("runs/1", "runs/1/report"):
        page.goto(f"{live_server}/p/blood/{path}")
        assert "0123abcd0123abcd" in page.inner_text("main")
        fits(page, NARROW)


def test_rates__are_put_into_the_form_within_the_window(page: Page, live_server, database, made):
    recipe = PRESETS["wbc"].recipe.to_json()
    with database.write() as session:
        job = Job(
            project_id=made.project.id, kind=JobKind.RATES, lane=Lane.GPU, spec={"recipe": recipe},
            state=JobState.DONE, result={"losses": curve().tolist(), "diverged": True},
        )  # fmt: skip
        session.add(job)
        session.flush()
        number = job.id
    page.set_viewport_size({"width": NARROW, "height": 800})
    page.goto(f"{live_server}/p/blood/rates/{number}")
    fits(page, NARROW)
    page.locator("#use-tenth").click()
    page.wait_for_url("**/train?**")

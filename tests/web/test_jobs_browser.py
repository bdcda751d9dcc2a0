"""The page of jobs keeps itself fresh, and leaves alone what a person is busy with."""

import pytest
from playwright.sync_api import Page, expect

from app.db.session import Database
from app.domain.enums import JobKind, JobState, Lane
from app.services import jobs

pytestmark = pytest.mark.browser


@pytest.fixture
def add(database: Database, project):
    def make(**values) -> int:
        with database.write() as session:
            values = {"kind": JobKind.EXPLAIN, "lane": Lane.CPU, "spec": {}, **values}
            return jobs.create(session, project_id=project.id, **values).id

    return make


def test_jobs__new_ones_appear_by_themselves(page: Page, live_server: str, add):
    page.goto(f"{live_server}/jobs")
    expect(page.get_by_text("There are no jobs yet.")).to_be_visible()
    add()
    expect(page.get_by_role("heading", name="Waiting in line")).to_be_visible(timeout=15_000)
    expect(page.get_by_text("There are no jobs yet.")).to_be_hidden()
    page.get_by_role("button", name="Take out of the line").click()
    expect(page.get_by_role("heading", name="Ended")).to_be_visible()


def test_jobs__what_is_unfolded_and_focused_stays_so_while_the_page_changes(
    page: Page, live_server: str, add, database: Database
):
    parent = add(kind=JobKind.TRAIN, lane=Lane.GPU, state=JobState.WAITING)
    folds = [add(kind=JobKind.FOLD, lane=Lane.GPU, parent_id=parent, spec={"fold": fold}) for fold in range(3)]
    page.goto(f"{live_server}/jobs")
    page.get_by_text("Folds: 3 waiting").click()
    expect(page.get_by_text("Fold 3")).to_be_visible()
    stop = page.locator(f"#stop-{parent}")
    stop.focus()
    with database.write() as session:
        jobs.claim(session, folds[0], "w:1", 60)
    with database.write() as session:
        jobs.set_progress(session, folds[0], 1, {"phase": "train", "epoch": 2, "epochs": 9, "done": 1, "total": 2})
    expect(page.get_by_role("heading", name="Running")).to_be_visible(timeout=15_000)
    with database.write() as session:
        jobs.fail(session, folds[0], 1, "crashed", {"signal": "SIGSEGV"}, "the last line of the log")
    expect(page.get_by_text("Folds: 2 waiting · 1 failed")).to_be_visible(timeout=15_000)
    page.get_by_text("Folds: 2 waiting · 1 failed").click()
    page.get_by_text("Last lines of the log").click()
    add()
    expect(page.get_by_text("Heat maps", exact=True)).to_be_visible(timeout=15_000)
    expect(page.get_by_text("the last line of the log")).to_be_visible()
    page.locator(f"#again-{folds[0]}").click()
    expect(page.get_by_text("Folds: 3 waiting")).to_be_visible()


def test_jobs__moved_to_the_front(page: Page, live_server: str, add):
    first, second = add(), add()
    page.goto(f"{live_server}/jobs")
    page.locator(f"#first-{second}").click()
    expect(page.locator(f"#job-{second}")).to_contain_text("next in line")
    expect(page.locator(f"#job-{first}")).to_contain_text("number 2 in line")


def test_jobs__a_button_that_is_held_down_does_not_go_away(page: Page, live_server: str, add, database: Database):
    first = add()
    page.goto(f"{live_server}/jobs")
    page.locator(f"#stop-{first}").hover()
    page.mouse.down()
    with database.write() as session:
        jobs.claim(session, first, "w:1", 60)
    page.evaluate(
        """() => new Promise((arrived) => {
          const { events, shown } = document.getElementById("jobs").dataset;
          const stream = new EventSource(`${events}?${new URLSearchParams({ after: shown })}`);
          stream.addEventListener("part", () => { stream.close(); setTimeout(arrived, 500); });
        })"""
    )  # what another reader of the same stream has, this page has too
    expect(page.get_by_role("heading", name="Waiting in line")).to_be_visible()
    with page.expect_request(f"**/jobs/{first}/stop"):
        page.mouse.up()
    expect(page.get_by_role("heading", name="Waiting in line")).to_be_hidden()

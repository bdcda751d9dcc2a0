"""The upload page in a real browser: files, folders, a drop, a lost connection."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import uvicorn
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from app.db.models import Image, LabelClass
from app.main import create_app
from tests.imports.pictures import picture, zip_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium as the system installed it; nothing is downloaded."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        pytest.skip("NOT TESTED IN A BROWSER: there is no Chromium; set CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of a fresh English browser."""
    context = chromium.new_context(locale="en-US", reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.fixture
def address(settings, database) -> Iterator[str]:
    """The application on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(create_app(settings), host="127.0.0.1", port=port, log_level="error", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """What the console and the content security policy complain about; nothing may be left at the end."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    yield found
    assert found == []


def names(database):
    query = sa.select(Image.path, LabelClass.name).outerjoin(LabelClass, LabelClass.id == Image.class_id)
    with database.read() as session:
        return {path: label for path, label in session.execute(query)}  # noqa: C416 - rows are no pairs for mypy


def folder_of(place: Path) -> Path:
    for path, data in {
        "血球/学習/好中球/1.png": picture(1),
        "血球/学習/単球/2.png": picture(2),
        "血球/学習/単球/broken.png": b"\x89PNG\r\n\x1a\nbroken",
        "血球/テスト/単球/3.png": picture(3),
        "血球/flat.png": picture(4),
        "血球/学習/flat.png": picture(5),
        "血球/.DS_Store": b"x",
    }.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(data)
    return place / "血球"


def test_folder__with_japanese_names_ends_in_the_report(page, address, project, database, tmp_path, complaints):
    page.goto(f"{address}/p/{project.slug}/import")
    page.set_input_files("#pick-folder", folder_of(tmp_path))
    page.wait_for_url("**/imports/1")
    expect(page.locator("[data-count=new]")).to_have_text("5")
    expect(page.locator(".page-head")).to_contain_text("血球 (7 files)")
    expect(page.locator("[data-count=refused]")).to_have_text("1")
    expect(page.locator("table.problems")).to_contain_text("damaged")
    assert names(database) == {
        "血球/学習/好中球/1.png": "好中球",
        "血球/学習/単球/2.png": "単球",
        "血球/テスト/単球/3.png": "単球",
        "flat.png": None,
        "学習/flat.png": None,
    }


def test_many__files_go_in_batches(page, address, project, database, tmp_path, complaints):
    files = []
    for number in range(120):
        path = tmp_path / f"{number}.png"
        path.write_bytes(picture(number))
        files.append(path)
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/files") else None)
    page.goto(f"{address}/p/{project.slug}/import")
    page.set_input_files("#pick-files", files)
    page.wait_for_url("**/imports/1")
    expect(page.locator("[data-count=new]")).to_have_text("120")
    assert len(sent) == 3


def test_connection__that_is_lost_costs_nothing(page, address, project, database, tmp_path):
    failures: list[int] = []

    def sometimes(route: Route) -> None:
        if len(failures) < 2:
            failures.append(1)
            route.abort()
        else:
            route.continue_()

    page.route("**/files", sometimes)
    (tmp_path / "1.png").write_bytes(picture(1))
    page.goto(f"{address}/p/{project.slug}/import")
    page.set_input_files("#pick-files", tmp_path / "1.png")
    expect(page.locator("#running-text")).to_contain_text("connection is lost")
    page.wait_for_url("**/imports/1")
    expect(page.locator("[data-count=new]")).to_have_text("1")
    assert len(failures) == 2


def test_drop__of_a_zip_is_queued(page, address, project, settings, complaints):
    page.goto(f"{address}/p/{project.slug}/import")
    handle = page.evaluate_handle(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "画像.zip", {type: "application/zip"}));
            return transfer;
        }""",
        list(zip_of({"cat/1.png": picture(1)})),
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": handle})
    page.wait_for_url("**/imports/1")
    expect(page.locator("#no-worker")).to_be_visible()
    expect(page.locator(".page-head")).to_contain_text("画像.zip")


def test_zip__that_is_refused_says_why_on_the_page(page, address, project, tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"not a zip")
    page.goto(f"{address}/p/{project.slug}/import")
    page.set_input_files("#pick-files", tmp_path / "bad.zip")
    expect(page.locator("#running-problems")).to_contain_text("not a zip file")

"""``make demo``: a sample project that trains at once; its main pages are the pictures of the documentation.

With ``WRITE_SHOTS=1`` the screenshots are written to docs/shots (``make shots``), with one more training to compare
with; otherwise they go to the folder of the test and are only checked to be pictures of a page. The usual run stops
after two of the five models, as a person may; ``make test-all`` and ``make shots`` train all of them.
"""

import os
import re
import urllib.request
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.chaos.record import FULL
from tests.e2e.conftest import started

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.ml]

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "/p/blood-cells-drawn"
TRAINING = 280_000  # milliseconds; a shared machine with two cores may be slow
PAGES = {
    "import": f"{PROJECT}/import",
    "label": f"{PROJECT}/label?queue=all",
    "train": f"{PROJECT}/train?preset=wbc",
    "run": f"{PROJECT}/runs/1",
    "classes": f"{PROJECT}/runs/1/classes?on=validation",
    "labels": f"{PROJECT}/runs/1/labels",
    "report": f"{PROJECT}/runs/1/report",
    "review": f"{PROJECT}/runs/1/review?on=validation",
}
WRITTEN = bool(os.environ.get("WRITE_SHOTS"))
WHOLE = WRITTEN or FULL


def folder(tmp_path: Path) -> Path:
    found = ROOT / "docs" / "shots" if WRITTEN else tmp_path / "shots"
    found.mkdir(parents=True, exist_ok=True)
    return found


def shoot(page: Page, path: Path) -> None:
    """What a person sees without scrolling."""
    page.screenshot(path=path)
    with Image.open(path) as shot:
        assert shot.size == (1280, 900)
        assert len(shot.convert("RGB").getcolors(2**24) or []) > 50, "an empty page"
        shot.convert("RGB").save(path, optimize=True)


def shoot_two_runs(page: Page, address: str, path: Path) -> None:
    """Train the improved recipe too, and look at what has changed."""
    page.goto(f"{address}{PROJECT}/train?preset=wbc-plus&lang=en")
    page.get_by_role("button", name="Start training").last.click()
    page.wait_for_url("**/runs/2*", wait_until="load")
    expect(page.locator("h1 .badge")).to_have_text("done", timeout=TRAINING)
    page.goto(f"{address}{PROJECT}/compare?runs=1,2")
    page.wait_for_load_state("networkidle")
    shoot(page, path)


def fits_on_paper(page: Page) -> None:
    """Nothing of a table is cut off where nobody can scroll: A4 without its margins."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 900})
    tables = page.locator(".table-scroll:visible")
    assert tables.count() > 2
    assert tables.evaluate_all("found => found.every((one) => one.scrollWidth <= one.clientWidth + 1)")
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 1280, "height": 900})


def go_to_a_map(page: Page) -> None:
    """Go on by key to a mistake whose heat map shows something; a map is empty where nothing speaks for the answer."""
    while page.locator("#faint").count():
        before = page.locator(".selected-head").get_attribute("data-item") or ""
        page.keyboard.press("ArrowRight")
        expect(page.locator(".selected-head")).not_to_have_attribute("data-item", before)


def train(page: Page, address: str) -> None:
    page.goto(address + PAGES["run"])
    if WHOLE:
        expect(page.locator("#run-status")).to_contain_text("epoch", timeout=60_000)
    else:
        expect(page.locator("#run-status")).to_contain_text("Fold 3 of 5 · epoch", timeout=TRAINING)
        page.get_by_role("button", name="Stop, keep the best").click()
    expect(page.locator("h1 .badge")).to_have_text("done" if WHOLE else "stopped", timeout=TRAINING)
    expect(page.locator("#run-cut")).to_have_count(0 if WHOLE else 1)
    if not WHOLE:
        expect(page.locator("#run-cut")).to_contain_text("of 5 models")


def comes_back(folder: Path) -> None:
    """A second time the same project and its training are found, and no other is made."""
    said = folder / "output.txt"
    first = re.findall(r"Its 5-fold training: \S+(/p/\S+)", said.read_text())
    with started("demo", folder, "/runs/1") as address:
        assert re.findall(r"Its 5-fold training: \S+(/p/\S+)", said.read_text()) == first == [f"{PROJECT}/runs/1"]
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert set(re.findall(r'href="/p/([^/"]+)"', answer.read().decode())) == {PROJECT.removeprefix("/p/")}


def test_demo__trains_and_its_pages_work_in_both_languages(page: Page, tmp_path: Path):
    with started("demo", tmp_path, "/runs/1") as address:
        train(page, address)
        look(page, address, folder(tmp_path))
    comes_back(tmp_path)


def look(page: Page, demo_address: str, shots: Path) -> None:
    for name, path in PAGES.items():
        page.goto(demo_address + path)
        expect(page.locator("main")).to_be_visible()
        page.wait_for_load_state("networkidle")
        if name == "review":
            go_to_a_map(page)
            page.wait_for_load_state("networkidle")
        shoot(page, shots / f"{name}.png")
        if name == "report":
            fits_on_paper(page)
    expect(page.locator("#selected img").first).to_be_visible()
    shoot_in_japanese(page, shots / "review-ja.png")
    if WRITTEN:
        shoot_two_runs(page, demo_address, shots / "compare.png")


def shoot_in_japanese(page: Page, path: Path) -> None:
    page.goto(f"{page.url.partition('#')[0]}&lang=ja")
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    expect(page.locator("body")).to_contain_text("混同行列")
    page.wait_for_load_state("networkidle")
    shoot(page, path)

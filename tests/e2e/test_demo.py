"""``make demo``: a sample project that trains at once; its main pages are the pictures of the documentation.

With ``WRITE_SHOTS=1`` the screenshots are written to docs/shots (``make shots``); otherwise they go to the folder of
the test and are only checked to be pictures of a page.
"""

import os
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.ml]

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "/p/blood-cells-drawn"
TRAINING = 280_000  # milliseconds; a shared machine with two cores may be slow
PAGES = {
    "import": f"{PROJECT}/import",
    "label": f"{PROJECT}/label?queue=all",
    "train": f"{PROJECT}/train?preset=wbc",
    "run": f"{PROJECT}/runs/1",
    "review": f"{PROJECT}/runs/1/review?on=validation",
}


def folder(tmp_path: Path) -> Path:
    found = ROOT / "docs" / "shots" if os.environ.get("WRITE_SHOTS") else tmp_path / "shots"
    found.mkdir(parents=True, exist_ok=True)
    return found


def shoot(page: Page, path: Path) -> None:
    """What a person sees without scrolling."""
    page.screenshot(path=path)
    with Image.open(path) as shot:
        assert shot.size == (1280, 900)
        assert len(shot.convert("RGB").getcolors(2**24) or []) > 50, "an empty page"
        shot.convert("RGB").save(path, optimize=True)


def go_to_a_map(page: Page) -> None:
    """Go on by key to a mistake whose heat map shows something; a map is empty where nothing speaks for the answer."""
    while page.locator("#faint").count():
        before = page.locator(".selected-head").get_attribute("data-item") or ""
        page.keyboard.press("ArrowRight")
        expect(page.locator(".selected-head")).not_to_have_attribute("data-item", before)


def test_demo__trains_and_its_pages_work_in_both_languages(page: Page, demo_address: str, tmp_path: Path):
    page.goto(demo_address + PAGES["run"])
    expect(page.locator("#run-status")).to_contain_text("epoch", timeout=60_000)
    expect(page.locator("h1 .badge")).to_have_text("done", timeout=TRAINING)
    shots = folder(tmp_path)
    for name, path in PAGES.items():
        page.goto(demo_address + path)
        expect(page.locator("main")).to_be_visible()
        page.wait_for_load_state("networkidle")
        if name == "review":
            go_to_a_map(page)
            page.wait_for_load_state("networkidle")
        shoot(page, shots / f"{name}.png")
    expect(page.locator("#selected img").first).to_be_visible()
    page.goto(f"{page.url.partition('#')[0]}&lang=ja")
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    expect(page.locator("body")).to_contain_text("混同行列")
    page.wait_for_load_state("networkidle")
    shoot(page, shots / "review-ja.png")

"""The chain in Chromium, as a new user with Japanese names goes through it: from files to corrected labels."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from app.domain.cells import CELL_KINDS, draw_cell

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.ml]

CLASSES = ("好中球", "好酸球", "単球")
TRAINING = 240_000  # milliseconds; a shared machine with two cores may be slow
EACH, FLAT = 10, 3


def specimens(folder: Path) -> tuple[Path, list[Path]]:
    """A folder of class folders with a broken file in it, and pictures without labels beside it."""
    root = folder / "血液標本"
    for number, name in enumerate(CLASSES):
        (root / name).mkdir(parents=True)
        for index in range(EACH):
            _save(root / name / f"細胞_{number}{index:02d}.png", number, index)
    (root / "単球" / "壊れた画像.png").write_bytes(b"not a picture")
    flat = [folder / f"新しい細胞_{index}.png" for index in range(FLAT)]
    for index, path in enumerate(flat):
        _save(path, index, 100 + index)
    return root, flat


def _save(path: Path, kind: int, index: int) -> None:
    Image.fromarray(draw_cell(CELL_KINDS[kind], np.random.default_rng((5, kind, index)))).save(path)


def saved(page: Page) -> None:
    expect(page.locator("#save-state")).to_have_attribute("data-state", "saved", timeout=30_000)


def make_project(page: Page, address: str) -> str:
    page.goto(address)
    page.get_by_label("Name").fill("血液標本 2026")
    page.get_by_role("button", name="Create project").click()
    expect(page.locator("h1")).to_have_text("血液標本 2026")
    return page.url


def import_pictures(page: Page, project: str, folder: Path) -> None:
    root, flat = specimens(folder)
    page.goto(f"{project}/import")
    page.set_input_files("#pick-folder", root)
    page.locator("#plan-go").click()
    expect(page.locator("#counts [data-count=new]")).to_have_text(str(3 * EACH), timeout=60_000)
    problem = page.locator(".problems tbody tr")
    expect(problem).to_have_count(1)
    expect(problem).to_contain_text("壊れた画像.png")
    expect(problem).to_contain_text("not a picture")
    page.goto(f"{project}/import")
    page.set_input_files("#pick-files", flat)
    page.locator("#plan-go").click()
    expect(page.locator("#counts [data-count=new]")).to_have_text(str(FLAT), timeout=60_000)


def label(page: Page, project: str) -> None:
    page.goto(f"{project}/label")
    expect(page.locator("[data-count=unlabelled]")).to_have_text(str(FLAT))
    page.keyboard.press("Digit1")
    page.keyboard.press("Digit1")
    page.keyboard.press("KeyZ")
    page.keyboard.press("Digit2")
    page.keyboard.press("Digit3")
    saved(page)
    page.goto(f"{project}/label")
    expect(page.get_by_role("heading", name=f"All {3 * EACH + FLAT} images are labelled.")).to_be_visible()


def select_in_gallery(page: Page, project: str) -> None:
    page.goto(f"{project}/images")
    expect(page.locator("#total")).to_have_text(str(3 * EACH + FLAT))
    tiles = page.locator("#grid [role=option]")
    expect(tiles.nth(2)).to_have_attribute("data-image", re.compile(r"\d+"))  # the images have come
    tiles.nth(0).click()
    tiles.nth(2).click(modifiers=["Shift"])
    expect(page.locator("#selection")).to_contain_text("3")
    page.keyboard.press("Digit2")
    saved(page)
    page.keyboard.press("KeyZ")
    saved(page)


def draw_test_set(page: Page, project: str) -> None:
    page.goto(f"{project}/splits")
    page.locator("#share").fill("0.2")
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_text("drawn at random")).to_be_visible()


def start_training(page: Page, project: str) -> None:
    page.goto(f"{project}/train?preset=wbc")
    page.get_by_label("Epochs", exact=False).first.fill("zero")
    page.locator(".start-box .start").click()
    expect(page.locator("#summary")).to_be_visible()  # the page that the server sent back
    expect(page.locator("[aria-invalid=true]").first).to_have_value("zero")
    for name, value in {"epochs": "3", "folds": "2", "image_size": "40"}.items():
        page.locator(f"[name={name}]").first.fill(value)
    page.locator(".start-box .start").click()
    expect(page.locator("h1")).to_contain_text("Run 1")


def watch(page: Page) -> None:
    expect(page.locator("h1 .badge")).to_have_text("done", timeout=TRAINING)
    expect(page.get_by_role("heading", name="Folds")).to_be_visible()
    expect(page.locator("body")).to_contain_text("±")
    expect(page.locator(".u-over").first).to_be_visible()


def correct_a_label(page: Page, project: str) -> None:
    page.goto(f"{project}/runs/1/review?on=validation&show=all")
    expect(page.locator(".selected-head")).to_be_visible()
    expect(page.locator(".fix-class").first).to_be_enabled()
    first = page.locator(".selected-head").get_attribute("data-item")
    held = page.locator(".verdict-line strong").first.inner_text()
    buttons = page.locator(".fix-class")
    other = next(button for button in buttons.all() if held not in button.inner_text())
    with page.expect_response("**/labels"):
        page.keyboard.press(f"Digit{other.locator('kbd').inner_text()}")
    expect(page.locator(".selected-head")).not_to_have_attribute("data-item", str(first))
    page.goto(f"{project}/runs/1/review?on=validation&show=all")
    expect(page.locator("#changed-labels")).to_contain_text("1 label changed since this run")
    page.goto(f"{project}/runs/1")
    page.get_by_role("button", name="Train again").first.click()
    expect(page.locator("h1")).to_contain_text("Run 2")
    expect(page.locator("h1 .badge")).to_have_text("done", timeout=TRAINING)


def stop_a_training(page: Page, project: str) -> None:
    page.goto(f"{project}/train?preset=wbc")
    for name, value in {"epochs": "2000", "folds": "0", "image_size": "40", "patience": "0"}.items():
        page.locator(f"[name={name}]").first.fill(value)
    page.locator(".start-box .start").click()
    page.wait_for_url("**/runs/3*", wait_until="load")
    expect(page.locator("h1 .badge")).to_have_text("running", timeout=TRAINING)
    page.get_by_role("button", name="discard").first.click()
    expect(page.locator("h1 .badge")).to_have_text("stopped", timeout=30_000)


def test_chain__from_files_to_corrected_labels(page: Page, address: str, tmp_path: Path):
    project = make_project(page, address)
    import_pictures(page, project, tmp_path)
    label(page, project)
    select_in_gallery(page, project)
    draw_test_set(page, project)
    start_training(page, project)
    watch(page)
    correct_a_label(page, project)
    stop_a_training(page, project)

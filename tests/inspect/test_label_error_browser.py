"""Probably wrong labels in a browser: Enter accepts, K dismisses, Z takes back."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from app.db.models import Image
from tests.inspect.test_label_error_page import PAGE, planted

__all__ = ["planted"]
pytestmark = pytest.mark.browser


def test_label_errors__keys_settle_all_and_undo(page: Page, live_server, database, kfold, planted, made):
    page.goto(f"{live_server}{PAGE}")
    tiles = page.locator("#tiles .tile")
    expect(tiles).to_have_count(3)
    names = [tiles.nth(place).get_attribute("data-name") or "" for place in range(3)]
    first, second = (int(tiles.nth(place).get_attribute("data-image") or 0) for place in range(2))
    suggested = int(tiles.nth(0).get_attribute("data-suggested") or 0)
    shown = page.locator(".selected-head .file-name")
    expect(shown).to_have_text(names[0])
    page.keyboard.press("Enter")
    expect(shown).to_have_text(names[1])
    page.keyboard.press("KeyK")
    expect(shown).to_have_text(names[2])
    page.keyboard.press("KeyK")
    expect(page.locator("#settled")).to_be_visible()
    expect(page.locator("#toasts").get_by_role("button", name="Undo")).to_have_count(1)  # that of the newest change
    expect(page.locator("#open-counts")).to_contain_text("0 open, 1 changed since, 2 found right.")
    expect(page.locator("#settled").get_by_role("button")).to_have_text("Train again with the new labels")
    page.keyboard.press("KeyZ")
    expect(page.locator("#tiles .tile")).to_have_count(1)
    expect(shown).to_have_text(names[2])
    with database.read() as session:
        assert session.get_one(Image, first).class_id == suggested
        checked = session.scalars(sa.select(Image.id).where(Image.checked_id.is_not(None))).all()
    assert checked == [second]

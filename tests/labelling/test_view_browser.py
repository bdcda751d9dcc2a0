"""Ways to look at the picture in label mode: nothing of them reaches the data."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from app.db.models import ChangeSet, Image
from tests.labelling.test_label_browser import saved

pytestmark = pytest.mark.browser


def look(page: Page) -> tuple[str, str]:
    style = page.locator(".picture").evaluate("(picture) => [picture.style.transform, picture.style.filter]")
    return tuple(style)


def test_view__turn_contrast_invert_zoom_move_and_back(page: Page, live_server, database, rows):
    with database.write() as session:
        session.execute(sa.update(Image).values(width=200, height=100))
    page.goto(f"{live_server}{rows.path}/label")
    page.keyboard.press("KeyR")
    turned, _ = look(page)
    assert "rotate(90deg)" in turned
    page.keyboard.press("Shift+KeyR")
    page.keyboard.press("KeyI")
    page.keyboard.press("KeyC")
    assert look(page) == ("", "contrast(1.5) invert(1)")
    page.keyboard.press("Equal")
    page.keyboard.press("Shift+ArrowRight")
    assert "translate(-60px, 0px) scale(1.41421)" in look(page)[0]
    page.keyboard.press("Digit1")
    expect(page.locator("#picture-name")).to_have_text("血液_00001.png")
    assert look(page)[1] == "contrast(1.5) invert(1)"
    page.keyboard.press("Home")
    assert look(page) == ("", "")
    saved(page)
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ChangeSet)) == 1


@pytest.mark.parametrize(("width", "height"), [(300, 100), (100, 300)])
def test_view__a_turned_picture_fits(page: Page, live_server, database, rows, width, height):
    with database.write() as session:
        session.execute(sa.update(Image).values(width=width, height=height))
    page.goto(f"{live_server}{rows.path}/label")
    page.locator("#stage-tools summary").click()
    page.locator("#turn").click()
    factor = page.locator(".picture").evaluate(
        """(picture) => {
          const stage = document.getElementById("stage");
          const [w, h] = [Number(picture.getAttribute("width")), Number(picture.getAttribute("height"))];
          const drawn = Math.min(stage.clientWidth / w, stage.clientHeight / h);
          const scale = Number(/scale\\(([^)]*)\\)/.exec(picture.style.transform)[1]);
          return Math.max(h * drawn * scale / stage.clientWidth, w * drawn * scale / stage.clientHeight);
        }"""
    )
    assert factor == pytest.approx(1, abs=0.01)

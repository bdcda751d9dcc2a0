"""The pages of a run that are looked at more seldom, one visit each: diary, laboratory, layers and its own map."""

from dataclasses import replace
from urllib.parse import urlencode

import numpy as np
import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from app.db.run_models import RunFold
from app.services import feature_map, feature_space, packs
from tests.inspect.test_diary import answered
from tests.inspect.test_laboratory import CHANGING, group_of

pytestmark = pytest.mark.browser


@pytest.fixture
def run(kfold, database, store, made):
    """The address of run 1 of five folds, whose models are said to be there, with a map of its own: a diagonal."""
    with database.write() as session:
        session.execute(sa.update(RunFold).values(weights_sha256="a" * 64))
        ids = np.array(sorted(image.id for image in (*made.train, *made.test)), np.int64)
        line = np.linspace(0, feature_map.SIDE, len(ids)).astype(np.uint16)
        laid: dict[str, np.ndarray] = {"ids": ids, "places": np.stack([line, line], axis=1), "groups": ids % 3}
        data = feature_space.packed(laid, kfold.project_id)
        state = packs.State(0, 0, 0, 1)
        packs.keep_map(session, kfold, packs.Made(packs.MAP, packs.ALL, state, store.put(data), len(data)))
    return "/p/blood/runs/1"


def test_pages__diary_layers_laboratory_and_map(page: Page, live_server, database, store, run):
    diary(page, live_server, database, run)
    page.goto(f"{live_server}{run}/layers")
    expect(page.get_by_role("heading", name="What a layer sees")).to_be_visible()
    expect(page.locator(".look-picture")).to_have_js_property("complete", True)
    expect(page.locator("table tbody tr").first).to_contain_text("conv1")
    laboratory(page, live_server, database, store)
    own_map(page, live_server)


def diary(page, live_server, database, run):
    page.goto(f"{live_server}{run}/diary")
    page.locator(".diary-new textarea").fill("核の形だけで見分けている")
    page.locator(".diary-new [name=change]").select_option("mask")
    expect(page.locator(".diary-new [name=left]")).to_be_visible()
    page.locator(".diary-new button.primary").click()
    page.wait_for_url("**/diary", wait_until="load")
    expect(page.locator("#entry-1")).to_contain_text("waits for a worker")
    answered(database, 1, flips=7)  # the page looks again by itself
    expect(page.locator("#entry-1 .diary-verdict")).to_contain_text("7 of 12 answers changed")
    expect(page.locator("#entry-1 .diary-pictures img").first).to_have_js_property("complete", True)


def laboratory(page, live_server, database, store):
    group = group_of(database, store, seeds=2)
    page.goto(f"{live_server}/p/blood/laboratory")
    expect(page.get_by_role("heading", name="This cannot be started yet")).to_be_visible()
    changing = replace(CHANGING, folds=0).flat()
    query = urlencode({name: int(value) if value is True else value for name, value in changing.items() if value})
    page.goto(f"{live_server}/p/blood/laboratory?form=1&{query}")
    expect(page.get_by_role("button", name="Start the trainings")).to_be_enabled()
    page.goto(f"{live_server}/p/blood/groups/{group}/laboratory")
    expect(page.locator(".laboratory-table tbody tr")).to_have_count(4)


def own_map(page, live_server):
    page.goto(f"{live_server}/p/blood/map?run=1&by=verdict")
    expect(page.locator("#map[data-ready]")).to_be_visible()
    expect(page.locator(".map-own [aria-current]")).to_have_text("The network of run 1 itself")
    box = page.locator("#plane").bounding_box()
    assert box
    corners = [(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99), (0.01, 0.01)]
    places = [(box["x"] + across * box["width"], box["y"] + down * box["height"]) for across, down in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    expect(page.locator("#chosen")).to_have_text("42 selected")
    page.locator("#map-form [value=review]").click()
    page.wait_for_url("**/review?area=**", wait_until="load")
    expect(page.locator(".filter-bounds")).to_contain_text("42 pictures chosen on the map")
    expect(page.locator(".tile")).to_have_count(12)
    page.goto(page.url.replace("/runs/1/review", "/similar"))
    expect(page.locator("#total")).to_have_text("42")

"""Uploads that are cut off, paused, given up and gone on with, in a real browser."""

from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests import servers
from tests.imports.browsing import go, many, names, paths_of
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def first_try(context: BrowserContext, address: str, folder: Path, answered: list[str]) -> Page:
    """Send the folder in a tab. The second request is cut off, and after three nothing gets through."""
    calls: list[str] = []

    def some(route: Route) -> None:
        calls.append(route.request.url)
        if len(calls) == 2 or len(answered) >= 300:
            route.abort()
        else:
            answered.extend(paths_of(route.request))
            route.continue_()

    tab = context.new_page()
    tab.route("**/bundle/files", some)
    tab.goto(address)
    tab.set_input_files("#pick-folder", folder)
    go(tab)
    expect(tab.locator("#running-done-text")).to_contain_text("300 of 500")
    expect(tab.locator("#running-pictures img").first).to_be_visible()
    return tab


def second_try(context: BrowserContext, address: str, folder: Path, again: list[str]) -> None:
    """Choose the same folder in another tab."""

    def note(route: Route) -> None:
        again.extend(paths_of(route.request))
        route.continue_()

    tab = context.new_page()
    tab.route("**/bundle/files", note)
    tab.goto(address)
    tab.set_input_files("#pick-folder", folder)
    tab.wait_for_url("**/imports/1")
    expect(tab.locator("[data-count=new]")).to_have_text("500")
    tab.close()


def test_interrupted__by_network_closed_tab_and_restart_sends_nothing_twice(
    context, settings, project, database, tmp_path
):
    folder, path = many(tmp_path, 500), f"/p/{project.slug}/import"
    answered: list[str] = []
    again: list[str] = []
    with servers.web(settings) as url:
        tab = first_try(context, url + path, folder, answered)
    tab.close(run_before_unload=False)  # with the server away: what is held of a tab that closes may still be sent
    with servers.web(settings) as url:
        second_try(context, url + path, folder, again)
    assert (len(answered), len(again)) == (300, 200)
    assert not set(answered) & set(again)
    assert Counter(names(database).values()) == {"cat": 250, "dog": 250}


def test_restart__of_the_server_in_the_middle_costs_nothing(rough_page, settings, project, database, tmp_path):
    page, port = rough_page, servers.free_port()
    with servers.web(settings, port) as url:
        page.goto(f"{url}/p/{project.slug}/import")
        page.set_input_files("#pick-folder", many(tmp_path, 30))
        expect(page.locator("#plan-go")).to_be_visible()
    go(page)
    expect(page.locator("#running-note, #running-title").first).to_be_attached()
    with servers.web(settings, port):
        page.wait_for_url("**/imports/1", timeout=60_000)
        expect(page.locator("[data-count=new]")).to_have_text("30")


def test_pause__holds_and_cancel_keeps_what_came(rough_page, live_server, project, database, tmp_path):
    page, held = rough_page, list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/bundle/files", hold)
    page.goto(f"{live_server}/p/{project.slug}/import")
    page.set_input_files("#pick-folder", many(tmp_path, 450))
    page.locator("#plan-every").fill("bird")
    go(page)
    expect(page.locator("#running-done-text")).to_contain_text("0 of 450")
    until(lambda: len(held) == 3, page)
    page.locator("#running-pause").click()
    expect(page.locator("#running-pause")).to_have_text("Go on")
    for route in held:
        route.continue_()
    expect(page.locator("#running-done-text")).to_contain_text("300 of 450")
    assert len(held) == 3
    with page.expect_request("**/bundle/files"):
        page.locator("#running-pause").click()
    page.locator("#running-cancel").click()
    page.wait_for_url("**/imports/1")
    expect(page.locator("[data-count=new]")).to_have_text("300")
    assert Counter(names(database).values()) == {"bird": 300}

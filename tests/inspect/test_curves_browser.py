"""The learning curves in a browser: by keyboard, on a logarithmic scale, smoothed."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_curves__keys_scale_and_smoothing(page: Page, live_server, kfold):
    page.goto(f"{live_server}/p/blood/runs/1")
    chart = page.locator('figure[data-metric="loss"]')
    expect(chart.locator("canvas")).to_be_visible()
    chart.locator(".live").focus()
    page.keyboard.press("End")
    expect(chart.locator(".readout")).to_have_text(re.compile("^epoch 18 "))
    page.keyboard.press("Home")
    expect(chart.locator(".readout")).to_have_text(re.compile("^epoch 1 "))
    before = chart.locator(".readout").inner_text()
    page.keyboard.press("ArrowRight")
    expect(chart.locator(".readout")).to_have_text(re.compile("^epoch 2 "))
    page.get_by_label("Logarithmic loss").check()
    page.get_by_label("Smoothing of the curves").fill("60")
    expect(page.locator("#curve-tools output")).to_have_text("60 %")
    chart.locator(".live").focus()
    page.keyboard.press("Home")
    expect(chart.locator(".readout")).to_have_text(before)  # the first epoch has nothing before it to be smoothed with
    target = page.get_by_label("Target accuracy")
    said = page.locator("#curve-tools [data-reached]")
    target.fill("50")
    expect(said).to_have_text(re.compile(r"^reached in epoch \d+$"))
    target.fill("100")
    expect(said).to_have_text("not reached")
    page.reload()
    expect(target).to_have_value("100")  # it stays for the next run
    expect(said).to_have_text("not reached")
    target.fill("")
    expect(said).to_have_text("")

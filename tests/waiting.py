"""Waiting for what nothing announces. A busy machine may take long; what is awaited is asked for until it holds."""

import time
from collections.abc import Callable

from playwright.sync_api import Page

SECONDS = 60.0


def until(
    condition: Callable[[], object], page: Page | None = None, seconds: float = SECONDS, what: str = "it"
) -> None:
    """Wait until ``condition`` holds. With ``page`` the browser goes on meanwhile, and so do its routes and events."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what}"
        if page:
            page.wait_for_timeout(20)
        else:
            time.sleep(0.02)


def fits(page: Page, width: int) -> None:
    """Wait until the page is not wider than ``width``: in a window of another size it is drawn anew a frame later."""
    until(lambda: page.evaluate("document.documentElement.scrollWidth") <= width, page, 10, page.url)

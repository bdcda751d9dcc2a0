"""Label mode with 100,000 images in the project: from the key to the next picture on the screen, in Chromium.

``python -m benchmarks.keys``. The project has 400 different photographs in rotation; none comes twice, so that the
browser gets each from the server. The time goes from the moment that the browser gives a key press until the next
picture is decoded and a frame with it is drawn. The first series waits 0.2 s after each picture, the second not at all.
At the end every label must be in the database.
"""

import shutil
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from playwright.sync_api import Page, sync_playwright

from app.db.models import ChangeSet, LabelEvent
from app.db.session import Database
from app.domain.enums import LabelSource
from app.domain.imaging import decode
from app.storage import LocalStore, Store
from benchmarks import big_extras, big_project
from benchmarks.big_project import Big
from benchmarks.processes import server, wait_for
from benchmarks.records import Record, machine, write
from benchmarks.results import shared_data

COMMAND = "python -m benchmarks.keys"
IMAGES, PICTURES = 100_000, 400
PRESSES = 150  # of each series
TARGET_MS = 100.0
_LISTEN = """() => {
  window.took = [];
  addEventListener("keydown", async (event) => {
    const before = document.querySelector(".picture");
    while (document.querySelector(".picture") === before) await new Promise(requestAnimationFrame);
    await document.querySelector(".picture").decode();
    await new Promise(requestAnimationFrame);
    window.took.push(performance.now() - event.timeStamp);
  }, true);
}"""


def pictures() -> list[bytes]:
    """Different photographs of about 250 x 190 pixels."""
    found = sorted((shared_data() / "cats_dogs").rglob("*.jpg"))
    return [path.read_bytes() for path in found[:: max(1, len(found) // PICTURES)][:PICTURES]]


def prepare(database: Database, store: Store, files: list[bytes]) -> Big:
    """The large project, its images with these pictures in rotation."""
    big = big_project.make(database, store, IMAGES)
    big_extras.fill(database, store, big)
    rows: list[dict[str, Any]] = []
    for place, data in enumerate(files):
        done = decode(data)
        copy, small = store.put(done.canonical), store.put(done.thumbnail)
        rows.append({"place": place, "copy": copy, "small": small, "width": done.width, "height": done.height})
    with database.write() as session:
        session.execute(sa.text("CREATE TEMP TABLE shown (place INTEGER PRIMARY KEY, copy, small, width, height)"))
        session.execute(sa.text("INSERT INTO shown VALUES (:place, :copy, :small, :width, :height)"), rows)
        change = "UPDATE image SET canonical_sha256 = copy, thumbnail_sha256 = small, width = shown.width, "
        change += "height = shown.height FROM shown WHERE shown.place = image.id * 2 / 5 % :pictures"
        session.execute(sa.text(change), {"pictures": len(files)})
        session.execute(sa.text("DROP TABLE shown"))
    return big


def pressed(page: Page, pause_ms: float) -> list[float]:
    """Milliseconds from each key to its next picture; the first few are not counted."""
    page.evaluate("window.took = []")
    for number in range(1, PRESSES + 6):
        page.keyboard.press(f"Digit{1 + number % 9}")
        page.wait_for_function("(count) => window.took.length === count", arg=number)
        page.wait_for_timeout(pause_ms)
    return [float(took) for took in page.evaluate("window.took")][5:]


def records(name: str, times: list[float]) -> list[Record]:
    """Two figures of one series."""
    middle, late = statistics.median(times), float(np.percentile(times, 95))
    many = f"{len(times)} keys, {IMAGES:,} different photographs of 250 x 190 pixels; worst {max(times):.0f} ms"
    return [
        Record(f"{name}, 95th percentile", round(late, 1), "ms", TARGET_MS, late <= TARGET_MS, COMMAND, many),
        Record(f"{name}, median", round(middle, 1), "ms", TARGET_MS, middle <= TARGET_MS, COMMAND, many),
    ]


def lost(database: Database, big: Big) -> Record:
    """How many of the labels never arrived; versions say that none came twice."""
    wanted = 2 * (PRESSES + 5)
    given = sa.select(sa.func.count()).select_from(LabelEvent).join(ChangeSet, ChangeSet.id == LabelEvent.change_set_id)
    given = given.where(ChangeSet.project_id == big.project_id, ChangeSet.source == LabelSource.LABEL_MODE)

    def arrived() -> int:
        with database.read() as session:
            return int(session.scalar(given.where(ChangeSet.actor != "tester")) or 0)

    wait_for("the labels", lambda: arrived() >= wanted, 0.1)
    missing = wanted - arrived()
    return Record("labels lost or doubled", abs(missing), "", 0, missing == 0, COMMAND, f"of {wanted} keys")


def measured(address: str, big: Big) -> list[Record]:
    """Both series in one page."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise RuntimeError("Chromium is not installed: nothing can be measured.")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program)
        page = browser.new_page(locale="en-US", viewport={"width": 1280, "height": 800})
        page.goto(f"{address}/p/{big.slug}/label")
        page.locator(".picture").wait_for()
        page.wait_for_load_state("networkidle")
        page.evaluate(_LISTEN)
        calm, quick = pressed(page, 200), pressed(page, 0)
        page.locator("#save-state[data-state=saved]").wait_for(state="attached", timeout=60_000)
        browser.close()
    return [
        *records("key to next picture, 0.2 s after the one before", calm),
        *records("key to next picture, as fast as pictures come", quick),
    ]


def main() -> int:
    """Measure, print and write ``benchmarks/results/keys.json``."""
    files = pictures()
    with server() as own:
        address = own.address()
        database = Database(own.settings.database)
        big = prepare(database, LocalStore(Path(own.settings.data_dir) / "store"), files)
        found = [*measured(address, big), lost(database, big)]
        database.dispose()
    for record in found:
        print(f"{record.name:60} {record.value:8} {record.unit} ({record.note})")
    write("keys", found, machine())
    return 0 if all(record.met is not False for record in found) else 1


if __name__ == "__main__":
    sys.exit(main())

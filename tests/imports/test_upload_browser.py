"""The upload page in a real browser: files, folders, a drop, a lost connection."""

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Route, expect

from app.db.models import Image, ImportBatch
from app.services import classes
from tests import servers
from tests.imports.browsing import go, names
from tests.imports.pictures import picture, zip_of
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def folder_of(place: Path) -> Path:
    for path, data in {
        "血球/学習/好中球/1.png": picture(1),
        "血球/学習/単球/2.png": picture(2),
        "血球/学習/単球/broken.png": b"\x89PNG\r\n\x1a\nbroken",
        "血球/テスト/単球/3.png": picture(3),
        "血球/flat.png": picture(4),
        "血球/学習/flat.png": picture(5),
        "血球/.DS_Store": b"x",
    }.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(data)
    return place / "血球"


def test_folder__with_japanese_names_ends_in_the_report(page, live_server, project, database, tmp_path):
    page.goto(f"{live_server}/p/{project.slug}/import")
    page.set_input_files("#pick-folder", folder_of(tmp_path))
    rows = page.locator("#plan-rows tr")
    expect(rows).to_have_count(5)
    go(page)
    page.wait_for_url("**/imports/1")
    expect(page.locator("[data-count=new]")).to_have_text("5")
    expect(page.locator(".page-head")).to_contain_text("血球 (7 files)")
    expect(page.locator("[data-count=refused]")).to_have_text("1")
    expect(page.locator("table.problems")).to_contain_text("damaged")
    assert names(database) == {
        "血球/学習/好中球/1.png": "好中球",
        "血球/学習/単球/2.png": "単球",
        "血球/テスト/単球/3.png": "単球",
        "flat.png": None,
        "学習/flat.png": None,
    }


def test_about__source_and_a_list_go_with_the_files(page, live_server, project, database, tmp_path):
    page.goto(f"{live_server}/p/{project.slug}/import")
    page.locator("#import-files .about summary").click()
    page.fill("#origin", "Lab 7")
    page.press("#origin", "Enter")  # sends no empty form
    page.select_option("#publish", "no")
    (tmp_path / "labels.csv").write_text("path,class\n1.png,owl\n", encoding="utf-8")
    (tmp_path / "bad.csv").write_text("a,b\n", encoding="utf-8")
    (tmp_path / "1.png").write_bytes(picture(1))
    page.set_input_files("#list", tmp_path / "bad.csv")
    page.set_input_files("#pick-files", tmp_path / "1.png")
    go(page)
    expect(page.locator("#running-note")).to_contain_text("bad.csv: No column of the list")
    page.set_input_files("#list", tmp_path / "labels.csv")
    page.set_input_files("#pick-files", tmp_path / "1.png")
    go(page)
    page.wait_for_url("**/imports/2")
    assert names(database) == {"1.png": "owl"}
    with database.read() as session:
        assert session.execute(sa.select(Image.origin, Image.publish)).all() == [("Lab 7", "no")]
    (tmp_path / "2.png").write_bytes(picture(2))
    (tmp_path / "manifest.csv").write_text("filename,class,class\n", encoding="utf-8")  # no list that can be used
    (tmp_path / "names.csv").write_text("path,class\n2.png,bat\n", encoding="utf-8")
    page.goto(f"{live_server}/p/{project.slug}/import", wait_until="load")
    page.set_input_files("#pick-files", [tmp_path / name for name in ("2.png", "manifest.csv", "names.csv")])
    expect(page.locator("#plan-lists")).to_contain_text("manifest.csv, names.csv")
    go(page)
    page.wait_for_url("**/imports/3")
    expect(page.locator("table.problems")).to_contain_text("Two columns of the list mean “class”")
    assert names(database) == {"1.png": "owl", "2.png": "bat"}


def test_many__files_go_in_batches(page, live_server, project, database, tmp_path):
    files = []
    for number in range(120):
        path = tmp_path / f"{number}.png"
        path.write_bytes(picture(number))
        files.append(path)
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/files") else None)
    page.goto(f"{live_server}/p/{project.slug}/import")
    page.set_input_files("#pick-files", files)
    go(page)
    page.wait_for_url("**/imports/1")
    expect(page.locator("[data-count=new]")).to_have_text("120")
    assert len(sent) == 2


def test_connection__that_is_lost_costs_nothing(rough_page, live_server, project, database, tmp_path):
    failures: list[int] = []
    held: list[Route] = []

    def sometimes(route: Route) -> None:
        if len(failures) < 2:
            failures.append(1)
            route.abort()
        else:
            held.append(route)

    rough_page.route("**/files", sometimes)
    (tmp_path / "1.png").write_bytes(picture(1))
    rough_page.goto(f"{live_server}/p/{project.slug}/import")
    rough_page.set_input_files("#pick-files", tmp_path / "1.png")
    go(rough_page)
    expect(rough_page.locator("#running-note")).to_contain_text("connection is lost")
    until(lambda: held, rough_page)
    held.pop().continue_()
    rough_page.wait_for_url("**/imports/1")
    expect(rough_page.locator("[data-count=new]")).to_have_text("1")
    assert len(failures) == 2


def test_drop__of_a_zip_is_queued(page, live_server, project, settings):
    page.goto(f"{live_server}/p/{project.slug}/import")
    handle = page.evaluate_handle(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "画像.zip", {type: "application/zip"}));
            return transfer;
        }""",
        list(zip_of({"cat/1.png": picture(1)})),
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": handle})
    expect(page.locator("#plan-rows tr")).to_have_count(1)
    go(page)
    page.wait_for_url("**/imports/1")
    expect(page.locator("#no-worker")).to_be_visible()
    expect(page.locator(".page-head")).to_contain_text("画像.zip")


def test_zip__outlives_answers_that_are_lost_before_and_after_it_was_sent(rough_page, live_server, project, tmp_path):
    failures: list[str] = []

    def twice(route: Route) -> None:
        place = route.request.url.rpartition("/")[2]
        failures.append(place)
        if failures.count(place) == 1:
            route.abort()
        elif failures.count(place) == 2:
            route.fulfill(status=500, body="in trouble")
        else:
            route.continue_()

    rough_page.route("**/import/open", twice)
    rough_page.route("**/imports/1/folders", twice)
    (tmp_path / "1.zip").write_bytes(zip_of({"cat/1.png": picture(1)}))
    rough_page.goto(f"{live_server}/p/{project.slug}/import")
    rough_page.set_input_files("#pick-files", tmp_path / "1.zip")
    go(rough_page)
    rough_page.wait_for_url("**/imports/1")
    expect(rough_page.locator("#no-worker")).to_be_visible()  # the import waits to be unpacked; it was not cancelled
    assert failures == ["open"] * 3 + ["folders"] * 3


def test_zip__that_is_too_large_is_told_before_anything_is_sent(page, settings, project, database, tmp_path):
    (tmp_path / "large.zip").write_bytes(bytes(2**20 + 1))
    with servers.web(replace(settings, max_zip_mb=1)) as url:
        page.goto(f"{url}/p/{project.slug}/import")
        expect(page.locator("#drop")).to_contain_text("A zip file, up to 1 MB")
        page.set_input_files("#pick-files", tmp_path / "large.zip")
        expect(page.locator("#running-problems")).to_contain_text("The zip has more than 1 MB")
    with database.read() as session:
        assert session.scalars(sa.select(ImportBatch.id)).all() == []


def test_zip__that_is_empty_is_told_before_anything_is_sent(page, live_server, project, database, tmp_path):
    (tmp_path / "空.zip").write_bytes(b"")
    page.goto(f"{live_server}/p/{project.slug}/import")
    page.set_input_files("#pick-files", tmp_path / "空.zip")
    expect(page.locator("#running-problems")).to_contain_text("The file is empty (0 bytes)")
    with database.read() as session:
        assert session.scalars(sa.select(ImportBatch.id)).all() == []


def test_zip__that_is_refused_says_why_on_the_page(page, live_server, project, tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"not a zip")
    page.goto(f"{live_server}/p/{project.slug}/import")
    page.set_input_files("#pick-files", tmp_path / "bad.zip")
    expect(page.locator("#running-problems")).to_contain_text("not a zip file")
    expect(page.locator("#running-title")).to_have_text("bad.zip was not imported")
    expect(page.locator("#running-bar")).to_be_hidden()


def test_plan__maps_leaves_out_and_offers_what_is_there(page, live_server, project, database, tmp_path):
    with database.write() as session:
        classes.add(session, project, "Neutrophil")
    files = {"neutrophils/1.png": 1, "mono/2.png": 2, "junk/3.png": 3}
    for path, seed in files.items():
        (tmp_path / "set" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / path).write_bytes(picture(seed))
    page.goto(f"{live_server}/p/{project.slug}/import")
    page.set_input_files("#pick-folder", tmp_path / "set")
    rows = page.locator("#plan-rows tr")
    rows.filter(has_text="neutrophils").get_by_role("button", name="use Neutrophil").click()
    rows.filter(has_text="mono").get_by_label("Class of").fill("Monocyte")
    rows.filter(has_text="mono").get_by_label("Split of").select_option("test")
    rows.filter(has_text="junk").get_by_label("Split of").select_option("out")
    go(page)
    page.wait_for_url("**/imports/1")
    assert names(database) == {"set/neutrophils/1.png": "Neutrophil", "set/mono/2.png": "Monocyte"}


HOLD_SHOTS = """() => {
  const whole = HTMLCanvasElement.prototype.toBlob;
  const held = new Promise((resolve) => (window.letGo = resolve));
  HTMLCanvasElement.prototype.toBlob = function (give, ...rest) {
    whole.call(this, (blob) => held.then(() => give(blob)), ...rest);
  };
}"""


def test_camera__takes_pictures_into_a_class(live_server, project, database, browser_type, browser_type_launch_args):
    arguments = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    browser = browser_type.launch(**browser_type_launch_args, args=arguments)
    try:
        page = browser.new_page()
        page.goto(f"{live_server}/p/{project.slug}/import")
        page.locator("#pick-camera").click()
        page.locator("#camera-class").fill("hand")
        page.locator("#camera-take").click()
        expect(page.locator("#camera-count")).to_have_text("1 pictures taken")
        page.evaluate(HOLD_SHOTS)
        page.locator("#camera-take").click()
        page.locator("#camera-done").click()  # the second one is no file yet
        expect(page.locator("#camera")).to_be_hidden()
        page.evaluate("window.letGo()")
        page.wait_for_url("**/imports/1")
        expect(page.locator("[data-count=new]")).to_have_text("2")
    finally:
        browser.close()
    assert set(names(database).values()) == {"hand"}

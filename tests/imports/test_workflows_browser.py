"""Whole workflows of data coming in and going out, in a real browser; two visits hold them all."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from app.db.models import Image, Project
from app.db.run_models import Job
from app.services import projects, server_folders, uploads
from app.services.import_sources import Watch
from tests import servers
from tests.imports.browsing import go, many, names
from tests.imports.services import LIMIT

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def work(tools, root: str = "") -> None:
    """What a worker does with the import that was queued last."""
    with tools.database.read() as session:
        spec = session.scalars(sa.select(Job.spec).order_by(Job.id.desc())).first()
    if "folder" in spec:
        assert server_folders.run_job(tools, root, spec, max_file_bytes=LIMIT, watch=Watch())
    else:
        assert uploads.run_job(tools, spec["import_id"], spec["upload"], max_file_bytes=LIMIT)


def counted(page: Page, new: int) -> None:
    """Wait for the report of an import that has ended."""
    expect(page.locator("[data-count=new]")).to_have_text(str(new))


def of_project(database, project_id: int) -> dict[str, str | None]:
    query = sa.select(Image.sha256, Image.split).where(Image.project_id == project_id)
    with database.read() as session:
        return {digest: split for digest, split in session.execute(query)}  # noqa: C416 - rows are no pairs for mypy


def freeze(page: Page, root: str, number: int) -> None:
    page.goto(f"{root}/versions", wait_until="load")
    page.get_by_role("button", name="Freeze the data as it is now").click()
    page.wait_for_url(f"**/versions/{number}", wait_until="load")


def choose(page: Page, root: str, *fields: tuple[str, Path]) -> None:
    """Choose files on the import page and begin with the table of folders as it is."""
    page.goto(f"{root}/import", wait_until="load")
    if len(fields) > 1:
        page.locator("#import-files .about summary").click()
    for field, path in fields:
        page.set_input_files(field, path)
    go(page)


def test_server_folder_versions_and_undo(page: Page, settings, database, tools, project: Project, tmp_path):
    many(tmp_path / "shelf", 6)
    shelf = str(tmp_path / "shelf")
    with servers.web(replace(settings, import_dir=shelf)) as address:
        root = f"{address}/p/{project.slug}"
        page.goto(f"{root}/import", wait_until="load")
        page.locator("#server summary").click()
        page.locator("#server .folder-list a", has_text="set").click()
        page.wait_for_url("**/import?server=set*", wait_until="load")
        page.locator("#server-form button").click()
        page.locator("#plan-rows tr").nth(0).locator("[data-class]").fill("猫")
        go(page)
        page.wait_for_url("**/imports/1", wait_until="load")
        work(tools, shelf)
        counted(page, 6)
        assert set(names(database).values()) == {"猫", "dog"}
        versions_and_undo(page, root)


def versions_and_undo(page: Page, root: str) -> None:
    freeze(page, root, 1)
    page.goto(f"{root}/splits", wait_until="load")
    page.locator("#test").get_by_role("button", name="Draw", exact=True).click()
    page.wait_for_url("**/splits?moved=*", wait_until="load")
    freeze(page, root, 2)
    page.goto(f"{root}/versions", wait_until="load")
    page.get_by_role("link", name="What changed").click()
    page.wait_for_url("**/compare?a=1&b=2", wait_until="load")
    expect(page.locator("main")).to_contain_text("split")
    page.goto(f"{root}/imports/1", wait_until="load")
    page.locator("details.undo summary").click()
    page.locator("input[name=everything]").check()
    page.get_by_role("button", name="Take the import back").click()
    told = page.locator("main .notice[role=status]")
    expect(told).to_contain_text("This import was taken back")
    expect(told).to_contain_text("excluded: 6")  # versions keep their images


def test_label_studio_npz_export_and_import_again(page: Page, live_server, database, tools, project: Project, tmp_path):
    root = f"{live_server}/p/{project.slug}"
    said = [{"result": [{"value": {"choices": ["鳥"]}}]}]
    tasks = [{"data": {"image": name}, "annotations": said} for name in ("cat/0.png", "dog/1.png")]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks), encoding="utf-8")
    choose(page, root, ("#list", tmp_path / "tasks.json"), ("#pick-folder", many(tmp_path, 4)))
    page.wait_for_url("**/imports/1", wait_until="load")
    counted(page, 4)
    assert sorted(str(name) for name in names(database).values()) == ["cat", "dog", "鳥", "鳥"]
    arrays = np.random.default_rng(5).integers(0, 256, (3, 12, 12, 3), dtype=np.uint8)
    np.savez(tmp_path / "arrays.npz", x_test=arrays, y_test=np.array(["fox", "fox", "鳥"]))
    choose(page, root, ("#pick-files", tmp_path / "arrays.npz"))
    page.wait_for_url("**/imports/2", wait_until="load")
    work(tools)
    counted(page, 3)
    page.goto(f"{root}/export", wait_until="load")
    with page.expect_download() as coming:
        page.get_by_role("link", name="Download the zip").click()
    coming.value.save_as(tmp_path / "again.zip")
    with database.write() as session:
        other = projects.create(session, name="again")
        other_id, slug = other.id, other.slug
    choose(page, f"{live_server}/p/{slug}", ("#pick-files", tmp_path / "again.zip"))
    page.wait_for_url(f"**/p/{slug}/imports/1", wait_until="load")
    work(tools)
    counted(page, 7)
    assert of_project(database, other_id) == of_project(database, project.id)

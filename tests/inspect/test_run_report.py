"""The report of a run: one page that prints, one file that needs nothing else, and the command that writes it."""

import re
from html import unescape

import pytest

from app.commands import report_file
from app.db.run_models import RunFold
from app.domain.enums import JobState
from app.services import manifest, runs
from tests.inspect import factory

PAGE = "/p/blood/runs/1/report"
OUTSIDE = r"<script|<link|<a |(?:src|href)=\"(?!data:image/)|url\((?!#)|@import|<form|<button"


def words(answer):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_report__is_one_file_that_needs_nothing_else(client, database, kfold):
    answer = client.get(f"{PAGE}.html")
    assert answer.headers["content-disposition"].startswith('attachment; filename="blood-run-1.html"')
    html = answer.text
    assert not re.search(OUTSIDE, html)
    assert html.count('src="data:image/') >= 4
    assert html.count("Heat map for") >= 1
    assert html.count("<polyline") >= 4
    for title in ("Result", "Learning curves", "Folds", "Each class", "Confusion matrix", "Surest mistakes",
                  "Settings", "Environment", "How to do it again"):  # fmt: skip
        assert re.search(rf"<(h\d|summary)[^>]*>\s*{title}", html), title
    with database.read() as session:
        known = manifest.of(session, runs.by_number(session, kfold.project_id, 1))
    assert known["images"]["fingerprint"] in html
    assert '"patience": ' in unescape(html)


def test_report__page_has_its_styles_and_pictures_from_the_program(client, kfold):
    answer = client.get(PAGE)
    assert answer.status_code == 200
    assert "data:image" not in answer.text
    assert "<style" not in answer.text
    for address in re.findall(r'(?:src|href)="(/[^"]+)"', answer.text):
        assert client.get(unescape(address)).status_code == 200, address
    assert f'href="{PAGE}"' in client.get("/p/blood/runs/1").text


def test_report__japanese(client, kfold):
    answer = client.get(f"{PAGE}.html?lang=ja")
    assert 'lang="ja"' in answer.text
    assert "最も自信のあった誤り" in words(answer)


def test_report__pictures_whose_files_are_gone_are_named(client, store, kfold):
    for path in store.root.glob("*/*"):
        path.unlink()
    answer = client.get(f"{PAGE}.html")
    assert answer.status_code == 200
    assert "The file of this picture is gone." in words(answer)
    assert client.get(PAGE).status_code == 200


def test_report__without_a_test_set_and_without_mistakes(client, database, store):
    with database.write() as session:
        made = factory.project(session, store, train=5, test=0)
        factory.run(session, store, made, folds=3, share_right=1.0)
    found = words(client.get(f"{PAGE}.html"))
    assert "The figures of the classes are those of the validation: there is no test set." in found
    assert "No answer was wrong." in found


def test_report__of_a_run_that_failed_says_why(client, database, store):
    with database.write() as session:
        made = factory.project(session, store, train=4, test=1)
        run = factory.run(session, store, made, state=JobState.FAILED)
        run.job.error_code, run.job.error_params = "out_of_memory", {"batch_size": 8, "image_size": 64}
    answer = client.get(f"{PAGE}.html")
    assert "This run left no result." in words(answer)
    assert "memory" in words(answer)


def test_report__of_a_run_that_goes_on_is_not_there_yet(client, database, store):
    with database.write() as session:
        made = factory.project(session, store, train=4, test=1)
        factory.run(session, store, made, state=JobState.RUNNING)
    answer = client.get(PAGE)
    assert answer.status_code == 404
    assert "has not ended yet" in words(answer)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_command__writes_the_file(settings, database, kfold, tmp_path, language, capsys):
    with database.write() as session:
        session.get_one(RunFold, (kfold.id, 0)).weights_sha256 = "f" * 64
    path = tmp_path / "報告.html"
    assert report_file.save(settings, "blood", 1, path, language) == 0
    html = path.read_text(encoding="utf-8")
    assert f'lang="{language}"' in html
    assert "f" * 64 in html
    assert not re.search(OUTSIDE, html)
    assert str(path) in capsys.readouterr().out

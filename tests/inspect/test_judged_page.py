"""The page of a run judged again with several views: its states, its numbers, its pictures, and what it refuses."""

import re
from html import unescape

import numpy as np
import pytest
import sqlalchemy as sa

from app.commands import line
from app.commands.common import Exit
from app.db.models import Image
from app.db.run_models import Job, Judgement, Prediction, Run, RunFold
from app.domain import metrics
from app.domain.enums import JobKind, JobState, LabelSource, Lane
from app.domain.stats import exact
from app.services import answers, classes, jobs, judging, labels, projects, references, results, runs
from app.services.judging import Heard
from app.services.labels import LabelChange
from app.services.results import Writer
from app.storage.packed import pack
from tests.inspect import factory
from tests.jobs import processes
from worker import runner

PAGE = "/p/blood/runs/1/views"


def words(answer):
    assert answer.status_code == 200, answer.text[:500]
    plain = re.sub(r"<script.*?</script>", "", answer.text, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", plain)).split())


def heard(plain, flips=0):
    """Answers about the pictures of one role: the first ``flips`` mistakes become right, one right answer wrong."""
    values = plain.probabilities.copy()
    wrong = np.flatnonzero(plain.predicted != plain.labels)[:flips]
    for at in [*wrong, *np.flatnonzero(plain.predicted == plain.labels)[: bool(flips)]]:
        said = plain.labels[at] if at in wrong else (plain.labels[at] + 1) % 3
        values[at] = np.where(np.arange(3) == said, 0.8, 0.1)
    return Heard(plain.items, plain.predicted.copy(), values, 5, 0.1, 1.8)


def judge(database, store, kind="all", flips=4):
    """What a worker does, with answers of our choice: four mistakes of each role become right, one answer wrong."""
    with database.write() as session:
        run = runs.by_number(session, 1, 1)
        job = judging.start(session, run, kind, actor="test")
        found = {role: heard(answers.load(session, answers.Kept(), run, role, 3), flips) for role in judging.ROLES}
        data = pack(judging.packed(found))
        kept = judging.numbers(session, run, found, {role: len(one.items) + 1 for role, one in found.items()})
        judging.conclude(session, job.id, kept, (store.put(data), len(data)))
        session.execute(sa.update(Job).where(Job.id == job.id).values(state=JobState.DONE))
    return found


def test_start__one_job_for_two_clicks_then_stopped_and_started_again(client, database, trained):
    assert "shows the run its test and validation pictures again" in words(client.get(PAGE))
    for _ in range(2):
        assert (
            client.post(PAGE, data={"views": "all"}, follow_redirects=False).headers["location"] == f"{PAGE}?kind=all"
        )
    page = words(client.get(PAGE))
    assert "A worker judges 12 views: moved and closer, mirrored too 0 / 0" in page
    assert "No worker is alive, so nothing is judged." in page
    assert client.get(f"{PAGE}/state?kind=all").json() == {"over": False, "done": 0, "total": 0, "seconds_left": None}
    assert client.get(f"{PAGE}/state?kind=turns").json()["over"] is True
    with database.read() as session:
        job = session.scalars(sa.select(Job).where(Job.kind == JobKind.JUDGE)).one()
        assert (job.lane, job.spec) == (Lane.CPU, {"run_id": trained.id, "views": "all"})
    assert "Several views of each picture · Run 1" in words(client.get("/jobs"))
    client.post(f"{PAGE}/stop", data={"views": "all"})
    page = words(client.get(PAGE))
    assert "12 views: moved and closer, mirrored too. Judging was stopped; nothing of it was kept." in page
    answer = client.post(PAGE, json={"views": "all"})
    assert answer.status_code == 201
    assert answer.json()["job"] != job.id
    assert client.get(f"{PAGE}.json").json()["judged"][0]["state"] == "queued"
    assert "ワーカーが判定しています" in words(client.get(f"{PAGE}?lang=ja"))


def test_start__what_cannot_be_judged_is_refused_with_the_reason(client, database, store, made, kfold):
    client.errors_expected = True
    page = words(client.get(PAGE))
    assert "Run 1 has no saved model for some of its pictures" in page
    assert "Judge again with several views" not in page
    assert client.post(PAGE, json={"views": "all"}).json()["error"]["code"] == "judge_no_models"
    for wrong in ("none", "x" * 200, "", None, ["all"]):
        assert client.post(PAGE, json={"views": wrong}).json()["error"]["code"] == "views_unknown"
    assert client.post(f"{PAGE}/stop", data={"views": "all"}).status_code == 404
    with database.write() as session:
        factory.run(session, store, factory.known(session), state=JobState.FAILED)
        session.execute(sa.update(RunFold).values(weights_sha256="a" * 64))
    for number, code in ((2, "judge_unfinished"), (1, "judge_nothing")):
        with database.write() as session:
            session.execute(sa.delete(Prediction))
        answer = client.post(f"/p/blood/runs/{number}/views", json={"views": "all"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, code)


def test_job__that_cannot_find_the_models_or_is_stopped_says_so(client, settings, database, store, trained):
    for stopped in (False, True):
        client.post(PAGE, data={"views": "mirror"})
        with database.write() as session:
            row = judging.listed(session, trained)[0]
            claim = jobs.claim(session, row.job_id, "me", 60)
            assert claim is not None
        if stopped:
            client.post(f"{PAGE}/stop", data={"views": "mirror"})
        runner.run(processes.parts(settings, database, store), claim)
        with database.read() as session:
            job = session.get_one(Job, claim.job_id)
            assert job.state == (JobState.CANCELLED if stopped else JobState.FAILED), job.error_trace
            assert session.get_one(Judgement, (trained.id, "mirror")).numbers is None
        said = "Judging was stopped" if stopped else "2 views: mirrored too. A stored file (aaaa"
        assert said in words(client.get(PAGE))


def test_result__has_the_numbers_of_the_public_functions_on_the_page_and_for_programs(client, database, store, trained):
    found = judge(database, store)["test"]
    with database.read() as session:
        plain = answers.load(session, answers.Kept(), trained, judging.ROLES[0], 3)
    right = [int((said == plain.labels).sum()) for said in (plain.predicted, found.probabilities.argmax(axis=1))]
    page, told = words(client.get(f"{PAGE}?show=all")), client.get(f"{PAGE}.json").json()["judged"][0]["test"]
    assert right[1] - right[0] == told["gained"] - told["lost"] == told["gained"] - 1
    for number, name in zip(right, ("plain", "views"), strict=True):
        limits = metrics.wilson(number, 12)
        assert limits is not None
        assert told[name]["accuracy_95"] == [limits.low, limits.high]
        assert f"{100 * number / 12:.1f}% [{100 * limits.low:.1f}% – {100 * limits.high:.1f}%]" in page
    assert told["p"] == exact.mcnemar(told["gained"], told["lost"])
    assert told["difference_95"][0] < told["difference"] < told["difference_95"][1]
    assert (told["unread"], told["differs_as_they_are"], told["models"]) == (1, 0, 5)
    assert told["plain"]["seconds_per_image"] == pytest.approx(0.1 / 12)
    assert "8.3 ms → 150 ms 5 models" in page
    assert "1 picture could not be read and was left out." in page
    assert f"{right[0]} are right as they are, {right[1]} with several views" in page
    assert len(told["changed"]) == told["gained"] + 1


def test_command__starts_and_prints_the_same(settings, database, store, trained, monkeypatch, capsys):
    monkeypatch.setenv("MIWAKE_DATA_DIR", str(settings.data_dir))
    assert line.main(["judge", "blood", "1"]) == Exit.OK
    assert "was not judged again. Choose one of: --views mirror, shifts, all, turns." in capsys.readouterr().out
    assert line.main(["judge", "blood", "1", "--views", "some"]) == Exit.USAGE
    assert "There are no views “some”." in capsys.readouterr().err
    assert line.main(["judge", "blood", "1", "--views", "turns"]) == Exit.OK
    assert capsys.readouterr().out == "8 views (turns): queued\n"
    judge(database, store, "turns")
    assert line.main(["judge", "blood", "1"]) == Exit.OK
    assert re.search(r"test +accuracy 0\.\d{4} -> 0\.\d{4}, difference [+-]0\.\d{4}", capsys.readouterr().out)


def test_pictures__each_kind_is_listed_walked_through_and_judged_by_the_labels_of_today(
    client, database, store, trained
):
    judge(database, store)
    told = client.get(f"{PAGE}.json").json()["judged"][0]
    for on in ("test", "validation"):
        for show, count in (("gained", told[on]["gained"]), ("lost", 1), ("all", told[on]["images"])):
            page = client.get(f"{PAGE}?kind=all&on={on}&show={show}")
            assert len(re.findall(r'class="tile flip-', page.text)) == count
    page = client.get(f"{PAGE}?on=test&show=lost")
    assert "As it is: right" in words(page)
    assert "12 views: wrong" in words(page)
    step = client.get(f"{PAGE}?on=test&show=lost&part=selected", headers={"HX-Request": "true"})
    assert step.text.count('class="compare-side"') == 2
    assert "<html" not in step.text
    image = int(re.findall(r'data-image="(\d+)"', page.text)[0])
    with database.write() as session:
        other = session.get_one(Image, image).class_id % 3 + 1
        session.get_one(Run, trained.id).label_watermark = 0
        change = LabelChange(image, other, None)
        labels.assign(session, 1, [change], source=LabelSource.REVIEW, actor="test", request_id="once")
    page = client.get(f"{PAGE}?on=test&show=all")
    assert re.search(r'id="changed-labels" data-count="1" data-judge="seen">', page.text)
    today = client.get(f"{PAGE}?on=test&show=gained&by=now")
    assert "Counted again with the labels of today." in words(today)
    assert len(re.findall(r'class="tile flip-gained', today.text)) == told["test"]["gained"] + 1
    with database.write() as session:
        added = classes.add(session, projects.by_slug(session, "blood"), "new").id
        others = [row["image"] for row in told["test"]["changed"] if row["image"] != image]
        changes = [LabelChange(others[0], None, None), LabelChange(others[1], added, None)]
        labels.assign(session, 1, changes, source=LabelSource.REVIEW, actor="test", request_id="twice")
    left_out = words(client.get(f"{PAGE}?on=test&by=now"))
    assert "1 picture has no label today and was left out." in left_out
    assert "1 picture is today of a class that was not trained, and was left out." in left_out


def test_kinds__stay_beside_each_other_and_what_is_gone_is_said(client, database, store, trained):
    judge(database, store, "mirror", flips=0)
    judge(database, store, "all")
    page = client.get(PAGE)
    assert 'aria-current="true">12 views: moved and closer, mirrored too</a>' in page.text, "the newest one is shown"
    assert "No proven difference; these pictures are too few to show any." in words(client.get(f"{PAGE}?kind=mirror"))
    assert "12 通り" in words(client.get(f"{PAGE}?lang=ja"))
    client.post(PAGE, data={"views": "all"})
    again = words(client.get(f"{PAGE}?kind=all&lang=en"))
    assert "A worker judges" in again
    assert "Several views are" in again or "No proven difference" in again, "the former result stays"
    with database.read() as session:
        kept = {one.digest for one in references.everything(session) if one.role == "views"}
        rows = session.scalars(sa.select(Judgement)).all()
        assert kept == {row.sha256 for row in rows}
    for digest in kept:
        store.path(digest).unlink()
    client.app.state.miwake.judged._found.clear()
    assert "cannot be read any more. Judge again." in words(client.get(PAGE))
    with database.write() as session:
        job = session.get_one(Job, trained.job_id)
        job.state, job.owner = JobState.RUNNING, "me"
        results.clear(session, Writer(job.id, job.attempt, trained.id))
        assert session.scalars(sa.select(Judgement)).all() == [], "a run that is trained anew was judged by nobody"


def test_address__what_cannot_be_used_means_the_usual(client, database, store, trained):
    judge(database, store)
    wrong = "kind=x&on=x&by=x&other=9&show=x&class=99&labels=changed&at=999999&page=77&runs=5"
    assert "12 views" in words(client.get(f"{PAGE}?{wrong}"))
    client.errors_expected = True
    assert client.get("/p/blood/runs/9/views").status_code == 404

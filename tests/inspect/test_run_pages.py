"""The list of runs and the page of a run in every state, its files and its buttons."""

import csv
import io
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.db.base import utc_now
from app.db.run_models import Job, Worker
from app.domain.enums import JobState, LabelSource
from app.domain.presets import PRESETS
from app.domain.published import beside
from app.domain.recipe import Recipe
from app.services import jobs, labels, progress
from app.web import charts, i18n, run_words
from tests.inspect import factory


def change_label(database, made, image, class_id, request_id="r1"):
    with database.write() as session:
        change = labels.LabelChange(image.id, class_id)
        labels.assign(session, made.project.id, [change], source=LabelSource.REVIEW, actor="a", request_id=request_id)


def started(database, store, made, state, **more):
    with database.write() as session:
        run = factory.run(session, store, made, state=state)
        for name, value in more.items():
            setattr(run.job, name, value)
        return run


def page(client, path="runs/1"):
    answer = client.get(f"/p/blood/{path}")
    assert answer.status_code == 200
    return answer.text


def test_runs__each_with_its_numbers(client, kfold, holdout, database):
    text = page(client, "runs")
    assert "85.0%" in text
    assert "± 4.0%" in text
    assert text.count("<polyline") == 2
    assert "Blood cells, as in post 000" in text
    assert 'href="/p/blood/runs/1"' in text


def test_runs__empty(client, made):
    assert "No run yet" in page(client, "runs")


def test_runs__two_languages(client, kfold):
    assert "学習" in client.get("/p/blood/runs?lang=ja").text


def test_run__finished_kfold(client, kfold):
    text = page(client)
    assert "<title>✓ " in text
    assert "85.0% ± 4.0%" in text
    assert "Post 000 reports" in text
    assert "No value was changed." in text
    assert "Review " in text
    assert text.count('class="curve') > 10
    assert 'id="live"' not in text
    assert "好中球" in text


def test_run__finished_holdout_has_no_fold_words(client, holdout):
    text = page(client)
    assert "Validation accuracy over" not in text
    assert "Post 000 reports" not in text  # its folds were changed
    assert '<h2 id="folds-title">Model</h2>' in text


def test_run__fold_tab_by_query_string(client, kfold):
    text = page(client, "runs/1?fold=2")
    assert 'data-key="1-18"' in text
    assert 'data-key="0-18"' not in text
    assert 'data-key="0-18"' in page(client, "runs/1?fold=99")


def test_run__running_shows_progress_and_both_ways_to_stop(client, database, store, made):
    run = started(
        database,
        store,
        made,
        JobState.RUNNING,
        progress={"phase": "train", "fold": 1, "epoch": 3, "done": 2, "total": 4},
    )
    with database.write() as session:
        for epoch in range(1, 4):
            factory.add_epoch(session, run, 0, epoch)
    text = page(client)
    assert "Fold 2 of 5 · epoch 3 of 50 · image 2 of 4" in text
    assert "Stop, keep the best" in text
    assert "Stop, discard" in text
    assert 'data-events="/p/blood/runs/1/events"' in text
    assert "No worker is alive" in text


def test_run__worker_alive_hides_the_notice(client, database, store, made):
    started(database, store, made, JobState.QUEUED)
    with database.write() as session:
        jobs.heartbeat(session, "here:1", {"slots": {"gpu": 1}})
    text = page(client)
    assert 'id="no-worker" hidden' in text
    assert "Next in line." in text


@pytest.mark.parametrize(
    ("needs", "reason"),
    [("gpu", "needs a graphics card (GPU)"), ("worker:計算機", "wants the worker on 計算機")],
)
def test_run__that_no_worker_can_take_says_so_and_not_that_it_is_next(client, database, store, made, needs, reason):
    started(database, store, made, JobState.QUEUED, needs=needs)
    with database.write() as session:
        jobs.heartbeat(session, "here:1", {"slots": {"gpu": 1}})
    for text in (page(client), page(client, "../../../jobs")):
        assert reason in text
        assert "next in line" not in text.lower()


def test_run__says_that_its_worker_does_not_answer(client, database, store, made):
    started(database, store, made, JobState.RUNNING, owner="here:1", lease_until=1e12)
    with database.write() as session:
        jobs.heartbeat(session, "here:1", {"slots": {"gpu": 1}})
    assert "does not answer" not in page(client)
    with database.write() as session:
        session.execute(sa.update(Worker).values(heartbeat=Worker.heartbeat - 7))
    assert "The worker does not answer" in page(client)


def test_run__failed_says_why_in_words(client, database, store, made):
    started(database, store, made, JobState.FAILED, error_code="disk_full", error_params={"folder": "/data"})
    text = page(client)
    assert "The disk is full" in text
    assert "This run left no result." in text
    assert "Last lines of the log" not in text


def test_run__that_crashed_shows_its_last_lines(client, database, store, made):
    written = "Fatal Python error: <Segmentation fault>"
    started(database, store, made, JobState.FAILED, error_code="crashed", error_params={"signal": "SIGSEGV"},
            error_trace=written)  # fmt: skip
    text = page(client)
    assert "Last lines of the log" in text
    assert "Fatal Python error: &lt;Segmentation fault&gt;" in text


def test_run__missing_number(client, made):
    assert client.get("/p/blood/runs/7").status_code == 404
    assert client.get("/p/blood/runs/7.json").status_code == 404
    assert client.get("/p/blood/runs/7/events").status_code == 404
    assert client.get("/p/blood/runs/7/review").status_code == 404


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_retry__a_run_that_did_not_end_well_goes_on(client, database, store, made, state):
    run = started(database, store, made, state, attempt=1, error_code="worker_lost", error_params={"attempts": 3})
    assert 'action="/p/blood/runs/1/retry"' in page(client)
    answer = client.post("/p/blood/runs/1/retry", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/p/blood/runs/1")
    with database.read() as session:
        job = session.get_one(Job, run.job_id)
        assert (job.state, job.error_code, job.max_attempts) == (JobState.QUEUED, None, 4)
    assert "/retry" not in page(client)


@pytest.mark.parametrize("begun", [True, False])
def test_stop__a_run_that_waits_to_go_on_can_keep_its_best(client, database, store, made, begun):
    run = started(database, store, made, JobState.QUEUED, attempt=int(begun), started_at=utc_now() if begun else None)
    assert ("Stop, keep the best" in page(client)) is begun
    client.post("/p/blood/runs/1/stop", data={"keep_best": "true"})
    with database.read() as session:
        job = session.get_one(Job, run.job_id)
        assert (job.state, job.keep_best) == ((JobState.QUEUED, True) if begun else (JobState.CANCELLED, False))


@pytest.mark.parametrize(("form", "keep_best"), [({"keep_best": "true"}, True), ({}, False)])
def test_stop__running(client, database, store, made, form, keep_best):
    run = started(database, store, made, JobState.RUNNING)
    answer = client.post("/p/blood/runs/1/stop", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/p/blood/runs/1")
    with database.read() as session:
        job = session.get_one(Job, run.job_id)
        assert (job.state, job.keep_best) == (JobState.CANCELLING, keep_best)


def test_stop__queued_leaves_the_line(client, database, store, made):
    run = started(database, store, made, JobState.QUEUED)
    assert "stopped" in client.post("/p/blood/runs/1/stop").text
    with database.read() as session:
        assert session.get_one(Job, run.job_id).state == JobState.CANCELLED


def test_again__trains_with_the_labels_of_now(client, database, kfold, made):
    change_label(database, made, made.train[0], made.classes[1].id)
    assert "1 label changed since this run." in page(client)
    answer = client.post("/p/blood/runs/1/again", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/p/blood/runs/2")
    assert "changed since this run" not in page(client, "runs/2")


def test_json__as_page_and_as_download(client, kfold):
    answer = client.get("/p/blood/runs/1.json")
    assert answer.json()["test"]["images"] == 12
    assert "content-disposition" not in answer.headers
    saved = client.get("/p/blood/runs/1.json?download=true")
    assert saved.headers["content-disposition"].startswith('attachment; filename="blood-run-1.json"')


def test_epochs_csv__all_folds(client, kfold):
    answer = client.get("/p/blood/runs/1/epochs.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 5 * 18
    assert (rows[0]["fold"], rows[0]["epoch"], rows[-1]["fold"]) == ("1", "1", "5")
    assert float(rows[0]["val_loss"]) > 0


def test_run__queries_do_not_grow_with_epochs(client, database, store, made):
    counts = []
    for epochs in (2, 40):
        with database.write() as session:
            factory.run(session, store, made, folds=3, epochs=epochs)
    engine = client.app.state.miwake.database.engine
    for number in (1, 2):
        seen: list[str] = []
        sa.event.listen(engine, "before_cursor_execute", lambda *args, seen=seen: seen.append(args[2]))
        page(client, f"runs/{number}")
        counts.append(len(seen))
    assert counts[0] - counts[1] in (0, counts[1])  # the first listener hears the second page too
    assert counts[1] <= 36


def test_published__only_beside_exactly_that_recipe():
    recipe = PRESETS["wbc"].recipe
    known = beside(replace(recipe, seed=7))
    assert known is not None
    assert known.test_images == 12
    assert beside(replace(recipe, epochs=51)) is None
    assert beside(PRESETS["wbc-plus"].recipe) is None
    assert beside(Recipe()) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (8.31, "8.3 s"), (41.4, "41 s"), (125, "2 min 5 s"), (600, "10 min"), (4800, "1 h 20 min")],
)
def test_duration(seconds, text):
    assert run_words.duration(seconds, i18n.translations("en")) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (3, 4, "a few seconds left"),
        (58, 61, "about 1 min left"),
        (2, 90, "at most 1 min 30 s left"),
        (60, 300, "1 min to 5 min left"),
    ],
)
def test_time_left__never_more_exact_than_it_is(low, high, text):
    left = progress.TimeLeft(low, high)
    assert run_words._range(left, i18n.translations("en")) == text


def test_sparkline():
    assert charts.sparkline([0.1]) == ""
    assert charts.sparkline([None, float("nan"), 0.5]) == ""
    assert charts.sparkline([0, 1], width=100, height=20) == "2.0,18.0 98.0,2.0"
    assert charts.sparkline([0.5, 0.5, 0.5]).count(",") == 3


def test_curves__lines_mean_band_and_best_marks():
    rows = [
        progress.EpochRow(1, fold, epoch, 1 / epoch, 0.5, 1 / epoch + fold / 10, 0.5, 0.001, 1.0)
        for fold in range(3)
        for epoch in range(1, 6 + fold)
    ]
    chart = charts.curves(rows, "loss", {0: 5, 1: 6})
    assert sum(line.weight == "fold" for line in chart.lines) == 6
    assert sum(line.weight == "mean" for line in chart.lines) == 2
    assert len(chart.bands) == 1
    assert [(mark.fold, mark.epoch) for mark in chart.marks] == [(0, 5), (1, 6)]
    assert all(charts.LEFT <= tick.at <= charts.WIDTH for tick in chart.x_ticks)
    assert all(0 <= tick.at <= charts.HEIGHT for tick in chart.y_ticks)


def test_curves__one_epoch_and_values_that_are_no_numbers():
    row = progress.EpochRow(1, 0, 1, float("nan"), 0.5, None, None, 0.001, 1.0)
    assert charts.curves([row], "loss", {0: 1}).lines == []
    chart = charts.curves([row], "accuracy", {0: 1})
    assert len(chart.lines) == 1
    assert chart.marks == []

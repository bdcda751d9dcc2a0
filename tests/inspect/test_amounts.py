"""How many more pictures: the fitted law against scipy, what it says, the measurement, its page and its job."""

import dataclasses
import re
from html import unescape

import numpy as np
import pytest
import sqlalchemy as sa
from scipy import optimize, stats

from app.db.run_models import Job, Run, RunClass, RunFold, RunItem
from app.domain import amounts as law_of
from app.domain.amounts import Verdict
from app.domain.enums import JobKind, JobState, Lane, RunKind, Split
from app.domain.errors import Conflict
from app.domain.recipe import Recipe
from app.services import amounts, jobs
from app.storage.arrays import Arrays
from tests.features.factory import CLASSES, add_features, add_pictures, clouds
from tests.jobs import processes
from worker import runner

SIZES = np.repeat([250.0, 500.0, 750.0, 1000.0], 5)


def measured(a, b, c, noise, seed):
    draw = np.random.default_rng(seed).normal(scale=noise, size=len(SIZES))
    return a * (SIZES / 1000) ** -b + c + draw


@pytest.mark.parametrize(("a", "b", "c"), [(0.05, 0.7, 0.08), (0.2, 0.35, 0.05), (0.03, 1.4, 0.02)])
@pytest.mark.parametrize("seed", range(3))
def test_fit__is_that_of_scipy(a, b, c, seed):
    wrong = measured(a, b, c, 0.001, seed)
    law = law_of.fit(SIZES, wrong)
    assert law is not None

    def power(x, a, b, c):
        return a * x**-b + c

    x, limits = SIZES / 1000, ([-np.inf, law_of.SLOWEST, 0], [np.inf, law_of.FASTEST, np.inf])
    begin = [law.a, law.b, max(law.c, 1e-6)]
    found, _ = optimize.curve_fit(power, x, wrong, p0=begin, bounds=limits, ftol=1e-15, xtol=1e-15, gtol=1e-15)
    assert [law.a, law.b, law.c] == pytest.approx(found, rel=1e-3, abs=1e-4)
    assert law.at(400).value == pytest.approx(power(0.4, *found), rel=1e-6)
    best, mine = (((power(x, *one) - wrong) ** 2).sum() for one in (found, (law.a, law.b, law.c)))
    assert mine <= best * (1 + 1e-9)
    limit = mine * (1 + stats.f.ppf(0.95, 1, len(x) - 3) / (len(x) - 3))
    rests = [((power(x, *one) - wrong) ** 2).sum() for one in law.others]
    assert max(rests) == pytest.approx(limit, rel=1e-6)


@pytest.mark.parametrize("spare", [1, 2, 5, 13, 200])
def test_student__is_that_of_scipy(spare):
    assert law_of.student(spare) == pytest.approx(stats.t.ppf(0.975, spare), rel=1e-9)


def test_gain__its_interval_covers_the_truth_as_often_as_it_says():
    truth = 0.1 * (1 - 2**-0.6)
    inside = 0
    for seed in range(200):
        law = law_of.fit(SIZES, measured(0.1, 0.6, 0.05, 0.004, seed))
        assert law is not None
        gain = law.gain()
        inside += gain.low <= truth <= gain.high
    assert inside >= 186  # of 200


def test_gain__few_pictures_that_judge_carry_little():
    wrong = measured(0.1, 0.6, 0.05, 0.002, 0)
    sure = law_of.fit(SIZES, wrong)
    assert sure is not None
    width = sure.gain().high - sure.gain().low
    for judged, verdict in ((20, Verdict.WIDE), (100_000, Verdict.GAIN)):
        law = law_of.fit(SIZES, wrong, judged)
        assert law is not None
        gain = law.gain()
        luck = 2 * 1.959964 * (max(gain.value, 1 / judged) / judged) ** 0.5
        assert max(width, luck) < gain.high - gain.low < width + luck
        assert law_of.verdict(law) is verdict
    perfect = law_of.fit(SIZES, np.zeros(len(SIZES)), 100)
    assert perfect is not None
    assert perfect.gain().high == pytest.approx(1.959964 / 100)


def test_gain__covers_the_truth_with_other_pictures_that_judge():
    """Nested classifiers on 200 pictures drawn anew: the share of wrong ones falls by 0.034, or by what these show."""
    truth, inside = 0.1 * (1 - 2**-0.6), 0
    for seed in range(200):
        hard = np.random.default_rng(seed).random(200)  # a picture is wrong where the share is above it
        share = (0.1 * (SIZES / 1000) ** -0.6 + 0.05) + np.random.default_rng(seed + 999).normal(scale=0.01, size=20)
        law = law_of.fit(SIZES, (hard[None, :] < share[:, None]).mean(axis=1), 200)
        assert law is not None
        inside += law.gain().low <= truth <= law.gain().high
    assert inside >= 180


def test_verdict__says_when_the_fit_carries_nothing():
    assert law_of.verdict(law_of.fit(SIZES, measured(0.1, 0.6, 0.05, 0.002, 0))) is Verdict.GAIN
    assert law_of.verdict(law_of.fit(SIZES, measured(0.0, 1.0, 0.1, 0.002, 0))) in (Verdict.FLAT, Verdict.WIDE)
    flat = [law_of.verdict(law_of.fit(SIZES, measured(0.0, 1.0, 0.1, 0.01, seed))) for seed in range(100)]
    assert flat.count(Verdict.GAIN) <= 8  # of 100 where more pictures change nothing
    assert law_of.verdict(law_of.fit(SIZES, measured(0.0, 1.0, 0.5, 0.4, 1))) is Verdict.WIDE
    assert law_of.verdict(law_of.fit(SIZES, np.zeros(len(SIZES)))) is not Verdict.GAIN  # all right from the start
    assert law_of.verdict(law_of.fit(SIZES[:10], measured(0.1, 0.6, 0.05, 0, 0)[:10])) is Verdict.FEW
    assert law_of.verdict(law_of.fit([], [])) is Verdict.FEW


def make_run(session, rows, owner, test):
    job = Job(project_id=rows.project_id, kind=JobKind.TRAIN, lane=Lane.GPU, spec={}, state=JobState.DONE, attempt=1)
    session.add(job)
    session.flush()
    run = Run(project_id=rows.project_id, number=1, kind=RunKind.HOLDOUT, recipe=Recipe().to_json(), job_id=job.id,
              actor="test")  # fmt: skip
    session.add(run)
    session.flush()
    session.add(RunFold(run_id=run.id, fold=0, train_count=1, validation_count=1))
    session.add_all(
        RunClass(run_id=run.id, position=at, class_id=class_id, name=name, color="#0072b2")
        for at, (class_id, name) in enumerate(zip(rows.classes, CLASSES, strict=True))
    )
    session.add_all(
        RunItem(run_id=run.id, image_id=image, canonical_sha256="a" * 64, label=int(owner[place]), label_version=1,
                split=Split.TEST if place < test else Split.TRAIN)
        for place, image in enumerate(rows.images)
    )  # fmt: skip
    session.flush()
    return run


@pytest.fixture
def many(database, store):
    """Gives a finished run of 120 pictures with scattered features; so many of them are of the test set."""

    def make(test=30, count=120, features=True, owner=None):
        rows = add_pictures(database, store, count)
        values, seen = clouds(count, spread=3.0)
        if features:
            add_features(database, store, rows, values)
        with database.write() as session:
            return make_run(session, rows, seen if owner is None else owner, test)

    return make


@pytest.mark.parametrize("test", [30, 0, 5])
def test_measure__more_and_more_pictures(database, store, many, test):
    run = many(test)
    with database.read() as session:
        data = amounts.load(session, Arrays(store), run)
    assert data is not None
    told = []

    def tell(done, total):
        told.append((done, total))
        return True

    values = amounts.measure(data, tell)
    assert values is not None
    found = amounts.read(values)
    assert found.pinned == (test == 30)
    assert len(told) == len(found.points) == (16 if test == 30 else 20)
    assert sorted({round(one.size / 90, 1) for one in found.points})[0] == pytest.approx(0.25, abs=0.1)
    assert all(sum(one.class_size) == one.size and sum(one.class_right) == one.right for one in found.points)
    assert all(one.total == 30 for one in found.points) or test != 30
    by_size = {size: np.mean([one.right / one.total for one in found.points if one.size == size])
               for size in {one.size for one in found.points}}  # fmt: skip
    assert by_size[max(by_size)] > by_size[min(by_size)]
    assert len(found.class_laws) == 3


def test_measure__is_stopped_between_two_trainings(database, store, many):
    run = many()
    with database.read() as session:
        data = amounts.load(session, Arrays(store), run)
    assert data is not None
    assert amounts.measure(data, lambda done, _total: done < 3) is None


def test_measure__too_few_and_one_class_are_refused(database, store, many):
    run = many(test=0)
    with database.read() as session:
        data = amounts.load(session, Arrays(store), run)
    assert data is not None
    few = dataclasses.replace(data, features=data.features[:30], labels=data.labels[:30], test=data.test[:30])
    one = dataclasses.replace(data, labels=np.zeros_like(data.labels))
    judge = dataclasses.replace(data, test=np.arange(len(data.test)) > 5)  # hardly anything to learn from
    for bad in (few, one, judge):
        with pytest.raises(Conflict, match="amount_too_few"):
            amounts.measure(bad, lambda _done, _total: True)


def words(answer):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def answer(settings, database, store, run):
    """The worker's own code carries out the newest question."""
    with database.write() as session:
        job = amounts.newest(session, run)
        assert job is not None
        claim = jobs.claim(session, job.id, "me", 60)
        assert claim is not None
    runner.run(processes.parts(settings, database, store), claim)
    with database.read() as session:
        job = session.get_one(Job, job.id)
        assert (job.state, job.error_code) == (JobState.DONE, None)
        assert job.progress["phase"] == "amount"


def test_page__from_the_features_to_the_sentence(client, settings, database, store, many):
    run = many()
    path = "/p/blood/runs/1/more"
    assert "Measure how much more pictures would help" in words(client.get(path))
    client.post(path)
    client.post(path)  # the job that waits is enough
    page = client.get(path)
    assert "A worker measures" in words(page)
    assert "No worker answers." in words(page)
    assert client.get(f"{path}/state").json() == {"over": False, "done": 0, "total": 0}
    answer(settings, database, store, run)
    assert client.get(f"{path}/state").json()["over"] is True
    page = client.get(path)
    assert re.search(r"Twice as many pictures: about|It is not proven that|carries no forecast", words(page))
    assert "Judged on the pinned test set of the run." in words(page)
    assert page.text.count('<circle class="best"') == 16
    assert 'text-anchor="end">180</text>' in page.text, "the last number is not cut off"
    assert all(name in words(page) for name in CLASSES)
    every_training_with_all_pictures_counts(client, database, run)
    assert "画像" in words(client.get(f"{path}?lang=ja"))


def every_training_with_all_pictures_counts(client, database, run):
    with database.write() as session:  # another training with all pictures, of which one more was held out
        job = amounts.newest(session, run)
        assert job is not None
        assert job.result is not None
        points = job.result["points"]
        whole = max(points, key=lambda one: one["size"])
        right, *others = whole["class_right"]
        assert right
        less = [whole["class_size"][0] - 1, *whole["class_size"][1:]]
        more = whole | {
            "size": whole["size"] - 1,
            "right": sum(others),
            "class_size": less,
            "class_right": [0, *others],
        }
        job.result = job.result | {"points": [*points, more]}
    page = words(client.get("/p/blood/runs/1/more"))
    assert f"{100 * right / whole['class_total'][0] / 2:.1f}%" in page, "both count for the recall of the class"
    assert f"{50 * (whole['right'] + sum(others)) / whole['total']:.1f}% of the answers are right" in page


def test_page__a_former_measurement_stays_while_another_runs_or_has_ended_in_nothing(
    client, settings, database, store, many
):
    run = many()
    path = "/p/blood/runs/1/more"
    client.post(path)
    answer(settings, database, store, run)
    with database.write() as session:  # those of many other runs do not push it out
        other = {"project_id": run.project_id, "kind": JobKind.AMOUNT, "lane": Lane.CPU, "state": JobState.DONE}
        session.add_all(Job(**other, spec={"run_id": run.id + number}) for number in range(1, 60))
    client.post(path)
    again = client.get(path)
    assert "A worker measures" in words(again), "a new measurement waits"
    assert again.text.count('<circle class="best"') == 16, "and the former one stays"
    with database.write() as session:
        waits = amounts.newest(session, run)
        assert waits is not None
        jobs.cancel(session, waits.id)
    assert client.get(path).text.count('<circle class="best"') == 16


def test_page__without_features_says_what_is_missing(client, many):
    many(features=False)
    page = client.get("/p/blood/runs/1/more")
    assert "Have it look at them first." in words(page)
    client.errors_expected = True
    assert client.post("/p/blood/runs/1/more").status_code == 409


def test_page__a_measurement_that_failed_says_why(client, database, many):
    many()
    client.post("/p/blood/runs/1/more")
    with database.write() as session:
        values = {"state": JobState.FAILED, "error_code": "amount_too_few", "error_params": {"least": 40}}
        session.execute(sa.update(Job).where(Job.kind == JobKind.AMOUNT).values(**values))
    assert "too few pictures to measure anything" in words(client.get("/p/blood/runs/1/more"))

"""The diary of a run: changes of pictures, what they did to the answers, entries and their history, the pages."""

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image as Picture
from scipy.stats import binomtest

from app.db.base import utc_now
from app.db.diary_models import DiaryEntry
from app.db.run_models import Job, RunItem
from app.domain import altered
from app.domain.alterations import Alteration, Change
from app.domain.enums import JobKind, JobState, Lane
from app.domain.errors import Invalid
from app.services import diary
from app.services.diary import Chosen
from tests.inspect import factory
from worker import alter_jobs, hearing
from worker.supervisor import End, Outcome

DIARY = "/p/blood/runs/1/diary"
WHOLE = np.array([[100, 100]])


def noise(side=40, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (1, side, side, 3), dtype=np.uint8)


def test_border__is_blanked_with_the_mean_of_the_rest_or_mirrored():
    plain = noise()
    blank = Alteration(Change.BLANK_BORDER).apply(plain, WHOLE)[0]
    inner = plain[0, 4:36, 4:36]
    np.testing.assert_array_equal(blank[4:36, 4:36], inner)
    assert (blank[:4] == np.rint(inner.reshape(-1, 3).mean(axis=0))).all()
    mirrored = Alteration(Change.MIRROR_BORDER).apply(plain, WHOLE)[0]
    np.testing.assert_array_equal(mirrored[3, 4:36], inner[0])
    np.testing.assert_array_equal(mirrored[0, 4:36], inner[3])
    np.testing.assert_array_equal(mirrored[4:36, 39], inner[:, -4])


def test_padding__is_what_the_picture_does_not_fill():
    plain = noise()
    wide = np.array([[200, 50]])  # ten rows of forty remain
    blank = Alteration(Change.BLANK_PADDING).apply(plain, wide)[0]
    np.testing.assert_array_equal(blank[15:25], plain[0, 15:25])
    assert len(np.unique(blank[:15].reshape(-1, 3), axis=0)) == 1
    mirrored = Alteration(Change.MIRROR_PADDING).apply(plain, wide)[0]
    np.testing.assert_array_equal(mirrored[14], plain[0, 15])
    np.testing.assert_array_equal(Alteration(Change.BLANK_PADDING).apply(plain, WHOLE), plain)


def test_box__is_covered_or_shown_alone():
    plain = noise()
    masked = Alteration(Change.MASK, box=(0, 50, 50, 100)).apply(plain, WHOLE)[0]
    assert len(np.unique(masked[20:, :20].reshape(-1, 3), axis=0)) == 1
    np.testing.assert_array_equal(masked[:20], plain[0, :20])
    half = np.repeat(np.repeat(noise(20), 2, axis=1), 2, axis=2)
    half[:, :20] = 7
    assert (Alteration(Change.CROP, box=(0, 0, 100, 50)).apply(half, WHOLE) == 7).all()


def test_flip_turn_and_light():
    plain = noise()
    np.testing.assert_array_equal(Alteration(Change.FLIP).apply(plain, WHOLE), plain[:, :, ::-1])
    np.testing.assert_array_equal(Alteration(Change.UPSIDE_DOWN).apply(plain, WHOLE), plain[:, ::-1])
    darker = Alteration(Change.BRIGHTEN, light=-50).apply(plain, WHOLE)
    np.testing.assert_array_equal(darker, np.rint(plain * 0.5).astype(np.uint8))
    assert Alteration(Change.BRIGHTEN, light=100).apply(plain, WHOLE).max() == 255


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"change": "paint"}, "alteration_unknown"),
        ({"change": "mask", "box": ["10", "10", "10", "20"]}, "alteration_box"),
        ({"change": "mask", "box": ["0", "0", "100", "100"]}, "alteration_box"),
        ({"change": "crop", "box": ["a", "0", "1", "1"]}, "alteration_box"),
        ({"change": "crop", "box": "12"}, "alteration_box"),
        ({"change": "brighten", "light": "0"}, "alteration_light"),
        ({"change": "brighten", "light": "1e2"}, "alteration_light"),
    ],
)
def test_parse__refuses_what_makes_no_sense(values, code):
    with pytest.raises(Invalid) as refused:
        Alteration.parse(values)
    assert refused.value.code == code


@pytest.mark.parametrize("change", Change)
def test_parse__what_was_stored_comes_back(change):
    made = Alteration.parse({"change": change, "box": [1, 2, 30, 40], "light": -20})
    assert Alteration.parse(made.to_json()) == made


def test_effect__counts_and_the_exact_test_are_those_of_scipy():
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 3, 400)
    before, after = rng.dirichlet([1, 1, 1], 400), rng.dirichlet([1, 1, 1], 400)
    before[np.arange(400), labels] += 0.4
    found = altered.effect(labels, before, after)
    assert found is not None
    right, still = before.argmax(1) == labels, after.argmax(1) == labels
    assert (found.lost, found.gained) == ((right & ~still).sum(), (~right & still).sum())
    assert found.changed == (before.argmax(1) != after.argmax(1)).sum()
    assert found.p == pytest.approx(binomtest(int(found.lost), int(found.lost + found.gained)).pvalue, abs=1e-12)
    assert found.proven
    change = (after - before)[np.arange(400), labels]
    assert found.truth == pytest.approx(change.mean())
    half = 1.959964 * change.std(ddof=1) / 20
    assert found.truth_interval.high - found.truth_interval.low == pytest.approx(2 * half, rel=1e-6)
    assert len(found.listed) == altered.MOST_LISTED
    assert all(said != says for _, said, says, _, _ in found.listed)


def test_effect__of_nothing_and_of_one_picture():
    assert altered.effect(np.array([], int), np.zeros((0, 2)), np.zeros((0, 2))) is None
    same = altered.effect(np.array([1]), np.array([[0.2, 0.8]]), np.array([[0.2, 0.8]]))
    assert same is not None
    assert (same.changed, same.p, same.fall, same.proven) == (0, 1.0, 0.0, False)
    assert same.interval.low == 0 < same.interval.high


def test_write__a_test_waits_for_a_worker(client, trained, database):
    form = {
        "text": " Cells are seen by the nucleus. ",
        "change": "mask",
        "left": 30,
        "top": 30,
        "right": 70,
        "bottom": 70,
    }
    answer = client.post(DIARY, data=form | {"show": "right", "true": "2"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, DIARY)
    with database.read() as session:
        entry = session.scalars(sa.select(DiaryEntry)).one()
        job = session.get_one(Job, entry.job_id)
    assert entry.text == "Cells are seen by the nucleus."
    assert entry.alteration == {"change": "mask", "box": [30, 30, 70, 70]}
    assert entry.chosen == {"on": "test", "show": "right", "true": 1, "pred": None, "item": None}
    assert (job.kind, job.lane, job.spec["entry_id"]) == (JobKind.ALTER, Lane.CPU, entry.id)
    page = client.get(DIARY).text
    assert "waits for a worker" in page
    assert "data-waiting" in page


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({}, "The entry is empty."),
        ({"text": "x" * 2001}, "more than 2000 characters"),
        ({"change": "mask", "left": "90", "top": "0", "right": "10", "bottom": "50"}, "The box needs four numbers"),
        ({"change": "brighten", "light": "500"}, "from 1 to 100"),
        ({"change": "blank-padding"}, "does not fill pictures up"),
        ({"change": "flip", "item": "99999"}, "No picture fits this choice"),
        ({"change": "<script>"}, "There is no test &lt;script&gt;."),
    ],
)
def test_write__is_refused_with_a_reason_and_what_was_typed(client, trained, database, form, sentence):
    answer = client.post(DIARY, data={"text": ""} | form)
    assert answer.status_code == 422
    assert sentence in answer.text
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(DiaryEntry)) == 0


def test_entry__is_changed_removed_and_brought_back_with_its_history(client, trained, database):
    client.post(DIARY, data={"text": "first words"})
    client.post(f"{DIARY}/1", data={"do": "rewrite", "text": "second words"})
    client.post(f"{DIARY}/1", data={"do": "remove"})
    page = client.get(DIARY).text
    assert "1 removed entry" in page
    client.post(f"{DIARY}/1", data={"do": "restore"})
    page = client.get(DIARY).text
    assert "removed entry" not in page
    assert "second words" in page
    assert "before:</span>" not in page
    with database.read() as session:
        log = session.scalars(sa.select(DiaryEntry)).one().log
    assert [line["did"] for line in log] == ["written", "changed", "removed", "restored"]
    assert log[1]["text"] == "first words"
    assert client.post(f"{DIARY}/2", data={"do": "remove"}).status_code == 404
    assert client.post(f"{DIARY}/1", data={"do": "burn"}).status_code == 422


def answered(database, entry_id, *, flips):
    """Write what a worker would: of all test pictures, ``flips`` right answers become wrong."""
    with database.write() as session:
        entry = session.get_one(DiaryEntry, entry_id)
        run = factory.known_run(session, 1)
        asked = diary.pictures(session, run, Chosen(**entry.chosen))
        labels = np.array([one.label for one in asked])
        before = np.eye(3, dtype=np.float32)[labels] * 0.8 + 0.1
        after = before.copy()
        after[:flips] = np.roll(before[:flips], 1, axis=1)
        diary.conclude(session, entry_id, asked, (np.array([one.item_id for one in asked]), before, after))
        job = session.get_one(Job, entry.job_id)
        job.state, job.finished_at = JobState.DONE, utc_now()


def test_answer__says_what_was_proven_and_shows_the_pictures(client, trained, database):
    client.post(DIARY, data={"text": "", "change": "flip"})
    answered(database, 1, flips=7)
    page = client.get(DIARY).text
    assert "7 of 12 answers changed" in page
    assert "proven to be worse on the changed pictures" in page, "nothing was taken away"
    assert "0.0156" in page
    picture = f"{DIARY}/changed.jpg?change=flip&item="
    with database.read() as session:
        item = session.scalars(sa.select(RunItem.id).order_by(RunItem.id)).first()
    shown = client.get(f"{picture}{item}")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    plain = np.asarray(Picture.open(io.BytesIO(client.get(f"{DIARY}/changed.jpg?item={item}").content)), int)
    assert np.abs(np.asarray(Picture.open(io.BytesIO(shown.content)), int)[:, ::-1] - plain).mean() < 3
    assert client.get(f"{picture}99999").status_code == 404
    assert client.get(f"{DIARY}/changed.jpg?change=paint&item={item}").status_code == 422


def test_answer__of_pictures_that_the_answers_chose_proves_nothing(client, trained, database):
    client.post(DIARY, data={"text": "", "change": "mask", "left": 0, "top": 0, "right": 50, "bottom": 50, "true": "1"})
    client.post(DIARY, data={"text": "", "change": "flip", "show": "right"})
    answered(database, 2, flips=6)  # 0.03, were they drawn from all answers
    page = client.get(DIARY).text
    assert "The pictures were chosen by the answers to them" in page
    assert "proven to be" not in page
    assert "McNemar" not in page
    client.post(DIARY, data={"text": "", "change": "flip", "pred": "1"})
    answered(database, 3, flips=1)
    assert client.get(DIARY).text.count("The pictures were chosen by the answers to them") == 2


def test_answer__is_adjusted_for_all_questions_of_the_diary_the_removed_ones_too(client, trained, database):
    for number, light in enumerate((10, 20, 30, 30), start=1):
        client.post(DIARY, data={"text": "", "change": "brighten", "light": light})
        answered(database, number, flips=7 if light == 30 else 0)
    client.post(f"{DIARY}/1", data={"do": "remove"})
    page = client.get(DIARY).text
    assert page.count("0.0469") == 2, "three questions, one of them asked twice"
    assert page.count("adjusted for 3 tests") == 3, "each p says why it is not that of its test alone"
    assert page.count("proven to be worse") == 2
    client.post(DIARY, data={"text": "", "change": "flip"})
    answered(database, 5, flips=0)
    assert "proven to be" not in client.get(DIARY).text


def test_answer__one_picture_has_no_interval(client, trained, database):
    with database.read() as session:
        item = diary.pictures(session, factory.known_run(session, 1), Chosen())[0].item_id
    client.post(DIARY, data={"text": "", "change": "flip", "item": item})
    answered(database, 1, flips=1)
    page = " ".join(client.get(DIARY).text.split())
    assert "1 of 1 answers changed" in page
    assert '<span class="quiet nowrap">points</span>' in page


def test_borders__its_tests_are_started_shown_and_stopped_there(client, trained, database):
    form = {"change": "blank-border", "on": "validation", "back": "borders"}
    answer = client.post(DIARY, data=form, follow_redirects=False)
    assert answer.headers["location"] == "/p/blood/runs/1/borders?on=validation"
    assert "data-waiting" in client.get("/p/blood/runs/1/borders?on=validation").text
    assert "data-waiting" not in client.get("/p/blood/runs/1/borders?on=test").text
    client.post(f"{DIARY}/1", data={"do": "stop", "back": "borders"})
    assert "stopped before it came to an end" in client.get("/p/blood/runs/1/borders?on=validation").text
    client.post(f"{DIARY}/1", data={"do": "again"})
    answered(database, 1, flips=0)
    page = client.get("/p/blood/runs/1/borders?on=validation").text
    assert "The answers to all 30 pictures stayed the same." in page
    assert "[0.0% – 11.4%]" in page, "thirty pictures cannot show that the border is never needed"
    assert "No difference in right answers is proven." in page
    client.post(DIARY, data=form)
    answered(database, 2, flips=12)
    page = client.get("/p/blood/runs/1/borders?on=validation").text
    assert "Without it 12 of 30 answers change, and the run is proven to be worse." in page
    assert "The border is part of the answer." in page, "whatever the heat says"


def test_worker__a_test_that_heard_nothing_fails_with_a_sentence(monkeypatch):
    monkeypatch.setattr(hearing, "Supervisor", lambda *_: SimpleNamespace(run=lambda: End(Outcome.DONE)))
    monkeypatch.setattr(alter_jobs, "_order", lambda *_: ([], None))
    nothing: Any = None
    end = alter_jobs.run(nothing, nothing, nothing)
    assert (end.outcome, end.code) == (Outcome.FAILED, "diary_no_pictures")


def test_pages__without_models_or_answers(client, made, database, store):
    with database.write() as session:
        factory.run(session, store, factory.known(session), folds=0, state=JobState.RUNNING)
    page = client.get(DIARY).text
    assert "nothing can be tested yet" in page
    assert client.post(DIARY, data={"text": "", "change": "flip"}).status_code == 422
    assert client.post(DIARY, data={"text": "A note.", "change": ""}).status_code == 200
    assert "A note." in client.get(DIARY).text

"""The page that tries a picture, with a worker played by the test."""

import base64
import io
import threading
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa
from PIL import Image as Picture

from app.db.base import utc_now
from app.db.models import Image
from app.db.run_models import Job, Run, RunFold
from app.domain.enums import JobKind, JobState, Lane
from app.domain.recipe import Recipe
from app.services import predictions
from app.storage import LocalStore
from tests.inspect import factory
from worker.ml import data

JSON = {"Accept": "application/json"}
RESULT = {
    "probabilities": [[0.7, 0.2, 0.1], [0.5, 0.1, 0.4]],
    "layer": factory.LAYER,
    "maps": [],
    "seconds": 0.031,
}


@pytest.fixture
def trained(holdout, database):
    """Run 1, of one model whose weights are said to be there."""
    with database.write() as session:
        session.execute(sa.update(RunFold).values(weights_sha256="a" * 64))
    return holdout


def grey():
    out = io.BytesIO()
    Picture.new("L", (8, 8), 200).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def answered(database, job_id, **values):
    """Write what a worker would."""
    maps = [{"position": position, "png": grey(), "peak": 2.0 - position} for position in (0, 1)]
    with database.write() as session:
        job = session.get_one(Job, job_id)
        job.state, job.finished_at = JobState.DONE, utc_now()
        job.result = RESULT | {"maps": maps} | values


def ask(client, wait=0.0, **form):
    return client.post(f"/p/blood/runs/1/try?wait={wait}", headers=JSON, **form)


def test_ask__a_file_makes_an_interactive_job_with_our_own_copy(client, trained, database, store):
    content = factory.drawing(1, 5, side=80)
    answer = ask(client, files={"picture": ("細胞 1.png", content, "image/png")})
    assert answer.status_code == 202
    with database.read() as session:
        job = session.get_one(Job, answer.json()["job"])
    assert (job.kind, job.lane, job.state) == (JobKind.PREDICT, Lane.INTERACTIVE, JobState.QUEUED)
    assert (job.spec["name"], job.spec["width"], job.spec["image_id"]) == ("細胞 1.png", 80, None)
    assert store.get(job.spec["picture"]).startswith(b"\x89PNG")
    shown = client.get(answer.json()["picture"]["url"])
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")


def test_ask__an_image_of_the_project_copies_nothing(client, trained, made, database):
    image = made.test[0]
    answer = ask(client, data={"image": image.id})
    with database.read() as session:
        spec = session.get_one(Job, answer.json()["job"]).spec
    assert (spec["picture"], spec["image_id"]) == (image.canonical_sha256, image.id)


def test_answer__comes_in_the_same_request_when_the_worker_is_quick(client, trained, made, database):
    def work():
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with database.read() as session:
                job_id = session.scalar(sa.select(Job.id).where(Job.kind == JobKind.PREDICT))
            if job_id:
                answered(database, job_id)
                return
            time.sleep(0.01)  # the request makes the job, and nothing announces it

    thread = threading.Thread(target=work)
    thread.start()
    answer = ask(client, wait=30, data={"image": made.test[0].id})
    thread.join()
    values = answer.json()
    assert (answer.status_code, values["state"], values["predicted"]) == (200, "done", "好中球")
    assert values["probabilities"] == pytest.approx({"好中球": 0.6, "好酸球": 0.15, "単球": 0.25})
    assert len(values["models"]) == 2
    assert set(values["heat_maps"]) == {"好中球", "好酸球"}
    picture = client.get(values["heat_maps"]["好酸球"])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")


def test_wait__ends_when_the_time_is_over(client, trained, made):
    started = time.monotonic()
    answer = ask(client, wait=0.3, data={"image": made.test[0].id})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert 0.25 < time.monotonic() - started < 15


def test_page__shows_the_answer_and_the_map_of_another_class(client, trained, made, database):
    job_id = ask(client, data={"image": made.test[0].id}).json()["job"]
    waiting = client.get(f"/p/blood/runs/1/try?job={job_id}").text
    assert "No worker is alive; the answer comes as soon as one is." in waiting
    answered(database, job_id)
    page = client.get(f"/p/blood/runs/1/try?job={job_id}").text
    assert "The run says <strong>好中球</strong> 60.0%" in page
    assert "position=0" in page
    assert "kept with the run" not in page
    with database.write() as session:
        session.get_one(Run, trained.id).temperature = 0.5
    scaled = client.get(f"/p/blood/runs/1/try?job={job_id}").text
    assert "Scaled by the temperature 0.50 that is kept with the run." in scaled
    assert "The run says <strong>好中球</strong> 60.0%" not in scaled
    assert "learned from this image" not in page
    part = client.get(
        f"/p/blood/runs/1/try/{job_id}?part=answer&position=1&own=true", headers={"HX-Request": "true"}
    ).text
    assert 'alt="Heat map for 好酸球"' in part
    assert "position=1&amp;limit=1.0" in part
    assert "<html" not in part


def test_views__are_said_with_the_answer_and_kept_for_the_next_question(client, trained, made, database):
    picture = {"image": made.test[0].id}
    plain, several = (ask(client, data=picture | more).json()["job"] for more in ({}, {"views": "turns"}))
    for job_id in (plain, several):
        answered(database, job_id)
    found = [client.get(f"/p/blood/runs/1/try/{job_id}", headers=JSON).json() for job_id in (plain, several)]
    assert [(one["views"], one["view_count"]) for one in found] == [("none", 1), ("turns", 8)]
    pages = [client.get(f"/p/blood/runs/1/try?job={job_id}").text for job_id in (plain, several)]
    said = "Mean over 8 views of the picture: as it is and in quarter turns, each of them also mirrored."
    assert [said in page for page in pages] == [False, True]
    assert "Mean over" not in pages[0]
    chosen = [page.split(" selected>8 views: quarter turns")[0].endswith('<option value="turns"') for page in pages]
    assert chosen == [False, True]
    assert '<option value="mirror" selected>' in client.get(f"/p/blood/runs/1/try?job={several}&views=mirror").text
    with database.read() as session:
        assert [session.get_one(Job, one).spec["views"] for one in (plain, several)] == ["none", "turns"]


def test_page__warns_of_an_image_that_the_run_learned_from(client, trained, made, database):
    job_id = ask(client, data={"image": made.train[0].id}).json()["job"]
    answered(database, job_id)
    page = client.get(f"/p/blood/runs/1/try?job={job_id}").text
    assert ("learned from this image" in page) == (_split(database, made.train[0].id) == "train")


def _split(database, image_id):
    with database.read() as session:
        return session.scalar(sa.text("SELECT split FROM run_item WHERE image_id = :id"), {"id": image_id})


def test_page__images_without_a_label_come_first_when_there_are_any(client, trained, made, database):
    assert 'value="all" selected' in client.get("/p/blood/runs/1/try").text
    with database.write() as session:
        session.execute(sa.update(Image).where(Image.id == made.train[0].id).values(class_id=None))
    page = client.get("/p/blood/runs/1/try").text
    assert 'value="new" selected' in page
    assert page.count('class="try-tile"') == 1
    found = client.get("/p/blood/runs/1/try?which=all&q=test-00").text
    assert found.count('class="try-tile"') == 10


def test_failure__is_a_sentence(client, trained, made, database):
    job_id = ask(client, data={"image": made.test[0].id}).json()["job"]
    with database.write() as session:
        job = session.get_one(Job, job_id)
        job.state, job.error_code, job.error_params = JobState.FAILED, "answer_slow", {"seconds": 60}
    assert "There was no answer within 60 s" in client.get(f"/p/blood/runs/1/try?job={job_id}").text
    values = client.get(f"/p/blood/runs/1/try/{job_id}").json()
    assert values["message"].startswith("There was no answer within 60 s")


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"data": {"layer": "conv_9", "image": "1"}}, 422, "layer_missing"),
        ({"data": {"views": "upside-down", "image": "1"}}, 422, "views_unknown"),
        ({"data": {"image": "77777"}}, 404, "image_missing"),
        ({"data": {"image": "one"}}, 422, "prediction_picture_missing"),
        ({"data": {"again": "1"}}, 404, "prediction_missing"),
        ({"data": {"note": "nothing"}}, 422, "prediction_picture_missing"),
        ({"files": {"picture": ("x.png", b"not a picture")}}, 422, "image_unknown"),
    ],
)
def test_refused__with_a_reason_and_without_a_job(client, trained, database, form, status, code):
    answer = ask(client, **form)
    assert answer.status_code == status
    if code != "image_unknown":
        assert answer.json()["error"]["code"] == code
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).where(Job.kind == JobKind.PREDICT)) == 0
    page = client.post("/p/blood/runs/1/try", **form)
    assert page.status_code == status
    assert answer.json()["error"]["message"][:20] in page.text.replace("&#39;", "'")


def test_refused__without_a_script_the_page_keeps_the_views_that_were_chosen(client, trained):
    page = client.post("/p/blood/runs/1/try", data={"views": "turns", "again": "1"})
    assert page.status_code == 404
    assert '<option value="turns" selected>' in page.text


def test_refused__a_run_without_models(client, holdout, made):
    assert "no trained model yet" in client.get("/p/blood/runs/1/try").text
    answer = ask(client, data={"image": made.test[0].id})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "weights_missing")


def test_again__the_same_picture_with_another_layer(client, trained, database):
    content = factory.drawing(2, 5)
    first = ask(client, files={"picture": ("a.png", content, "image/png")}).json()["job"]
    again = ask(client, data={"again": first, "layer": "conv_1"}).json()["job"]
    with database.read() as session:
        specs = [session.get_one(Job, number).spec for number in (first, again)]
    assert specs[0]["picture"] == specs[1]["picture"]
    assert specs[1]["layer"] == "conv_1"


def test_forgotten__after_a_day_with_the_pictures_that_nothing_else_needs(client, trained, made, database, store):
    content = factory.drawing(2, 5)
    first = ask(client, files={"picture": ("a.png", content, "image/png")}).json()["job"]
    again = ask(client, data={"again": first}).json()["job"]
    other = ask(client, files={"picture": ("a.png", content, "image/png")}).json()["job"]
    own = ask(client, data={"image": made.test[0].id}).json()["job"]
    with database.write() as session:
        jobs = {number: session.get_one(Job, number) for number in (first, again, other, own)}
        pictures = {number: job.spec["picture"] for number, job in jobs.items()}
        for number in (first, other, own):
            jobs[number].state, jobs[number].finished_at = JobState.DONE, utc_now() - timedelta(hours=25)
    assert pictures[first] != pictures[other], "each picture that is sent can go by itself"
    with database.write() as session:
        assert predictions.forget_old(session, store) == 3
    assert [store.exists(pictures[number]) for number in (first, other, own)] == [True, False, True]
    assert client.get(f"/p/blood/runs/1/try/{first}", headers=JSON).status_code == 404
    assert "kept for a day" in client.get(f"/p/blood/runs/1/try?job={first}").text
    with database.read() as session:
        assert predictions.kept_pictures(session) == {pictures[again]}


def test_picture__of_another_run_is_not_shown(client, kfold, holdout, made, database):
    with database.write() as session:
        session.execute(sa.update(RunFold).values(weights_sha256="a" * 64))
    job_id = ask(client, data={"image": made.test[0].id}).json()["job"]
    for path in ("", "/picture", "/heat.png?position=0&limit=1"):
        assert client.get(f"/p/blood/runs/2/try/{job_id}{path}", headers=JSON).status_code == 404


def test_prepare__queues_the_loading_of_the_models(client, trained, database):
    answer = client.post("/p/blood/runs/1/try/prepare", headers=JSON)
    assert answer.status_code == 202
    with database.read() as session:
        job = session.get_one(Job, answer.json()["job"])
    assert (job.kind, job.lane, job.spec) == (JobKind.PREDICT, Lane.INTERACTIVE, {"run_id": 1})


def test_explain__few_maps_overtake_and_many_take_their_turn(client, kfold, database):
    for count, lane in ((1, Lane.INTERACTIVE), (4, Lane.INTERACTIVE), (5, Lane.CPU)):
        form = {"item": list(range(1, count + 1)), "fold": 0, "layer": factory.LAYER, "position": 0}
        answer = client.post("/p/blood/runs/1/explain", data=form, headers=JSON)
        with database.read() as session:
            assert session.get_one(Job, answer.json()["job"]).lane == lane


def test_store__the_mark_behind_a_picture_leaves_it_readable(tmp_path):
    store = LocalStore(tmp_path)
    content = factory.drawing(0, 3, side=32)
    digest = predictions.keep(store, content)
    recipe = Recipe(image_size=32)
    assert (data.square(store.get(digest), recipe) == data.square(content, recipe)).all()

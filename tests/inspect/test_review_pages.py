"""The review page: its filters and links, heat maps as pictures, and orders for more of them."""

import io
import json
import re
from html import unescape

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image as Picture

from app.db.run_models import Explanation, Job, RunItem
from app.domain import heat
from app.domain.enums import JobState, PredictionRole, Split
from app.services import review
from tests.inspect import factory
from tests.inspect.test_run_pages import change_label

REVIEW = "/p/blood/runs/1/review"


def page(client, query=""):
    answer = client.get(f"{REVIEW}?{query}" if query else REVIEW)
    assert answer.status_code == 200
    return answer.text


def items(text):
    return [int(found) for found in re.findall(r'class="tile[^>]*data-item="(\d+)"', text)]


def test_review__words_interval_and_matrix(client, database, kfold):
    with database.read() as session:
        summary = review.summary(session, kfold, PredictionRole.TEST)
        assert summary.interval is not None
        low, high = round(summary.interval.low * 100, 1), round(summary.interval.high * 100, 1)
        wrong = summary.wrong
    text = page(client)
    assert f"{summary.correct} of 12 right; the true value lies between {low}% and {high}% (95 % interval)." in text
    assert len(items(text)) == wrong > 0
    assert 'class="matrix"' in text
    assert "Answers are the mean of the 5 models." in text


def test_review__each_cell_of_the_matrix_opens_its_pictures(client, database, kfold):
    text = page(client, "on=validation")
    cells = re.findall(r'<td class="cell[^>]*><a href="([^"]+)"[^>]*><strong>(\d+)</strong>', text)
    assert len(cells) > 3
    assert sum(int(count) for _, count in cells) == 30
    for href, count in cells:
        answer = client.get(unescape(href))
        assert len(items(answer.text)) == int(count)


def test_review__neighbours_walk_through_everything_once(client, kfold):
    seen, query = [], "on=validation&show=all"
    first = page(client, query)
    expected = items(first)
    at = expected[0]
    while at:
        seen.append(at)
        part = client.get(f"{REVIEW}?{query}&at={at}&part=selected", headers={"HX-Request": "true"})
        assert f'data-item="{at}"' in part.text
        found = re.search(r'data-next-item="(\d*)"', part.text)
        assert found is not None
        at = int(found[1]) if found[1] else 0
    assert seen == expected
    assert len(seen) == 30


def test_review__pages_of_sixty(client, database, store):
    with database.write() as session:
        many = factory.project(session, store, train=25, test=2)
        factory.run(session, store, many, folds=3)
    query = "on=validation&show=all&sort=order"
    first, second = items(page(client, query)), items(page(client, f"{query}&page=2"))
    assert (len(first), len(second)) == (60, 15)
    assert first + second == sorted(first + second)
    assert items(page(client, f"{query}&at={second[3]}")) == second
    assert "Page 2 of 2" in page(client, f"{query}&page=2")


def test_review__empty_cell_says_so(client, kfold, database):
    with database.read() as session:
        matrix = review.summary(session, kfold, PredictionRole.TEST).matrix
    true, predicted = next(zip(*np.where(matrix == 0), strict=True))
    assert "No pictures in this cell." in page(client, f"true={true + 1}&pred={predicted + 1}")
    assert "No mistakes in this cell." in page(client, f"true={true + 1}&pred={predicted + 1}&show=wrong")


def test_review__without_mistakes(client, database, store, made):
    with database.write() as session:
        factory.run(session, store, made, folds=0, share_right=1.1)
    text = page(client)
    assert "No mistakes here." in text
    assert "12 of 12 right" in text


def test_review__without_test_set_begins_with_validation(client, database, store):
    with database.write() as session:
        none = factory.project(session, store, test=0)
        factory.run(session, store, none, folds=5)
    assert "Validation accuracy" in page(client)
    assert "This run has no test set." in page(client, "on=test")


def test_review__failed_run(client, database, store, made):
    with database.write() as session:
        factory.run(session, store, made, state=JobState.FAILED)
    assert "did not come to its end" in page(client)


@pytest.mark.parametrize(
    "query", ["on=what&true=x&pred=99&show=odd&sort=%00&at=-4&page=0&seed=zz&cam=77", "page=99", "at=999999"]
)
def test_review__odd_addresses_show_the_usual(client, kfold, query):
    page(client, query)


def test_review__one_fold_on_the_test_set(client, kfold):
    text = page(client, "on=fold&fold=3&show=all")
    assert len(items(text)) == 12
    assert "Fold 3 on the test set" in text


def test_review__what_each_model_says(client, kfold):
    text = page(client, "show=all")
    assert "mean of all" in text
    assert "Fold 5" in text
    assert "mean of all" not in page(client, "on=validation")


def test_review__label_then_and_now(client, database, kfold, made):
    image = made.test[0]
    change_label(database, made, image, made.classes[2].id)
    text = page(client, "show=all")
    assert "1 label changed since this run." in text
    tile = re.search(rf'data-image="{image.id}"[^>]*', text)
    assert tile is not None
    assert f'data-seen="{made.classes[0].id}"' in tile[0]
    assert f'data-now="{made.classes[2].id}"' in tile[0]
    assert 'data-version="2"' in tile[0]
    with database.read() as session:
        item = session.query(RunItem).filter_by(run_id=kfold.id, image_id=image.id).one().id
    part = page(client, f"show=all&at={item}")
    assert re.search(r'<p class="label-now">Label now: <strong>単球</strong>', part)
    assert "truly <strong>好中球</strong>" in part


def test_review__class_names_cannot_break_out(client, database, store, made):
    with database.write() as session:
        made.classes[0].name = '</script><img src=x onerror="alert(1)">'
        session.merge(made.classes[0])
        factory.run(session, store, made, folds=0)
    text = page(client)
    assert "<img src=x" not in text
    block = re.search(r'id="review-data">(.*?)</script>', text, re.S)
    assert block is not None
    assert json.loads(block[1])["classes"][0]["name"].startswith("</script>")


def test_review__bounded_queries(client, kfold):
    seen: list[str] = []
    engine = client.app.state.miwake.database.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    page(client, "on=validation&show=all")
    assert len(seen) <= 26


# ---- heat maps ----


def heat_src(client, query="on=validation"):
    text = page(client, query)
    found = re.search(r'class="heat overlay" src="([^"]+)"', text)
    assert found is not None
    return unescape(found[1])


def test_heat_map__coloured_png_kept_for_ever(client, kfold):
    src = heat_src(client)
    answer = client.get(src)
    assert answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"]
    picture = np.asarray(Picture.open(io.BytesIO(answer.content)))
    assert picture.shape == (heat.SIDE, heat.SIDE, 4)
    assert picture[..., 3].max() > 50
    assert picture[..., 3].min() == 0
    changed = client.get(re.sub(r"v=\w+", "v=other", src))
    assert "immutable" not in changed.headers["cache-control"]


def test_heat_map__own_scale_reaches_the_last_colour(client, kfold):
    answer = client.get(heat_src(client, "on=validation&scale=own").replace("/heat/", "/heat/"))
    assert np.asarray(Picture.open(io.BytesIO(answer.content)))[..., 3].max() == heat.MOST_OPAQUE


def test_heat_map__an_empty_one_says_so(client, database, kfold):
    with database.write() as session:
        session.execute(sa.update(Explanation).values(peak=0.0))
    assert "The map is empty" in page(client, "on=validation")
    assert client.get(heat_src(client, "on=validation&scale=own")).status_code == 200


def test_heat_map__missing_or_odd(client, kfold):
    src = heat_src(client)
    assert client.get(re.sub(r"layer=\w+", "layer=none", src)).status_code == 404
    assert client.get(re.sub(r"limit=[\d.]+", "limit=0", src)).status_code == 422
    assert client.get(re.sub(r"limit=[\d.]+", "limit=nan", src)).status_code == 422


def test_heat_legend(client, made):
    answer = client.get("/heat-legend.png")
    assert Picture.open(io.BytesIO(answer.content)).size == (256, 12)


def test_heat_map__other_class_and_layer_can_be_chosen(client, kfold):
    text = page(client, "on=validation&cam=true")
    assert "heat overlay" in text
    assert "heat overlay" not in page(client, "on=validation&layer=conv_1")
    assert "Make the heat map" in page(client, "on=validation&layer=conv_1")
    assert "heat overlay" in page(client, "on=validation&layer=unknown")


def order_form(text):
    form = re.search(r'<form method="post"[^>]*class="heat-missing">(.*?)</form>', text, re.S)
    assert form is not None
    pairs = re.findall(r'name="(\w+)" value="([^"]*)"', form[1])
    values = {name: unescape(value) for name, value in pairs if name != "item"}
    return values | {"item": [value for name, value in pairs if name == "item"]}


def test_explain__ordered_from_the_page_and_followed(client, database, store, kfold):
    query = "on=validation&show=right"
    text = page(client, query)
    assert "No worker is alive" in text
    form = order_form(text)
    answer = client.post("/p/blood/runs/1/explain", data=form, headers={"Accept": "application/json"})
    assert answer.status_code == 202
    state = client.get(answer.json()["url"], headers={"Accept": "application/json"}).json()
    assert state == answer.json()
    told = {name: state[name] for name in ("state", "finished", "workers", "message")}
    assert told == {"state": "queued", "finished": False, "workers": 0, "message": ""}
    with database.write() as session:
        job = session.get_one(Job, answer.json()["job"])
        assert job.spec["item_ids"] == sorted(map(int, form["item"]))
        for item_id in job.spec["item_ids"]:
            item = session.get_one(RunItem, item_id)
            session.add(factory.heat_map(store, kfold, item, job.spec["fold"], job.spec["class_position"]))
        job.state = JobState.DONE
    assert client.get(answer.json()["url"]).json()["finished"]
    assert "heat overlay" in page(client, query)


def test_explain__without_javascript_comes_back_to_the_picture(client, kfold):
    form = order_form(page(client, "on=validation&show=right"))
    answer = client.post("/p/blood/runs/1/explain", data=form, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{REVIEW}?on=validation&show=right&at=")


def test_explain__failed_job_says_why(client, database, kfold):
    form = order_form(page(client, "on=validation&show=right"))
    made = client.post("/p/blood/runs/1/explain", data=form, headers={"Accept": "application/json"}).json()
    with database.write() as session:
        job = session.get_one(Job, made["job"])
        job.state, job.error_code, job.error_params = JobState.FAILED, "disk_full", {"folder": "x"}
    assert "The disk is full" in client.get(made["url"]).json()["message"]


def test_explain__refuses_items_of_other_runs(client, database, kfold, holdout):
    with database.read() as session:
        other = session.query(RunItem).filter_by(run_id=holdout.id, split=Split.TEST).first().id
        assert session.query(Explanation).filter_by(run_id=kfold.id).count()
    form = {"item": [str(other)], "fold": "0", "layer": "x", "position": "0"}
    assert client.post("/p/blood/runs/1/explain", data=form).status_code == 404
    many = {"item": [str(number) for number in range(1, 500)], "fold": "0", "layer": "x", "position": "0"}
    assert client.post("/p/blood/runs/1/explain", data=many).status_code == 422


def test_filter__keeps_how_the_heat_map_is_made(client, kfold):
    text = client.get("/p/blood/runs/1/review?on=validation&method=occlusion&model=2").text
    form = re.search(r'<form method="get"[^>]*class="filter".*?</form>', text, re.DOTALL)
    assert form
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form[0]))
    assert hidden == {"on": "validation", "method": "occlusion", "model": "2"}

"""Queues of label mode: their orders, what a model doubts, and that no picture is given to two people."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.db.models import Image, ImageLease
from app.db.run_models import Prediction, Run, RunItem
from app.db.session import db_now
from app.domain.enums import ImageState, LabelSource, PredictionRole, Split
from app.services import doubted, gallery, labels, leases, queues
from app.services.gallery import ImageFilter
from app.services.labels import LabelChange
from app.services.queues import Order, Queue, Wish
from tests.inspect import factory
from tests.labelling.bench import Bench
from tests.labelling.factories import make_images, make_project

OPEN = ImageFilter(unlabelled=True)


def drawn(bench: Bench, queue: Queue, holder="a", limit=100, **wish) -> list[int]:
    return [row.id for row in queues.draw(bench.database, bench.project_id, queue, Wish(holder, limit, **wish))]


@pytest.fixture
def many(database) -> Bench:
    return Bench(database, 60)


def test_random__is_a_stable_order_of_all_that_a_seed_changes(many):
    queue = Queue(Order.RANDOM, OPEN, seed=1)
    first = drawn(many, queue)
    assert sorted(first) == many.images
    assert first != many.images
    assert drawn(many, queue) == first
    assert drawn(many, replace(queue, seed=2)) != first
    many.assign((first[0], many.classes[0]))
    assert drawn(many, queue) == first[1:]


def test_random__goes_on_without_what_the_page_has(many):
    queue = Queue(Order.RANDOM, OPEN, seed=3)
    first = drawn(many, queue, limit=25)
    rest = drawn(many, queue, without=frozenset(first))
    assert sorted(first + rest) == many.images


def test_unlabelled__begins_behind_a_picture_and_comes_round(many):
    found = drawn(many, Queue(Order.UNLABELLED, OPEN), at=many.images[39], without=frozenset([many.images[39]]))
    assert found == many.images[40:] + many.images[:39]


def test_leases__of_others_are_left_out_until_given_back_or_run_out(many):
    queue = Queue(Order.UNLABELLED, OPEN)
    first = drawn(many, queue, "a", 20)
    assert drawn(many, queue, "b") == many.images[20:]
    assert drawn(many, queue, "a", 20) == first  # a reload shows the same pictures
    with many.database.write() as session:
        assert queues.with_others(session, many.project_id, queue, "b") == 20
        leases.release(session, "b", first)  # nobody gives back what is not theirs
        leases.release(session, "a", first[:5])
    assert drawn(many, queue, "c") == first[:5]
    with many.database.write() as session:
        session.execute(sa.update(ImageLease).where(ImageLease.holder == "a").values(until=db_now() - 1))
    assert drawn(many, queue, "d") == first[5:]
    with many.database.write() as session:  # a clock that was far ahead holds nobody up either
        session.execute(sa.update(ImageLease).values(until=db_now() + 1e6))
    assert drawn(many, queue, "e") == many.images


def test_leases__do_not_hold_up_looking_through_everything(many):
    drawn(many, Queue(Order.UNLABELLED, OPEN), "a")
    assert drawn(many, Queue(Order.ALL, ImageFilter()), "b") == many.images


@pytest.mark.slow
def test_two_hundred_pictures__go_to_one_of_four_people_each(any_database):
    """Four people draw and label at the same time until nothing is left; nobody gets a picture that another one has."""
    bench = Bench(any_database, 200)
    queue = Queue(Order.RANDOM, OPEN, seed=1)

    def work(name: str) -> list[int]:
        mine: list[int] = []
        until = time.monotonic() + 120
        while time.monotonic() < until:
            some = drawn(bench, queue, name, 7)
            if not some:
                with bench.database.read() as session:
                    if not queues.with_others(session, bench.project_id, queue, name):
                        return mine
                continue
            mine += some
            with bench.database.write() as session:
                labels.assign(
                    session,
                    bench.project_id,
                    [LabelChange(image, bench.classes[0], 0) for image in some],
                    source=LabelSource.LABEL_MODE,
                    actor=name,
                    request_id=f"{name}-{some[0]}",
                )
                leases.release(session, name, some)
        raise AssertionError("the queue did not end")

    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(work, "abcd"))
    assert sorted(image for share in shares for image in share) == bench.images


@pytest.fixture
def run(database, store) -> tuple[factory.Made, Run]:
    with database.write() as session:
        made = factory.project(session, store)
        return made, factory.run(session, store, made, folds=5)


def doubts(database, made):
    with database.read() as session:
        return doubted.doubts(session, made.project.id)


def test_doubts__are_mistakes_of_models_that_had_not_seen_the_picture(database, run):
    made, row = run
    with database.read() as session:
        wrong = (
            sa.select(RunItem.image_id)
            .join(Prediction, Prediction.item_id == RunItem.id)
            .where(Prediction.role == PredictionRole.VALIDATION, Prediction.predicted != RunItem.label)
            .where(RunItem.run_id == row.id)
        )
        expected = set(session.scalars(wrong))
    found = doubts(database, made)
    assert {doubt.image_id for doubt in found} == expected != set()
    assert [doubt.given for doubt in found] == sorted(doubt.given for doubt in found)
    assert all(doubt.given < doubt.confidence <= 1 for doubt in found)
    queue = Queue(Order.WRONG, ImageFilter())
    with database.read() as session:
        rows = queues.peek(session, made.project.id, queue, Wish("a", 100))
        assert [one.id for one in rows] == [doubt.image_id for doubt in found]
        assert queues.total(session, made.project.id, queue) == len(found)


def test_doubts__leave_out_the_test_set_and_what_was_changed_since(database, run):
    made, _ = run
    tested, changed, *others = doubts(database, made)
    with database.write() as session:
        session.execute(sa.update(Image).where(Image.id == tested.image_id).values(split=Split.TEST))
        change = LabelChange(changed.image_id, changed.class_id)
        labels.assign(session, made.project.id, [change], source=LabelSource.SUGGESTION, actor="mika", request_id="1")
    assert doubts(database, made) == others
    with database.write() as session:
        session.execute(sa.update(Image).where(Image.id == others[0].image_id).values(state=ImageState.EXCLUDED))
    with database.read() as session:
        rows = queues.peek(session, made.project.id, Queue(Order.WRONG, ImageFilter()), Wish("a", 100))
    assert [row.id for row in rows] == [doubt.image_id for doubt in others[1:]]


def test_doubts__leave_out_labels_that_somebody_found_right_until_they_change(database, client, run):
    made, _ = run
    first, *others = doubts(database, made)
    path = f"/p/{made.project.slug}"
    said = {"source": "label", "field": "checked", "value": "", "image_ids": [first.image_id], "request_id": "right"}
    label = {"source": "label", "request_id": "other", "changes": [{"image_id": first.image_id}]}
    assert client.post(f"{path}/marks", json=said).json()["count"] == 1
    assert client.post(f"{path}/marks", json={**said, "request_id": "again"}).json()["count"] == 0
    assert doubts(database, made) == others
    assert "label found right: " in client.get(f"{path}/images/{first.image_id}").text
    assert client.post(f"{path}/labels/undo", json={"request_id": "back"}).json()["field"] == "checked"
    assert doubts(database, made) == [first, *others]
    client.post(f"{path}/labels/redo", json={"request_id": "redo"})
    with database.read() as session:
        assert gallery.rows(session, made.project.id, [first.image_id])[0].checked
    client.post(f"{path}/labels", json={**label, "class_id": None})
    with database.read() as session:
        assert not gallery.rows(session, made.project.id, [first.image_id])[0].checked


def test_doubts__the_button_of_the_plain_form_says_that_a_label_is_right(database, client, run):
    made, _ = run
    first, second, *others = doubts(database, made)
    form = {"do": "right", "image_id": first.image_id, "version": 0, "request_id": "plain"}
    path = f"/p/{made.project.slug}/label?queue=wrong"
    text = client.get(path).text
    assert "The label is right" in text
    client.post(path, data=form, follow_redirects=False)
    assert doubts(database, made) == [first, second, *others]  # whoever saw no label found none right
    seen = re.search(r'name="class_id" value="(\d+)"', text)
    assert seen is not None
    form |= {"class_id": seen[1], "request_id": "seen"}
    answer = client.post(path, data=form, follow_redirects=False)
    assert answer.headers["location"].endswith(f"at={second.image_id}")
    assert doubts(database, made) == [second, *others]


def test_doubts__that_others_have_on_the_screen_are_told(database, client, run):
    made, _ = run
    first, second, *others = [doubt.image_id for doubt in doubts(database, made)]
    with database.write() as session:
        leases.take(session, made.project.id, [first, second, *others], "ken")
        leases.take(session, made.project.id, [made.test[0].id], "ken")  # not of this queue
    path = f"/p/{made.project.slug}/label"
    answer = client.post(f"{path}/items?queue=wrong", json={"limit": 5}).json()
    assert (answer["items"], answer["elsewhere"]) == ([], len(others) + 2)
    text = client.get(f"{path}?queue=wrong").text
    assert f"Somebody else has {len(others) + 2} more on the screen" in text


def test_doubts__there_are_none_before_a_run(database, many):
    with database.read() as session:
        assert doubted.doubts(session, many.project_id) == []
        assert queues.total(session, many.project_id, Queue(Order.WRONG, ImageFilter())) == 0


def test_items__are_leased_to_the_browser_that_asks(client, rows):
    path = f"{rows.path}/label/items?queue=random"
    mine = client.post(path, json={"limit": 20}).json()["items"]
    name = client.cookies.pop("labeller")
    other = client.post(path, json={"limit": 20}).json()
    assert not {item["id"] for item in mine} & {item["id"] for item in other["items"]}
    assert len(other["items"]) == 12
    known = [item["id"] for item in other["items"]]
    assert client.post(path, json={"hold": [mine[0]["id"]], "limit": 3, "without": known}).json() == {
        "items": [], "lost": [mine[0]["id"]], "elsewhere": 20,
    }  # fmt: skip
    client.cookies.set("labeller", name)
    client.post(path, json={"release": [item["id"] for item in mine], "limit": 0})
    client.cookies.delete("labeller")
    assert len(client.post(path, json={"limit": 20}).json()["items"]) == 20


@pytest.mark.parametrize("way", ["items", "form"])
def test_items__while_they_are_looked_for_others_write(client, database, rows, monkeypatch, way):
    """The lock of the database is held for leases and labels, never for the search in between."""
    looked: list[int] = []
    peek = queues.peek

    def other_label(*args, **kwargs):
        with database.write() as session:
            change = LabelChange(rows.images[20 + len(looked)], rows.classes[1])
            request_id = f"other-{len(looked)}"
            labels.assign(
                session,
                rows.project_id,
                [change],
                source=LabelSource.GALLERY,
                actor="ken",
                request_id=request_id,
            )
        looked.append(change.image_id)
        return peek(*args, **kwargs)

    monkeypatch.setattr(queues, "peek", other_label)
    if way == "items":
        found = client.post(f"{rows.path}/label/items", json={"limit": 5}).json()["items"]
        assert [item["id"] for item in found] == rows.images[:5]
    else:
        form = {"do": rows.classes[0], "image_id": rows.images[0], "version": 0, "request_id": "plain"}
        answer = client.post(f"{rows.path}/label", data=form, follow_redirects=False)
        assert answer.headers["location"].endswith(f"at={rows.images[1]}")
    assert looked


def test_items__refuse_what_is_no_queue(client, rows):
    for query in ("queue=best", "queue=random&seed=x", "queue=random&seed=1e5"):
        assert client.post(f"{rows.path}/label/items?{query}", json={}).status_code == 422, query
    for body in ({"limit": 5000}, {"hold": ["x"]}, {"without": list(range(1, 3000))}, {"holder": "a"}):
        assert client.post(f"{rows.path}/label/items", json=body).status_code == 422, body


def test_lease__of_another_project_is_not_given(database, many):
    with database.write() as session:
        foreign = make_images(session, make_project(session, "other"), 1)
        assert leases.take(session, many.project_id, [*foreign, many.images[0]], "a") == [many.images[0]]

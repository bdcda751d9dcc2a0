"""Second opinions: a drawn sample, blind answers by name, agreement, and what is settled."""

import re

import pytest
import sqlalchemy as sa

from app.db.models import ChangeSet, Image
from app.db.opinion_models import Opinion
from app.domain.enums import ImageState
from app.domain.errors import Conflict, Invalid, NotFound
from app.services import classes, labels, opinions, projects, views
from app.services.gallery import ImageFilter
from tests.labelling.bench import Bench
from tests.labelling.factories import make_images, make_project


@pytest.fixture
def bench(database) -> Bench:
    return Bench(database, 40)


def start(bench, images=6, people=2):
    with bench.database.write() as session:
        return opinions.create(session, bench.project_id, images, people, "mika")


def answer(bench, one, actor, choose):
    """Let somebody look at everything that is left; ``choose`` gives the number of the class for each place."""
    seen: list[int] = []
    while True:
        with bench.database.write() as session:
            row = opinions.following(session, one, actor)
            if row is None:
                return seen
            opinions.give(session, one, row.id, bench.classes[choose(len(seen))], actor)
            seen.append(row.id)


def result(bench, one):
    with bench.database.read() as session:
        return opinions.result(session, one, bench.classes)


def test_round__is_drawn_from_the_images_in_use(bench):
    with bench.database.write() as session:
        session.execute(sa.update(Image).where(Image.id.in_(bench.images[:10])).values(state=ImageState.EXCLUDED))
    rounds = [start(bench, 12) for _ in range(6)]
    assert [one.number for one in rounds] == [1, 2, 3, 4, 5, 6]
    drawn = {frozenset(answer(bench, one, "mika", lambda _: 0)) for one in rounds}
    assert {len(images) for images in drawn} == {12}
    assert not frozenset.union(*drawn) & set(bench.images[:10])
    assert len(drawn) > 1  # all six the same: once in twenty million times
    assert len(answer(bench, start(bench, 4000), "mika", lambda _: 0)) == 30


def test_round__is_drawn_from_what_was_chosen(bench, client):
    bench.assign(*[(image, bench.classes[0]) for image in bench.images[:5]], actor="健")
    with bench.database.write() as session:
        one = opinions.create(session, bench.project_id, 4, 2, "mika", ImageFilter(by="健"))
        every = opinions.create(session, bench.project_id, 50, 2, "mika", ImageFilter(class_id=bench.classes[0]))
        views.save(session, bench.project_id, "健の", {"by": "健"}, "mika")
        with pytest.raises(Invalid):
            opinions.create(session, bench.project_id, 4, 2, "mika", ImageFilter(by="nobody"))
    assert len(answer(bench, one, "mika", lambda _: 0)) == 4
    assert sorted(answer(bench, every, "mika", lambda _: 0)) == bench.images[:5]
    page = client.get("/p/cells/opinions?split=none&sort=name").text
    for text in ("view “健の” (5)", "Labelled by: 健", "Split: No split yet", "selected>Split: No split yet"):
        assert text in page
    made = client.post("/p/cells/opinions", data={"images": 9, "people": 2, "query": "by=健"})
    assert "Drawn from: Labelled by: 健" in made.text
    assert client.post("/p/cells/opinions", data={"images": 9, "people": 2, "query": "by=x"}).status_code == 422
    assert client.post("/p/cells/opinions", data={"images": 9, "people": 2, "query": "run=77"}).status_code == 404


def test_agreement__of_three_people_two_for_each_picture(bench):
    one = start(bench, images=4)
    assert len(answer(bench, one, "mika", lambda place: (0, 0, 1, 1)[place])) == 4
    with bench.database.read() as session:
        assert opinions.following(session, one, "mika") is None
    assert len(answer(bench, one, "ken", lambda place: (0, 1, 1, 1)[place])) == 4
    assert answer(bench, one, "yui", lambda _: 0) == []  # nobody else is asked
    found = result(bench, one)
    assert (found.people, found.complete) == ({"ken": 4, "mika": 4}, 4)
    (couple,) = found.couples
    assert (couple.both, couple.same) == (4, 3)
    assert couple.kappa == pytest.approx(0.5)  # 3/4 observed, (2*1 + 2*3)/16 by chance
    assert found.kappa == pytest.approx(1 - 0.25 / (1 - (0.375**2 + 0.625**2)))
    assert found.pairs.tolist() == [[1, 1], [1, 2]]
    assert found.classes == bench.classes[:2]


def test_disputes__are_settled_by_a_label(bench):
    one = start(bench, images=3)
    first, second, third = answer(bench, one, "mika", lambda place: (0, 1, 2)[place])
    bench.assign((third, bench.classes[2]))
    answer(bench, one, "ken", lambda place: (0, 2, 2)[place])
    disputes = result(bench, one).disputes
    assert [(dispute.row.id, len(dispute.votes)) for dispute in disputes] == [(second, 2), (first, 1)]
    assert disputes[0].votes == {bench.classes[1]: ["mika"], bench.classes[2]: ["ken"]}
    bench.assign((first, bench.classes[0]))
    assert [dispute.row.id for dispute in result(bench, one).disputes] == [second]


def test_settle_agreed__labels_what_everybody_named_as_one_change(bench):
    one = start(bench, images=4, people=2)
    first, second, third, fourth = answer(bench, one, "mika", lambda place: (0, 1, 2, 0)[place])
    answer(bench, one, "ken", lambda place: (0, 1, 0, 0)[place])
    seen = {first: 0, second: 0, third: 0}  # the fourth was not shown
    with bench.database.write() as session:
        made = opinions.settle_agreed(session, one, seen, actor="mika", request_id="all")
        again = opinions.settle_agreed(session, one, seen, actor="mika", request_id="all")
        assert (made.image_count, again.id) == (2, made.id)
        labelled = dict(session.execute(sa.select(Image.id, Image.class_id).where(Image.class_id.is_not(None))).all())
        assert labelled == {first: bench.classes[0], second: bench.classes[1]}
        with pytest.raises(Invalid):
            opinions.settle_agreed(session, one, seen, actor="mika", request_id="more")
    bench.assign((fourth, bench.classes[2]))
    with bench.database.write() as session, pytest.raises(labels.LabelConflict):
        opinions.settle_agreed(session, one, {fourth: 0}, actor="mika", request_id="late")


def test_settle_agreed__waits_for_all_opinions(bench):
    one = start(bench, images=2, people=3)
    seen = dict.fromkeys(answer(bench, one, "mika", lambda _: 0), 0)
    answer(bench, one, "ken", lambda _: 0)
    with bench.database.write() as session, pytest.raises(Invalid):
        opinions.settle_agreed(session, one, seen, actor="mika", request_id="early")


def test_opinion__may_be_changed_but_not_given_by_one_person_too_many(bench):
    one = start(bench, images=1)
    (image,) = answer(bench, one, "mika", lambda _: 0)
    with bench.database.write() as session:
        opinions.give(session, one, image, bench.classes[1], "mika")
        opinions.give(session, one, image, bench.classes[1], "ken")
        with pytest.raises(Conflict) as caught:
            opinions.give(session, one, image, bench.classes[1], "yui")
        assert caught.value.code == "opinions_full"
        assert session.scalars(sa.select(Opinion.class_id)).all() == [bench.classes[1]] * 2


def test_opinion__refuses_what_is_not_of_the_round(bench):
    with bench.database.write() as session:
        other = make_images(session, make_project(session, "other"), 1)[0]
    one = start(bench, images=40)
    with bench.database.write() as session:
        with pytest.raises(NotFound):
            opinions.give(session, one, other, bench.classes[0], "mika")
        with pytest.raises(Invalid):
            opinions.give(session, one, bench.images[0], 999, "mika")
        for images, people in ((0, 2), (10, 1), (10, 11), (5001, 2)):
            with pytest.raises(Invalid):
                opinions.create(session, bench.project_id, images, people, "mika")


def test_class__that_an_opinion_names_is_not_deleted(bench):
    answer(bench, start(bench, images=1), "mika", lambda _: 2)
    with bench.database.write() as session, pytest.raises(Conflict) as caught:
        classes.delete(session, projects.by_slug(session, "cells"), bench.classes[2])
    assert caught.value.code == "class_in_use"


def image_of(text: str) -> int:
    found = re.search(r'name="image_id" value="(\d+)"', text)
    assert found is not None
    return int(found.group(1))


def test_pages__two_people_by_name_and_the_result(client, database, rows):
    page = client.post(f"{rows.path}/opinions", data={"images": 3, "people": 2})
    assert "Second opinions, round 1" in page.text
    for name, numbers in (("三木", (0, 1, 2)), ("健", (0, 2, 2))):
        client.post("/reader", data={"name": name, "back": f"{rows.path}/opinions/1/give"})
        for number in numbers:
            asked = client.get(f"{rows.path}/opinions/1/give")
            assert "血液_" not in asked.text  # a name, or a label, could lead
            form = {"image_id": image_of(asked.text), "do": rows.classes[number]}
            client.post(f"{rows.path}/opinions/1/give", data=form)
        assert "Nothing is left for you" in client.get(f"{rows.path}/opinions/1/give").text
    text = client.get(f"{rows.path}/opinions/1").text
    assert "三木 · 健" in text or "健 · 三木" in text
    assert "0.50" in text
    form = dict(re.findall(r'name="(image_id|version|request_id)" value="([^"]+)"', text))
    client.post(f"{rows.path}/opinions/1/settle", data={**form, "class_id": rows.classes[1]})
    with database.read() as session:
        (change,) = session.scalars(sa.select(ChangeSet)).all()
    assert (change.source, change.actor, change.image_count) == ("review", "健", 1)
    assert "6 / 6" in client.get(f"{rows.path}/opinions").text


def test_pages__one_button_settles_where_all_agree_and_is_undone(client, database, rows):
    client.post(f"{rows.path}/opinions", data={"images": 3, "people": 2})
    for name in ("三木", "健"):
        client.post("/reader", data={"name": name, "back": "/"})
        for number in (0, 1, 2):
            asked = client.get(f"{rows.path}/opinions/1/give")
            form = {"image_id": image_of(asked.text), "do": rows.classes[number]}
            client.post(f"{rows.path}/opinions/1/give", data=form)
    text = client.get(f"{rows.path}/opinions/1").text
    assert "Settle the 3 pictures on which all agree" in text
    form = dict(re.findall(r'name="(request_id|seen)" value="([^"]+-all|\d+:[^"]+)"', text))
    page = client.post(f"{rows.path}/opinions/1/settle-agreed", data=form)
    assert "3 pictures were labelled." in page.text
    assert "they agree with each other and with the label" in page.text
    (undo,) = re.findall(r'action="([^"]+/history/\d+)"', page.text)
    client.post(undo, data={"request_id": "back"})
    assert "Settle the 3 pictures" in client.get(f"{rows.path}/opinions/1").text
    again = client.post(f"{rows.path}/opinions/1/settle-agreed", data={**form, "request_id": "x", "seen": "7:-1"})
    assert again.status_code == 422


def test_pages__refuse_with_a_sentence(client, rows):
    assert client.get(f"{rows.path}/opinions/7").status_code == 404
    answer = client.post(f"{rows.path}/opinions", data={"images": 0, "people": 2})
    assert answer.status_code == 422
    assert "Draw 1 to 5000 pictures" in answer.text
    client.post(f"{rows.path}/opinions", data={"images": 3, "people": 2})
    answer = client.post(f"{rows.path}/opinions/1/give", data={"image_id": 999, "do": rows.classes[0]})
    assert answer.status_code == 404


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_reader__is_only_led_back_to_this_server(client, back):
    answer = client.post("/reader", data={"name": "x", "back": back}, follow_redirects=False)
    assert answer.headers["location"] == "/"

"""The page that says where a run looks: alarm, silence, and what it cannot say."""

import io
import re
from html import unescape

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image as Picture

from app.db.models import Image
from app.db.run_models import Explanation, Prediction, Run, RunItem
from app.domain import borders
from app.domain.enums import PredictionRole
from app.services import border_looks
from tests.inspect import factory

PAGE = "/p/blood/runs/1/borders"


def page(client, query="on=validation"):
    answer = client.get(f"{PAGE}?{query}")
    assert answer.status_code == 200
    return answer.text


def blob(store, values):
    out = io.BytesIO()
    Picture.fromarray((255 * values).astype(np.uint8)).save(out, "PNG")
    return store.put(out.getvalue())


@pytest.fixture
def looking(database, store, kfold):
    """Gives every validation picture of the run, which now pads, a map of its answer: on the padding or inside."""

    def make(on_padding):
        with database.write() as session:
            run = session.get_one(Run, kfold.id)
            run.recipe = run.recipe | {"resize_mode": "pad"}
            session.execute(sa.update(Image).values(width=200, height=100))
            session.execute(sa.delete(Explanation))
            part = borders.padding(200, 100, (8, 8))
            maps = {True: blob(store, 0.1 + 0.9 * part), False: blob(store, 1 - part)}
            query = sa.select(Prediction).where(Prediction.role == "validation").order_by(Prediction.item_id)
            for said in session.scalars(query):
                session.add(
                    Explanation(run_id=run.id, item_id=said.item_id, fold=said.fold, layer=factory.LAYER, peak=1.0,
                                class_position=said.predicted, sha256=maps[on_padding(said)])
                )  # fmt: skip

    return make


def test_alarm__rings_when_right_answers_look_at_the_padding(client, looking):
    looking(lambda said: True)
    text = page(client)
    assert "The padding is part of the answer." in text
    assert "From 30 of 30 heat maps" in text
    href = re.search(r'<td class="numeric"><a href="([^"]+part=padding[^"]+which=right[^"]*)">(\d+)</a>', text)
    assert href is not None
    shown = client.get(unescape(href[1])).text
    tiles = re.findall(r'class="tile[^>]*href="([^"]+)"', shown)
    assert len(tiles) == int(href[2])
    assert client.get(unescape(tiles[0])).status_code == 200


def test_alarm__of_one_class_alone(client, looking):
    looking(lambda said: said.predicted == 0)
    text = page(client)
    assert "The padding is part of the answer." in text
    assert "They are those called “好中球”." in text


def test_alarm__is_silent_when_the_heat_lies_on_the_picture(client, looking):
    looking(lambda said: False)
    text = page(client)
    assert "The padding is not proven to be looked at" in text
    assert "The border is not proven to be looked at" in text
    assert "余白" in page(client, "lang=ja&on=validation")


def test_page__a_run_that_does_not_pad_has_only_the_border(client, kfold):
    text = page(client)
    assert "does not fill pictures up" in text
    assert "fewer than 8 right answers have a heat map" in text  # those of mistakes alone are there


def test_page__without_convolution_and_without_maps(client, database, kfold):
    with database.write() as session:
        session.execute(sa.delete(Explanation))
    assert "No heat map of an answer has been made here yet" in page(client)
    with database.write() as session:
        session.get_one(Run, kfold.id).environment = {}
    assert "its network has no convolution" in page(client)


def test_find__empty_and_lost_maps_say_nothing(database, store, kfold, looking):
    looking(lambda said: False)
    with database.write() as session:
        maps = list(session.scalars(sa.select(Explanation).order_by(Explanation.id).limit(2)))
        maps[0].sha256, maps[1].sha256 = blob(store, np.zeros((8, 8))), "f" * 64
    with database.read() as session:
        run = session.get_one(Run, kfold.id)
        found = border_looks.find(session, store, run, PredictionRole.VALIDATION)
    assert (found.maps, found.empty, len(found.pictures)) == (30, 2, 28)


@pytest.mark.parametrize("query", ["part=nothing&which=x&said=99&on=y", "said=0&part=border&which=wrong"])
def test_page__any_query(client, kfold, query):
    assert 'id="looking"' in page(client, query)


def test_find__draws_both_kinds_when_there_are_many(monkeypatch, database, store, kfold, looking):
    monkeypatch.setattr(border_looks, "MOST", 8)
    looking(lambda said: True)
    with database.read() as session:
        run = session.get_one(Run, kfold.id)
        found = border_looks.find(session, store, run, PredictionRole.VALIDATION)
        wrong = session.scalar(
            sa.select(sa.func.count()).select_from(Prediction).join(RunItem, RunItem.id == Prediction.item_id)
            .where(Prediction.role == "validation", Prediction.predicted != RunItem.label)
        )  # fmt: skip
    assert len(found.pictures) == 8
    assert sum(not one.right for one in found.pictures) == min(wrong or 0, 4)

"""Every page of a run with what one does not wish for: no page breaks, and each says what it cannot show."""

import re
from html import unescape

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.models import LabelClass
from app.db.run_models import Explanation, Prediction, Run
from app.domain.enums import JobState, PredictionRole
from app.domain.explaining import PIXELS, Method
from app.services import packing, packs
from tests.inspect import factory

OF_ANSWERS = ("", "/review", "/classes", "/sureness", "/labels", "/folds", "/borders", "/weak", "/more")
PAGES = (*OF_ANSWERS, "/layers", "/diary", "/report")


def words(answer):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def pictures_gone(session, store, run):
    for path in list(store.root.glob("*/*")):
        path.unlink()


def class_retired(session, store, run):
    session.execute(sa.update(LabelClass).where(LabelClass.position == 0).values(retired=True))


def one_test_picture(session, store, run):
    first = sa.select(sa.func.min(Prediction.item_id)).where(Prediction.role == PredictionRole.TEST).scalar_subquery()
    other = sa.and_(Prediction.role != PredictionRole.VALIDATION, Prediction.item_id != first)
    session.execute(sa.delete(Prediction).where(other))


def all_ties(session, store, run):
    tie = np.full(3, 1 / 3, "<f4")
    session.execute(sa.update(Prediction).values(probabilities=tie.tobytes(), confidence=float(tie[0]), predicted=0))


def no_convolution(session, store, run):
    session.execute(sa.update(Explanation).values(layer=PIXELS, method=Method.OCCLUSION))
    session.execute(sa.update(Run).values(environment={"conv_layers": []}))


def one_class_answered(session, store, run):
    sure = np.array([0, 1, 0], "<f4")
    session.execute(sa.update(Prediction).values(probabilities=sure.tobytes(), confidence=1.0, predicted=1))


SAID = {
    pictures_gone: [("/report", "The file of this picture is gone."), ("/review", "no new heat map of it can be made")],
    class_retired: [("/classes", "retired since")],
    one_test_picture: [("/weak", "There are too few images"), ("/report", "of 1 right")],
    all_ties: [
        ("/classes", "The run is not proven to be better than always answering"),
        ("/classes", "For 12 pictures several classes were equally the most probable"),
        ("/labels", "so what it doubts says nothing"),
    ],
    no_convolution: [("/borders", "This run has no heat maps of a layer"), ("/layers", "Nothing can be shown")],
    one_class_answered: [
        ("/classes", "The run is not proven to be better than always answering"),
        ("/labels", "so what it doubts says nothing"),
    ],
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("odd", SAID, ids=lambda odd: odd.__name__)
def test_pages__say_what_they_cannot_show(client, database, store, kfold, odd, packed):
    with database.write() as session:
        odd(session, store, kfold)
        if packed:
            packs.keep(session, kfold, packing.make(session, store, kfold))
    texts = {}
    for page in PAGES:
        answer = client.get(f"/p/blood/runs/1{page}")
        assert answer.status_code == 200, page
        texts[page] = words(answer)
    for page, sentence in SAID[odd]:
        assert sentence in texts[page]
    saved = client.get("/p/blood/runs/1/report.html")
    assert saved.status_code == 200


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED, JobState.RUNNING])
def test_pages__of_a_run_without_answers(client, made, database, store, state):
    with database.write() as session:
        factory.run(session, store, factory.known(session), folds=0, state=state)
    for page in PAGES:
        if page != "/report":
            assert client.get(f"/p/blood/runs/1{page}").status_code == 200, page
    assert client.get("/p/blood/map?run=1").status_code == 200


def test_report__of_runs_with_other_classes_stands_alone(client, database, store, kfold):
    with database.write() as session:
        made = factory.known(session)
        made.classes[2].name = "別の名前"
        session.merge(made.classes[2])
    assert factory.NAMES[2] in words(client.get("/p/blood/runs/1/report"))  # as the run saw it


def test_pages__show_the_maps_of_a_network_without_a_convolution(client, database, store, kfold):
    with database.write() as session:
        no_convolution(session, store, kfold)
    for page in ("/review?on=validation", "/report?on=validation"):
        text = client.get(f"/p/blood/runs/1{page}").text
        maps = [unescape(one) for one in re.findall(r'src="([^"]*/heat/[^"]*)"', text)]
        assert maps, page
        for address in maps:
            assert "method=occlusion" in address
            assert client.get(address).status_code == 200
    assert 'value="grad-cam"' not in client.get("/p/blood/runs/1/review?on=validation").text
    item = re.search(r'name="item" value="(\d+)"|data-item="(\d+)"', client.get("/p/blood/runs/1/review?show=all").text)
    assert item
    form = {"item": item[1] or item[2], "fold": 0, "layer": "conv1", "position": 0, "method": "grad-cam"}
    assert client.post("/p/blood/runs/1/explain", data=form).status_code == 422

"""The page of a run whose labels were corrected shows the number by today's labels beside the original one."""

import re

import sqlalchemy as sa

from app.db.run_models import Prediction, Run, RunItem
from app.domain.enums import LabelSource, PredictionRole
from app.services import labels


def recounts(client):
    text = client.get("/p/blood/runs/1").text
    found = re.findall(r'<p class="recount">(.*?)</p>', text, re.DOTALL)
    return [re.sub(r"(<[^>]*>|\s)+", " ", line).strip() for line in found]


def test_run__recount_stands_beside_the_original_number(client, database, holdout, made):
    assert recounts(client) == []
    query = sa.select(RunItem.image_id, RunItem.label, Prediction.predicted).join(
        Prediction, Prediction.item_id == RunItem.id
    )
    with database.read() as session:
        role = Prediction.role == PredictionRole.VALIDATION
        rows = session.execute(query.where(Prediction.run_id == holdout.id, role)).all()
    image, label, _ = next(row for row in rows if row.label == row.predicted)
    other = made.classes[(label + 1) % len(made.classes)].id
    with database.write() as session:
        session.get_one(Run, holdout.id).label_watermark = 0  # the factory wrote labels without their events
        change = labels.LabelChange(image, other)
        labels.assign(session, made.project.id, [change], source=LabelSource.REVIEW, actor="a", request_id="r1")
    right = sum(row.label == row.predicted for row in rows)
    [line] = recounts(client)
    assert re.fullmatch(
        rf"Validation : {right} of {len(rows)} right \(.*\) as the run was judged"
        rf" · {right - 1} of {len(rows)} right \(.*\) by the labels of today",
        line,
    )

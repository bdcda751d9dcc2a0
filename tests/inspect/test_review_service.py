"""Counts, filters, order and neighbours of a run's answers; heat maps and their scale."""

import io

import numpy as np
import pytest
from PIL import Image as Picture

from app.db.run_models import Explanation, Job, Prediction, RunItem
from app.domain import heat
from app.domain.enums import JobKind, JobState, LabelSource, Lane, PredictionRole, Split
from app.domain.errors import Invalid, NotFound
from app.services import answers, heatmaps, labels, progress, report, review, run_list
from app.services.review import Filter, Show, Sort
from tests.inspect import factory


def test_summary__counts_each_image_of_the_role_once(database, kfold, statements):
    with database.read() as session:
        statements.clear()
        test = review.summary(session, kfold, PredictionRole.TEST)
        assert len(statements) == 3
        validation = review.summary(session, kfold, PredictionRole.VALIDATION)
        fold = review.summary(session, kfold, PredictionRole.TEST_FOLD, 2)
        assert [item.name for item in test.classes] == list(factory.NAMES)
    assert test.total == 12
    assert validation.total == 30
    assert fold.total == 12
    assert test.matrix.sum(axis=1).tolist() == [4, 4, 4]
    assert test.accuracy == test.correct / 12
    assert test.interval is not None
    assert test.interval.low < test.accuracy <= test.interval.high


def test_summary__of_a_holdout_run_takes_only_the_held_out_images(database, holdout):
    with database.read() as session:
        assert review.summary(session, holdout, PredictionRole.VALIDATION).total == 6
        assert review.summary(session, holdout, PredictionRole.TEST).total == 12
        assert review.summary(session, holdout, PredictionRole.TEST_FOLD, 0).total == 0


def test_summary__keeps_the_label_that_the_run_saw(database, made, holdout):
    with database.read() as session:
        before = review.summary(session, holdout, PredictionRole.TEST).matrix
    with database.write() as session:
        change = labels.LabelChange(made.test[0].id, made.classes[2].id)
        labels.assign(session, made.project.id, [change], source=LabelSource.REVIEW, actor="a", request_id="r1")
    with database.read() as session:
        assert (review.summary(session, holdout, PredictionRole.TEST).matrix == before).all()
        chosen = Filter(show=Show.ALL)
        ids = review.mistakes(session, holdout, chosen)
        entry = next(one for one in review.entries(session, holdout, chosen, ids) if one.image_id == made.test[0].id)
    assert entry.label == 0
    assert entry.now_class_id == made.classes[2].id
    assert entry.now_version == 2


def test_mistakes__filters_partition_the_answers(database, kfold):
    with database.read() as session:
        found = {show: set(review.mistakes(session, kfold, Filter(show=show)).tolist()) for show in Show}
        assert found[Show.WRONG] | found[Show.RIGHT] == found[Show.ALL] == found[Show.RANDOM]
        assert not found[Show.WRONG] & found[Show.RIGHT]
        assert found[Show.WRONG]
        matrix = review.summary(session, kfold, PredictionRole.TEST).matrix
        for true in range(3):
            for predicted in range(3):
                cell = Filter(true=true, predicted=predicted, show=Show.ALL)
                assert len(review.mistakes(session, kfold, cell)) == matrix[true, predicted]


def test_mistakes__orders(database, kfold):
    with database.read() as session:

        def listed(sort):
            chosen = Filter(PredictionRole.VALIDATION, show=Show.ALL, sort=sort)
            return review.entries(session, kfold, chosen, review.mistakes(session, kfold, chosen))

        sure = [entry.confidence for entry in listed(Sort.SURE)]
        assert sure == sorted(sure, reverse=True)
        unsure = [entry.confidence for entry in listed(Sort.UNSURE)]
        assert unsure == sorted(unsure)
        truth = [float(entry.probabilities[entry.label]) for entry in listed(Sort.LOSS)]
        assert truth == sorted(truth)
        ids = [entry.item_id for entry in listed(Sort.ORDER)]
        assert ids == sorted(ids)


def test_queries__the_same_on_both_databases(any_database, store):
    with any_database.write() as session:
        made = factory.project(session, store, train=5, test=2)
        run = factory.run(session, store, made, folds=3, epochs=12)
    with any_database.read() as session:
        assert review.summary(session, run, PredictionRole.TEST).total == 6
        for show in Show:
            for sort in Sort:
                review.mistakes(session, run, Filter(PredictionRole.VALIDATION, show=show, sort=sort, true=1))
        chosen = Filter(show=Show.ALL)
        assert len(review.entries(session, run, chosen, review.mistakes(session, run, chosen))) == 6
        assert heatmaps.usual_layer(session, run) == factory.LAYER
        assert heatmaps.scale(session, run, 0, factory.LAYER) > 0
        assert report.result_json(session, run)["test"]["images"] == 6
        assert [line.test_images for line in run_list.lines(session, made.project.id)] == [6]
        assert progress.snapshot(session, run).finished


def test_mistakes__a_random_sample_depends_on_its_seed_only(database, kfold):
    with database.read() as session:
        first, again, other = (
            review.mistakes(session, kfold, Filter(show=Show.RANDOM, seed=seed)).tolist() for seed in (1, 1, 2)
        )
    assert first == again
    assert first != other
    assert sorted(first) == sorted(other)


def test_mistakes__none_in_an_empty_cell(database, kfold):
    with database.read() as session:
        chosen = Filter(PredictionRole.TEST_FOLD, fold=99, sort=Sort.LOSS)
        assert review.mistakes(session, kfold, chosen).tolist() == []
        assert review.entries(session, kfold, chosen, []) == []


def test_entries__probabilities_are_the_stored_float32(database, kfold):
    with database.read() as session:
        chosen = Filter(show=Show.ALL)
        entry = review.entries(session, kfold, chosen, review.mistakes(session, kfold, chosen)[:1])[0]
        said = review.answers(session, kfold, entry.item_id)
    assert entry.probabilities.dtype == np.dtype("<f4")
    assert entry.probabilities.sum() == pytest.approx(1, abs=1e-6)
    assert entry.confidence == pytest.approx(float(entry.probabilities[entry.predicted]))
    assert [answer.fold for answer in said] == [-1, 0, 1, 2, 3, 4]
    assert (said[0].probabilities == entry.probabilities).all()


def test_top__always_shows_the_true_class(database, kfold):
    with database.read() as session:
        chosen = Filter(show=Show.WRONG)
        for entry in review.entries(session, kfold, chosen, review.mistakes(session, kfold, chosen)):
            assert entry.label in [place for place, _ in entry.top(1)]
            assert len(entry.top(2)) == 2


def test_counts_and_loss__of_every_role(database, kfold, statements):
    with database.read() as session:
        statements.clear()
        said = answers.every(session, answers.Kept(), kfold, 3)
        assert len(statements) == 1 + 7  # the state of all, then the rows of each: five models, their mean, validation
    counts = review.counts(said)
    loss = review.loss(said[PredictionRole.TEST, None])
    assert counts[PredictionRole.TEST, -1][0] == 12
    assert sum(total for (role, _), (total, _) in counts.items() if role is PredictionRole.VALIDATION) == 30
    assert loss is not None
    assert 0 < loss < 5


def test_heat_maps__found_by_everything_that_decides_them(database, kfold):
    with database.read() as session:
        row = session.query(Explanation).filter_by(run_id=kfold.id).first()
        wanted = heatmaps.Wanted(row.item_id, row.fold, row.layer, row.class_position)
        assert heatmaps.find(session, kfold, wanted).id == row.id
        missing = heatmaps.Wanted(row.item_id, row.fold, "another", row.class_position)
        with pytest.raises(NotFound, match="heat_map_missing"):
            heatmaps.find(session, kfold, missing)
        assert heatmaps.available(session, kfold, [wanted]) == {row.item_id: row}
        assert heatmaps.available(session, kfold, [missing]) == {}
        assert heatmaps.usual_layer(session, kfold) == factory.LAYER
        assert heatmaps.layers(session, kfold) == ["conv_1", factory.LAYER]
        peaks = [one.peak for one in session.query(Explanation).filter_by(run_id=kfold.id, fold=row.fold)]
        assert heatmaps.scale(session, kfold, row.fold, row.layer) in (1, 2, 5)
        assert heatmaps.scale(session, kfold, row.fold, row.layer) >= np.median(peaks)
        assert heatmaps.scale(session, kfold, 99, row.layer) == 1


def test_heat_maps__ordering_twice_makes_one_job(database, kfold):
    with database.write() as session:
        item = session.query(RunItem).filter_by(run_id=kfold.id, split=Split.TEST).first()
        wanted = [heatmaps.Wanted(item.id, -1, factory.LAYER, 1)]
        first = heatmaps.order(session, kfold, wanted)
        second = heatmaps.order(session, kfold, wanted)
        assert first.id == second.id
        assert (first.kind, first.lane, first.state) == (JobKind.EXPLAIN, Lane.INTERACTIVE, JobState.QUEUED)
        assert first.spec == {
            "run_id": kfold.id, "fold": -1, "layer": factory.LAYER, "class_position": 1, "item_ids": [item.id],
        }  # fmt: skip
        assert not heatmaps.ordered(session, kfold, first.id).finished
        first.state = JobState.DONE
        session.flush()
        assert heatmaps.ordered(session, kfold, first.id).finished
        assert heatmaps.order(session, kfold, wanted).id != first.id


def test_heat_maps__orders_that_make_no_sense(database, kfold, holdout):
    with database.write() as session:
        item = session.query(RunItem).filter_by(run_id=holdout.id).first()
        with pytest.raises(NotFound, match="explain_item_missing"):
            heatmaps.order(session, kfold, [heatmaps.Wanted(item.id, 0, "x", 0)])
        with pytest.raises(Invalid, match="explain_request_invalid"):
            heatmaps.order(session, kfold, [])
        training = session.get_one(Job, kfold.job_id)
        with pytest.raises(NotFound, match="job_missing"):
            heatmaps.ordered(session, kfold, training.id)


def test_colored__fixed_scale_and_transparency_by_value():
    grey = np.zeros((8, 8), np.uint8)
    grey[:, 4:] = 255
    out = io.BytesIO()
    Picture.fromarray(grey).save(out, "PNG")
    full = np.asarray(Picture.open(io.BytesIO(heat.colored(out.getvalue(), peak=2.0, limit=2.0))))
    assert full.shape == (heat.SIDE, heat.SIDE, 4)
    assert full[0, 0, 3] == 0
    assert full[0, -1, 3] == heat.MOST_OPAQUE
    assert tuple(full[0, -1, :3]) == tuple(heat.table()[255])
    half = np.asarray(Picture.open(io.BytesIO(heat.colored(out.getvalue(), peak=2.0, limit=4.0))))
    assert tuple(half[0, -1, :3]) == tuple(heat.table()[128])
    opaque = np.asarray(Picture.open(io.BytesIO(heat.colored(out.getvalue(), peak=2.0, limit=4.0, opaque=True))))
    assert (opaque[..., 3] == 255).all()
    assert tuple(opaque[0, 0, :3]) == tuple(heat.table()[0])


def test_table__lightness_grows_evenly():
    colors = heat.table().astype(float) / 255
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    lightness = np.cbrt(luminance)
    assert (np.diff(lightness) > -0.004).all()
    assert lightness[0] < 0.25
    assert lightness[-1] > 0.9


@pytest.mark.parametrize(("value", "limit"), [(0.7, 1), (1, 1), (1.01, 2), (3, 5), (70, 100), (0.03, 0.05), (0, 1)])
def test_nice_limit(value, limit):
    assert heat.nice_limit(value) == pytest.approx(limit)


def test_prediction_rows_of_the_factory_are_consistent(database, kfold):
    with database.read() as session:
        for row in session.query(Prediction).filter_by(run_id=kfold.id):
            values = np.frombuffer(row.probabilities, "<f4")
            assert int(values.argmax()) == row.predicted

"""Several views of each picture are judged beside the plain ones."""

from dataclasses import replace

import numpy as np
import pytest

from app.domain import views as looks
from tests.ml.test_train import BASE, LABELS, PICTURES, PLANS, fit
from worker import views
from worker.ml import predict
from worker.summary import Judged

pytestmark = pytest.mark.ml


@pytest.fixture(scope="module")
def trained():
    """Two folds."""
    return fit(replace(BASE, epochs=1, learning_rate=0.002))


def test_judge__the_mean_over_the_views_stands_beside_the_plain_answers_with_exact_counts(trained):
    """Two models: each is validated alone, and they speak together of the test set."""
    first, second = trained
    models = {0: first.model, 1: second.model}
    test = np.arange(0, 36, 5)
    plain = [Judged(one.fold, PLANS[one.fold].validation, one.probabilities) for one in (first, second)]
    said = np.mean([predict.probabilities(model, PICTURES[test]) for model in models.values()], axis=0)
    told: list[tuple[int, int]] = []
    asked = views.Asked(
        np.arange(36) + 1000, LABELS.astype(np.int32), lambda at: PICTURES[at], lambda *s: told.append(s), lambda: False
    )
    found = views.judge("mirror", models, plain, Judged(-1, test, said), asked)

    both = [
        [predict.probabilities(model, PICTURES[test][:, :, ::side]) for side in (1, -1)] for model in models.values()
    ]
    mean = np.mean(both, axis=(0, 1))
    was, now, truth = said.argmax(axis=1), mean.argmax(axis=1), LABELS[test]
    assert (found["kind"], found["views"]) == ("mirror", len(looks.VIEWS["mirror"]))
    assert found["test"]["images"] == len(test)
    assert found["test"]["plain_right"] == (was == truth).sum()
    assert found["test"]["views_right"] == (now == truth).sum()
    assert found["test"]["gained"] - found["test"]["lost"] == (now == truth).sum() - (was == truth).sum()
    assert found["test"]["views_loss"] == pytest.approx(-np.log(mean[np.arange(len(test)), truth]).mean(), rel=1e-4)
    assert [row[0] - 1000 for row in found["test"]["changed"]] == test[was != now].tolist()
    assert found["validation"]["images"] == sum(len(plan.validation) for plan in PLANS)
    assert told[-1] == (16 + 9 + 2 * len(test),) * 2


def test_judge__without_a_test_set_there_is_only_the_validation(trained):
    only = trained[0]
    plain = [Judged(0, PLANS[0].validation, only.probabilities)]
    asked = views.Asked(np.arange(36), LABELS.astype(np.int32), lambda at: PICTURES[at], lambda *_: None, lambda: False)
    found = views.judge(
        "none", {0: only.model}, plain, Judged(0, np.zeros(0, np.int64), np.zeros((0, 2), np.float32)), asked
    )
    assert found["test"] is None
    assert (found["validation"]["gained"], found["validation"]["lost"]) == (0, 0)
    assert found["validation"]["views_loss"] == pytest.approx(found["validation"]["plain_loss"], rel=1e-4)
    with pytest.raises(views.Stopped):
        views.judge("mirror", {0: only.model}, plain, plain[0], replace(asked, stop=lambda: True))

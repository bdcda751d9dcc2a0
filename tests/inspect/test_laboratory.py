"""The laboratory of changes for single classes: its arms, the test over seeds, the pages."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa
from scipy import stats

from app.db.models import Image
from app.db.run_models import Job, Prediction, Run, RunItem
from app.domain import laboratory
from app.domain.enums import JobKind, JobState, Lane, PredictionRole
from app.domain.errors import Invalid
from app.domain.presets import PRESETS
from app.domain.recipe import Augmentation, Recipe
from app.services import laboratory as services
from tests.inspect import factory

CHANGING = replace(PRESETS["wbc"].recipe, augmentation=Augmentation(rotation=20.0, horizontal_flip=True))
LAB = "/p/blood/laboratory"


def test_recipes__no_each_and_all_classes_with_the_same_seeds():
    recipe = replace(Recipe(), augmentation=CHANGING.augmentation, seed=7)
    made = laboratory.recipes(recipe, ["cat", "犬"], 2)
    assert [(sorted(arm.classes or ()), one.seed) for arm, one in made] == [
        (classes, seed) for seed in (7, 8) for classes in ([], ["cat"], ["犬"], ["cat", "犬"])
    ]
    assert not made[0][1].augmentation.active
    assert json.loads(made[3][1].augmented_classes) == ["cat", "犬"]
    for arm, one in made:
        assert laboratory.arm_of(one) == arm
        assert replace(one, augmentation=recipe.augmentation, augmented_classes="", seed=7) == recipe


@pytest.mark.parametrize(
    ("recipe", "classes", "seeds", "code"),
    [
        (Recipe(), ["a", "b"], 1, "vary_no_augmentation"),
        (CHANGING, ["a"], 1, "laboratory_classes"),
        (CHANGING, list("abcdefg"), 1, "laboratory_classes"),
        (CHANGING, ["a", "b"], 0, "laboratory_seeds"),
        (CHANGING, ["a", "b"], 21, "laboratory_seeds"),
    ],
)
def test_recipes__refuse_what_cannot_be_compared(recipe, classes, seeds, code):
    with pytest.raises(Invalid) as refused:
        laboratory.recipes(recipe, classes, seeds)
    assert refused.value.code == code


@pytest.mark.parametrize("count", [2, 3, 5, 20])
def test_over_seeds__is_the_paired_t_test_of_scipy(count):
    rng = np.random.default_rng(count)
    first, second = rng.normal(0.8, 0.02, count), rng.normal(0.83, 0.02, count)
    found = laboratory.over_seeds(first.tolist(), second.tolist())
    wanted = stats.ttest_rel(second, first)
    low, high = wanted.confidence_interval()
    assert found.interval is not None
    assert (found.p, found.interval.low, found.interval.high) == pytest.approx((wanted.pvalue, low, high), abs=1e-9)


def test_over_seeds__of_one_seed_and_of_equal_gaps():
    assert laboratory.over_seeds([0.5], [0.75]) == laboratory.Difference(0.25, None, None)
    assert laboratory.over_seeds([0.5, 0.25], [0.5, 0.25]) == laboratory.Difference(0.0, None, None)
    rounded = laboratory.over_seeds([0.1, 0.7, 0.3], [0.2, 0.8, 0.4])  # one picture of ten more with each seed
    assert (rounded.interval, rounded.p) == (None, None)
    assert rounded.mean == pytest.approx(0.1)


def group_of(database, store, *, seeds=3):
    """A finished group of four arms; changing the first class makes its recall perfect, whatever the seed."""
    with database.write() as session:
        made = factory.known(session)
        job = Job(
            project_id=made.project.id, kind=JobKind.GROUP, lane=Lane.GPU, state=JobState.DONE, spec={"name": "lab"}
        )
        session.add(job)
        session.flush()
        names = [item.name for item in made.classes[:2]]
        recipe = replace(PRESETS["wbc"].recipe, augmentation=CHANGING.augmentation)
        for arm, one in laboratory.recipes(recipe, names, seeds):
            row = factory.run(session, store, made, folds=0, recipe=replace(one, folds=0), share_right=0.75)
            session.get_one(Job, row.job_id).parent_id = job.id
            _answer(session, row, helped=names[0] in (arm.classes or ()))
        return job.id


def _answer(session, run: Run, *, helped: bool):
    """Of the first class one of four is wrong without help, another one with each seed; the others are right."""
    rows = session.execute(
        sa.select(Prediction, RunItem.label)
        .join(RunItem, RunItem.id == Prediction.item_id)
        .where(Prediction.run_id == run.id, Prediction.role == PredictionRole.TEST)
        .order_by(RunItem.id)
    ).all()
    wrong = {0, Recipe.from_json(run.recipe).seed % 2} if not helped else set()
    first = [place for place, (_, label) in enumerate(rows) if label == 0]
    for place, (prediction, label) in enumerate(rows):
        prediction.predicted = 1 if label == 0 and first.index(place) in wrong else label


@pytest.mark.parametrize("seeds", [3, 5])
def test_result__shows_what_is_proven_over_the_seeds(client, made, database, store, seeds):
    """The gaps of the first class are 1/4 and 2/4 in turn: p 0.057 with three seeds, 0.0047 with five."""
    gaps = np.array([0.25 * (1 + seed % 2) for seed in range(seeds)])
    assert (stats.ttest_1samp(gaps, 0).pvalue < 0.05) == (seeds == 5)
    group = group_of(database, store, seeds=seeds)
    page = client.get(f"/p/blood/groups/{group}/laboratory")
    assert page.status_code == 200
    text = " ".join(page.text.split())
    assert "no changes" in text
    assert "好中球 + 好酸球" in text
    assert "gained" in text
    assert "Laboratory of changes" in client.get(f"/p/blood/groups/{group}").text
    found = re.findall("With changes of (.+?), “(.+?)” is found (more|less) often: (\\S+) points", text)
    if seeds == 3:
        assert found == []
        assert "No recall is proven to change: the differences are within what the 3 seeds show by chance." in text
        assert 'class="proven"' not in page.text
    else:
        both = sorted([("好中球", "好中球", "more", "+35.0"), ("好中球 + 好酸球", "好中球", "more", "+35.0")])
        assert sorted(found) == both
        assert page.text.count('class="proven"') == 2
        assert "No recall is proven" not in text


def test_result__of_one_seed_and_of_another_group(client, made, database, store):
    group = group_of(database, store, seeds=1)
    assert "With one seed there is no test over seeds" in client.get(f"/p/blood/groups/{group}/laboratory").text
    with database.write() as session:
        project = factory.known(session).project
        job = Job(project_id=project.id, kind=JobKind.GROUP, lane=Lane.GPU, state=JobState.WAITING, spec={})
        session.add(job)
        session.flush()
        empty = job.id
    page = client.get(f"/p/blood/groups/{empty}/laboratory").text
    assert "There is nothing to compare yet" in page
    assert client.get("/p/blood/groups/9999/laboratory").status_code == 404


def test_plan__shows_how_many_and_starts_them_as_one_group(client, made, database):
    values = {"form": "1", **{name: str(value) for name, value in _flat(replace(CHANGING, folds=0)).items()}}
    page = client.get(LAB, params=values).text
    assert "12 trainings" in page
    ticked = {"lab-class:好中球": "1", "lab-class:単球": "1", "lab-seeds": "2"}
    answer = client.post(LAB, data=values | ticked, follow_redirects=False)
    assert answer.status_code == 303, answer.text[-3000:]
    with database.read() as session:
        runs = session.scalars(sa.select(Run).order_by(Run.number)).all()
    assert len(runs) == 8
    assert answer.headers["location"].endswith("/laboratory")
    refused = client.post(LAB, data=values | {"lab-class:好中球": "1"})
    assert refused.status_code == 422
    assert "compares two to 6" in refused.text


def test_plan__a_class_without_changes_is_refused_as_its_arm_would_be_taken_for_that_without(client, made, database):
    own = '{"好中球": {"rotation": 20}, "単球": {"rotation": 9}}'
    values = {"form": "1", **{name: str(value) for name, value in _flat(Recipe()).items()}, "class_augmentation": own}
    two = {"lab-class:好中球": "1", "lab-class:単球": "1", "lab-seeds": "1"}
    page = client.get(LAB, params=values | two).text
    assert "4 trainings" in page
    for answer in (client.get(LAB, params=values), client.post(LAB, data=values | two | {"lab-class:好酸球": "1"})):
        assert "No change of pictures is switched on for these classes: 好酸球." in answer.text
        assert "Start the trainings" in answer.text, "another class can be ticked here"
    rows = {"own:1:class": "好中球", "own:1:change": "", "own:1:value": "20"}
    wrong = {**rows, "own:1:change": "rotation", "own:1:value": "x"}
    for typed, said in ((rows, "is not whole. Choose a class and a change"), (wrong, "cannot be used as “Turn” of")):
        assert said in client.post(LAB, data=values | two | typed).text
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Run)) == 0


def test_result__changes_that_differ_are_no_laboratory():
    arms = [one for _, one in laboratory.recipes(CHANGING, ["a", "b"], 1)]
    assert services.is_one(arms)
    stronger = CHANGING.updated({"augmentation.rotation": 90, "augmented_classes": ["a"]})
    assert not services.is_one([*arms, stronger])


def test_plan__that_cannot_be_started_says_why_in_place_of_its_button(client, made, database):
    changing = {"form": "1", **{name: str(value) for name, value in _flat(replace(CHANGING, folds=0)).items()}}
    plain = {"form": "1", **{name: str(value) for name, value in _flat(Recipe()).items()}}
    for values, sentence in ((plain, "No change of pictures is switched on"), (changing | {"image_size": "x"}, "")):
        page = client.get(LAB, params=values).text
        assert "This cannot be started yet" in page
        assert sentence in page
        assert "Start the trainings" not in page
        assert "Back to the form" in page
    one = client.get(LAB, params=changing | {"lab-class:好中球": "1"}).text
    assert "compares two to 6" in one
    assert "Start the trainings" in one, "another class can be ticked here"
    assert "This cannot be started yet" not in client.get(LAB, params=changing).text
    with database.write() as session:
        session.execute(sa.update(Image).values(class_id=None))
    page = client.get(LAB, params=changing).text
    assert "No image has a label yet." in page
    assert "Start the trainings" not in page
    answer = client.post(LAB, data=changing)
    assert answer.status_code == 422
    assert "No image has a label yet." in answer.text


def _flat(recipe: Recipe):
    return {key: ("1" if value is True else "" if value is False else value) for key, value in recipe.flat().items()}

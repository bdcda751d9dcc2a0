"""A run freezes classes, images, labels and splits; what cannot be trained is refused with a reason."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sqlalchemy as sa

from app.db.models import Image, LabelClass, Project
from app.db.run_models import Job, Run, RunClass, RunFold, RunItem
from app.domain.enums import ImageState, Split
from app.domain.errors import Invalid, NotFound
from app.domain.presets import PRESETS
from app.domain.recipe import Recipe
from app.domain.splits import kfold
from app.services import classes, plans, relabelled, runs, splits
from tests.chaos.record import FULL
from tests.train.rows import add_rows, project_of

THREE = {"好中球": 30, "好酸球": 30, "単球": 30}
HOLDOUT = Recipe(validation_share=0.2, seed=3)
FIVE = Recipe(folds=5, seed=3)


def items_of(session, run) -> list[RunItem]:
    return list(session.scalars(sa.select(RunItem).where(RunItem.run_id == run.id).order_by(RunItem.image_id)))


def test_create__freezes_classes_images_labels_and_folds(any_database):
    with any_database.write() as session:
        project = project_of(session, THREE, test=4)
        classes.add(session, project, "unused")
        add_rows(session, project, None, 5)
        add_rows(session, project, project.classes[0], 5, state="excluded")
        run = runs.create(session, project, FIVE, name=" 学習 ", actor="tester")
    with any_database.read() as session:
        run = runs.by_number(session, project.id, 1)
        items = items_of(session, run)
        images = {image.id: image for image in session.scalars(sa.select(Image))}
        assert (run.kind, run.name, run.actor, run.recipe) == ("kfold", "学習", "tester", FIVE.to_json())
        assert [(row.position, row.name) for row in run.classes] == [(0, "好中球"), (1, "好酸球"), (2, "単球")]
        assert [(row.fold, row.train_count, row.validation_count) for row in run.folds] == [
            (fold, 72, 18) for fold in range(5)
        ]
        assert (run.job.kind, run.job.lane, run.job.spec) == ("train", "gpu", {"run_id": run.id, "spread": "auto"})
        assert len(items) == 102
        class_ids = {row.position: row.class_id for row in run.classes}
        for item in items:
            image = images[item.image_id]
            assert (class_ids[item.label], image.canonical_sha256) == (image.class_id, item.canonical_sha256)
            assert item.label_version == image.label_version
            assert (item.split == Split.TEST) == (image.split == Split.TEST) == (item.fold is None)
        table = sorted((item.fold, item.label) for item in items if item.fold is not None)
        assert table == sorted((fold, label) for fold in range(5) for label in range(3) for _ in range(6))


def test_create__hold_out_agrees_with_the_forecast(database):
    with database.write() as session:
        project = project_of(session, {"a": 31, "b": 17, "c": 9}, test=2)
        forecast = plans.forecast(splits.table(session, project.id), HOLDOUT)
        run = runs.create(session, project, HOLDOUT, actor="tester")
        for position, row in enumerate(forecast.classes):
            found = [item.split for item in items_of(session, run) if item.label == position]
            counts = tuple(found.count(split) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST))
            assert counts == (row.train, row.validation, row.test)
        fold = session.get_one(RunFold, (run.id, 0))
        assert (fold.train_count, fold.validation_count) == (forecast.train, forecast.validation)


def test_create__the_same_seed_draws_the_same_split_and_another_one_does_not(database):
    with database.write() as session:
        project = project_of(session, THREE)
        made = [runs.create(session, project, Recipe(seed=seed), actor="t") for seed in (1, 1, 2)]
        first, again, other = ([item.split for item in items_of(session, run)] for run in made)
    assert [run.number for run in made] == [1, 2, 3]
    assert first == again
    assert first != other


def test_create__honours_the_validation_folder(database):
    with database.write() as session:
        project = project_of(session, {"a": 10, "b": 10}, validation=3, free="train")
        run = runs.create(session, project, Recipe(), actor="t")
        given = dict(session.execute(sa.select(Image.id, Image.split)).all())
        assert all(item.split == given[item.image_id] for item in items_of(session, run))
        mixed = runs.create(session, project, Recipe(use_validation_folder=False), actor="t")
        assert any(item.split != given[item.image_id] for item in items_of(session, mixed))
        folds = runs.create(session, project, FIVE, actor="t")
        assert all(item.fold is not None for item in items_of(session, folds))


def test_create__the_posts_folds_are_those_of_scikit_learn(database):
    recipe = PRESETS["wbc"].recipe
    with database.write() as session:
        run = runs.create(session, project_of(session, THREE, test=4), recipe, actor="t")
        items = [item for item in items_of(session, run) if item.split != Split.TEST]
        expected = kfold(np.zeros(90, dtype=np.int64), 5, recipe.seed, stratified=False)
        assert [item.fold for item in items] == expected.tolist()


@pytest.mark.parametrize(
    ("sizes", "recipe", "code", "params"),
    [
        ({}, HOLDOUT, "no_labelled_images", {}),
        ({"a": 0, "b": 0}, HOLDOUT, "no_labelled_images", {}),
        ({"a": 20}, HOLDOUT, "too_few_classes", {"count": 1, "needed": 2, "name": "a"}),
        ({"a": 20, "b": 0}, HOLDOUT, "too_few_classes", {"count": 1, "needed": 2, "name": "a"}),
        ({"a": 20, "b": 1}, HOLDOUT, "class_too_small_for_validation", {"names": "b (1)"}),
        ({"a": 20, "b": 4}, FIVE, "class_too_small_for_folds", {"names": "b (4)", "folds": 5}),
        (
            {"a": 9, "b": 9},
            Recipe(architecture="conv4", image_size=45),
            "network_needs_larger_images",
            {"architecture": "conv4", "size": 45, "smallest": 46},
        ),
        ({"a": 1, "b": 2}, Recipe(folds=5, stratified=False), "split_too_few", {"count": 3, "needed": 5}),
    ],
)
def test_create__refuses_with_a_reason_and_writes_nothing(database, sizes, recipe, code, params):
    with database.write() as session:
        project = project_of(session, sizes)
        with pytest.raises(Invalid, match=code) as refusal:
            runs.create(session, project, recipe, actor="t")
        assert refusal.value.params == params
        assert session.scalar(sa.select(Project.next_run_number)) == 1
        assert not session.scalars(sa.select(Job)).all()


def test_create__refuses_a_class_that_is_only_in_the_test_set(database):
    with database.write() as session:
        project = project_of(session, {"a": 10, "b": 10, "c": 0})
        add_rows(session, project, project.classes[2], 4, split=Split.TEST)
        with pytest.raises(Invalid, match="class_without_training") as refusal:
            runs.create(session, project, HOLDOUT, actor="t")
        assert refusal.value.params == {"names": "c"}


def test_create__refuses_a_draw_without_strata_that_leaves_a_class_out_of_a_model(database):
    with database.write() as session:
        project = project_of(session, {"a": 20, "b": 1})
        with pytest.raises(Invalid, match="class_missing_in_fold") as refusal:
            runs.create(session, project, Recipe(folds=5, stratified=False), actor="t")
        assert refusal.value.params["name"] == "b"


def test_create__a_missing_test_set_is_only_a_warning(database):
    with database.write() as session:
        project = project_of(session, {"a": 40, "b": 10})
        codes = [warning.code for warning in plans.forecast(splits.table(session, project.id), HOLDOUT).warnings]
        assert codes == ["classes_unequal", "no_test_set"]
        assert runs.create(session, project, HOLDOUT, actor="t").number == 1


def test_create__numbers_are_without_gaps_or_repeats_when_many_start_at_once(any_database):
    with any_database.write() as session:
        project = project_of(session, {"a": 6, "b": 6})

    def start(_number: int) -> int:
        with any_database.write() as session:
            return runs.create(session, project, HOLDOUT, actor="t").number

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(start, range(12))) == list(range(1, 13))


@pytest.mark.slow
def test_create__many_images_take_seconds(database):
    each = 10_000 if FULL else 2_000
    with database.write() as session:
        project = project_of(session, {f"class {number}": each for number in range(10)})
    began = time.process_time()  # other tests run beside this one
    with database.write() as session:
        run = runs.create(session, project, FIVE, actor="t")
    seconds = time.process_time() - began
    with database.read() as session:
        count = session.scalar(sa.select(sa.func.count()).where(RunItem.run_id == run.id))
    assert count == 10 * each
    assert seconds < 30 * each / 10_000, f"{seconds:.1f} s"
    print(f"{count} images frozen in {seconds:.2f} s of the processor")


def test_changed_labels__counts_what_differs_now(any_database):
    with any_database.write() as session:
        project = project_of(session, {"a": 6, "b": 6})
        run = runs.create(session, project, HOLDOUT, actor="t")
        assert relabelled.count(session, run) == 0
        first, second = items_of(session, run)[:2]
        other = project.classes[1].id
        session.execute(sa.update(Image).where(Image.id == first.image_id).values(class_id=other, label_version=2))
        session.execute(sa.update(Image).where(Image.id == second.image_id).values(class_id=None, label_version=2))
        assert relabelled.count(session, run) == 2
        assert relabelled.items(session, run) == [(first.id, other), (second.id, 0)]
        back = project.classes[0].id
        session.execute(sa.update(Image).where(Image.id == first.image_id).values(class_id=back, label_version=3))
        assert relabelled.count(session, run) == 1


def test_again__uses_the_same_recipe_on_the_labels_of_now(database):
    with database.write() as session:
        project = project_of(session, {"a": 6, "b": 6})
        run = runs.create(session, project, HOLDOUT, name="first", actor="t")
        moved = items_of(session, run)[0].image_id
        session.execute(sa.update(Image).where(Image.id == moved).values(class_id=project.classes[1].id))
        session.execute(sa.update(LabelClass).values(name="renamed " + LabelClass.name))
        second = runs.again(session, run, actor="u")
        assert (second.number, second.name, second.actor, second.recipe) == (2, "first", "u", run.recipe)
        assert {item.image_id: item.label for item in items_of(session, second)}[moved] == 1
        names = sa.select(RunClass.name).where(RunClass.run_id == second.id).order_by(RunClass.position)
        assert list(session.scalars(names)) == ["renamed a", "renamed b"]
        assert relabelled.count(session, run) == 1


@pytest.mark.parametrize(("recipe", "moved_most"), [(HOLDOUT, 2), (FIVE, 0)])
def test_again__images_keep_their_places_when_one_is_excluded_and_one_corrected(database, recipe, moved_most):
    with database.write() as session:
        project = project_of(session, {"a": 30, "b": 30}, test=2)
        run = runs.create(session, project, recipe, actor="t")
        first = {item.image_id: (item.split, item.fold) for item in items_of(session, run)}
        held = next(image for image, (split, fold) in first.items() if split == Split.VALIDATION or fold == 0)
        corrected = next(image for image, (split, fold) in first.items() if split == Split.TRAIN and fold != 0)
        session.execute(sa.update(Image).where(Image.id == held).values(state=ImageState.EXCLUDED))
        other = sa.update(Image).where(Image.id == corrected).values(class_id=project.classes[1].id, label_version=2)
        session.execute(other)
        second = runs.again(session, run, actor="t")
        again = {item.image_id: (item.split, item.fold) for item in items_of(session, second)}
        assert set(again) == set(first) - {held}
        moved = [image for image, place in again.items() if place != first[image]]
        assert len(moved) <= moved_most  # what the validation part of a class lacks
        assert all(again[image] == (Split.VALIDATION, None) for image in moved)


def test_by_number__unknown_run(database):
    with database.write() as session:
        project = project_of(session, {"a": 6, "b": 6})
        runs.create(session, project, HOLDOUT, actor="t")
        assert [run.number for run in runs.listed(session, project.id)] == [1]
        assert isinstance(runs.by_number(session, project.id, 1), Run)
        with pytest.raises(NotFound, match="run_missing"):
            runs.by_number(session, project.id, 2)

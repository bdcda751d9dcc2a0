"""A training that begins with the weights of an earlier one judges nothing that the earlier one has learned from."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image, LabelClass, Project
from app.db.run_models import Run, RunFold, RunItem
from app.domain.enums import Split
from app.domain.errors import Invalid
from app.domain.recipe import Recipe
from app.services import origins, plans, preflight, run_script, runs, searches, splits
from app.services.searches import Plan
from tests.train import rows
from worker import order_maker

RECIPE = Recipe(architecture="cifar4-plus", image_size=32, validation_share=0.25)


def trained(session: Session, project: Project, recipe: Recipe = RECIPE) -> Run:
    """A run whose models are there."""
    run = runs.create(session, project, recipe, actor="tester")
    values = {"weights_sha256": "ab" * 32, "best_epoch": 7, "stop_reason": "early"}
    session.execute(sa.update(RunFold).where(RunFold.run_id == run.id).values(**values))
    return run


def again(session: Session, project: Project, **values: Any) -> Run:
    """Run 1 goes on."""
    return runs.create(session, project, RECIPE.updated({"begin": "1", **values}), actor="tester")


def images(session: Session, run: Run, *splits: Split) -> set[int]:
    return set(session.scalars(sa.select(RunItem.image_id).where(RunItem.run_id == run.id, RunItem.split.in_(splits))))


def test_create__new_images_and_another_seed_check_nothing_that_was_learned(database):
    with database.write() as session:
        project = rows.project_of(session, {"a": 20, "b": 20}, test=3)
        first = trained(session, project)
        for row in project.classes:
            rows.add_rows(session, project, row, 12)
        second = again(session, project, seed=99)
        learned = images(session, first, Split.TRAIN)
        checked = images(session, second, Split.VALIDATION)
        assert not learned & checked
        assert images(session, first, Split.VALIDATION) <= checked, "what checked the first run checks the second, too"
        assert learned <= images(session, second, Split.TRAIN)
        assert images(session, second, Split.TEST) == images(session, first, Split.TEST)
        fold = session.scalars(sa.select(RunFold).where(RunFold.run_id == second.id)).one()
        assert (fold.train_count, fold.validation_count) == (len(images(session, second, Split.TRAIN)), len(checked))
        assert second.origin is not None
        assert second.origin["moved_to_training"] > 0
        assert {name: second.origin[name] for name in ("run", "model", "epoch", "outputs")} == {
            "run": 1, "model": 1, "epoch": 7, "outputs": "kept",
        }  # fmt: skip
        assert first.origin is None


def test_create__the_same_images_are_shared_out_as_before_and_a_new_class_gets_new_outputs(database):
    with database.write() as session:
        project = rows.project_of(session, {"a": 20, "b": 20})
        first = trained(session, project)
        same = again(session, project)
        for split in (Split.TRAIN, Split.VALIDATION):
            assert images(session, same, split) == images(session, first, split)
        added = LabelClass(
            project_id=project.id, name="c", name_key="c", color="#112233", key=None, position=len(project.classes)
        )
        session.add(added)
        session.flush()
        rows.add_rows(session, project, added, 10)
        other = again(session, project)
        assert same.origin is not None
        assert other.origin is not None
        assert (same.origin["outputs"], other.origin["outputs"]) == ("kept", "new")
        assert same.origin["moved_to_training"] == 0


def test_create__a_class_that_is_called_otherwise_keeps_its_output(database, settings):
    with database.write() as session:
        project = rows.project_of(session, {"a": 20, "b": 20})
        trained(session, project)
        project.classes[0].name, project.classes[0].name_key = "猫", "猫"
        session.flush()
        run = again(session, project)
        assert run.origin is not None
        assert run.origin["outputs"] == "kept"
        order = order_maker.train_order(session, run.id, settings)
        assert order.start_classes == order.class_names == ("猫", "b")
        session.expire_all()
        script = "".join(run_script.lines(session, runs.by_number(session, project.id, run.number)))
        assert "START_CLASSES = ['猫', 'b']" in script


def test_create__outputs_follow_the_classes_and_not_names_that_were_exchanged(database):
    with database.write() as session:
        project = rows.project_of(session, {"a": 20, "b": 20, "c": 20})
        first, second, third = project.classes
        trained(session, project)
        for row, name in ((first, "x"), (second, "a"), (first, "b")):
            row.name = row.name_key = name
            session.flush()
        assert (again(session, project).origin or {})["outputs"] == "kept"
        first.position, second.position = second.position, first.position
        session.flush()
        assert (again(session, project).origin or {})["outputs"] == "new", "the names are as before"
        first.position, second.position = second.position, first.position
        anew = LabelClass(project_id=project.id, name="c", name_key="c", color="#000000", position=third.position)
        third.name = third.name_key = "old"
        session.flush()
        session.add(anew)
        session.flush()
        session.execute(sa.update(Image).where(Image.class_id == third.id).values(class_id=anew.id))
        assert (again(session, project).origin or {})["outputs"] == "kept", "one renamed, one made anew"


def test_create__images_that_checked_the_first_run_teach_a_class_that_has_no_others(database):
    with database.write() as session:
        project = rows.project_of(session, {"a": 20, "b": 20})
        first = trained(session, project)
        checked = sorted(images(session, first, Split.VALIDATION))[:4]
        added = LabelClass(
            project_id=project.id, name="c", name_key="c", color="#112233", key=None, position=len(project.classes)
        )
        session.add(added)
        session.flush()
        session.execute(sa.update(Image).where(Image.id.in_(checked)).values(class_id=added.id))
        second = again(session, project, seed=99)
        assert second.origin is not None
        assert second.origin["moved_to_training"] > 0
        assert set(checked) & images(session, second, Split.TRAIN)
        rest = images(session, first, Split.VALIDATION) - set(checked)
        assert rest <= images(session, second, Split.VALIDATION)
        assert not images(session, first, Split.TRAIN) & images(session, second, Split.VALIDATION)


def test_create__a_test_set_of_images_that_were_learned_is_refused(database):
    with database.write() as session:
        project = rows.project_of(session, {"a": 20, "b": 20})
        first = trained(session, project)
        learned = sorted(images(session, first, Split.TRAIN))[:3]
        session.execute(sa.update(Image).where(Image.id.in_(learned)).values(split=Split.TEST))
        with pytest.raises(Invalid, match="begin_test_learned") as refused:
            again(session, project)
        assert refused.value.params == {"run": 1, "count": 3}
        session.rollback()


def test_create__what_the_first_of_three_runs_learned_is_not_tested_by_the_third(database):
    """The second has none of the images of a class that was set aside; its weights know them all the same."""
    with database.write() as session:
        project = rows.project_of(session, {"a": 20, "b": 20, "c": 20})
        first = trained(session, project)
        left_out = next(row for row in project.classes if row.name == "c")
        learned = images(session, first, Split.TRAIN)
        mine = set(session.scalars(sa.select(Image.id).where(Image.class_id == left_out.id)))
        session.execute(sa.update(Image).where(Image.id.in_(mine)).values(class_id=None))
        trained(session, project, RECIPE.updated({"begin": "1"}))
        session.execute(sa.update(Image).where(Image.id.in_(mine)).values(class_id=left_out.id, split=Split.TEST))
        some_left = sorted(mine & learned)[:2]
        session.execute(sa.update(Image).where(Image.id.in_(some_left)).values(split=None))
        with pytest.raises(Invalid, match="begin_test_learned") as refused:
            again(session, project, begin="2")
        assert refused.value.params == {"run": 2, "count": len(mine) - 2}
        session.rollback()


def test_search__is_refused_before_its_first_trial_where_the_test_set_was_learned(database):
    with database.write() as session:
        project = rows.project_of(session, {"a": 20, "b": 20})
        first = trained(session, project)
        learned = sorted(images(session, first, Split.TRAIN))[:3]
        session.execute(sa.update(Image).where(Image.id.in_(learned)).values(split=Split.TEST))
        plan = Plan("random", trials=2, fields=("learning_rate",))
        with pytest.raises(Invalid, match="begin_test_learned"):
            searches.start(session, project, RECIPE.updated({"begin": "1"}), plan, actor="tester")
        session.rollback()


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"folds": 4}, "begin_folds_learned"),
        ({"begin": "7"}, "begin_missing"),
        ({"begin": "1/2"}, "begin_missing"),
        ({"architecture": "cifar4"}, "begin_differs"),
        ({"begin": "1 or so"}, "field_run"),
    ],
)
def test_create__is_refused_with_the_reason(database, values, code):
    with database.write() as session:
        project = rows.project_of(session, {"a": 20, "b": 20})
        trained(session, project)
        with pytest.raises(Invalid) as refused:
            again(session, project, **values)
        assert (refused.value.fields.get("begin") or refused.value).code == code
        if not refused.value.fields:  # the box before the start says the same, and what would work
            recipe = RECIPE.updated({"begin": "1", **values})
            forecast = plans.forecast(splits.table(session, project.id), recipe)
            found = preflight.look(session, project.id, recipe, forecast, "")
            assert found.refusal is not None
            assert found.refusal.code == code
            assert runs.create(session, project, recipe.updated(found.proposal), actor="tester").number == 2
        session.rollback()


def test_create__a_model_of_a_run_with_folds_is_named_and_does_not_check_its_own_images(database):
    with database.write() as session:
        project = rows.project_of(session, {"a": 20, "b": 20})
        first = trained(session, project, RECIPE.updated({"folds": 4}))
        with pytest.raises(Invalid, match="begin_which"):
            again(session, project)
        second = again(session, project, begin="1/3")
        folds = dict(session.execute(sa.select(RunItem.image_id, RunItem.fold).where(RunItem.run_id == first.id)).all())
        assert {folds[image] for image in images(session, second, Split.VALIDATION)} == {2}
        assert [one.value for one in origins.offered(session, project.id)] == ["1/1", "1/2", "1/3", "1/4"]


def test_form__offers_the_trained_models_and_says_why_one_cannot_be_taken(client, database):
    with database.write() as session:
        project = rows.project_of(session, {"a": 20, "b": 20})
        trained(session, project)
        slug = project.slug
    page = client.get(f"/p/{slug}/train?from=1&begin=1").text
    assert '<option value="1" selected>' in page
    sent = {"preset": "wbc-plus", "begin": "1", "image_size": 64}
    answer = client.post(f"/p/{slug}/train", json=sent)
    assert answer.status_code == 422
    assert "cifar4-plus" in answer.text

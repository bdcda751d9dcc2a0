"""The box before the start refuses what the start refuses, and proposes what it takes."""

import pytest
import sqlalchemy as sa

from app.db.models import Image
from app.domain.errors import Invalid
from app.domain.recipe import Recipe
from app.services import projects, runs
from app.services.preflight import Smallest
from tests.repeating.test_preflight import looked
from tests.train.pages import form_of, rows_of


@pytest.mark.parametrize(
    ("sizes", "values", "code", "proposal"),
    [
        ({}, {}, "no_labelled_images", {}),
        ({"a": 20}, {}, "too_few_classes", {}),
        ({"a": 1, "b": 1}, {}, "class_too_small_for_validation", {}),
        ({"a": 1, "b": 30}, {"folds": 5}, "class_too_small_for_folds", {}),
        ({"a": 2, "b": 2}, {"folds": 9, "stratified": False}, "split_too_few", {"folds": 4}),
        ({"a": 3, "b": 60}, {"folds": 2, "stratified": False, "seed": 2}, "class_missing_in_fold", {"stratified": 1}),
        ({"a": 9, "b": 9}, {"augmented_classes": '["c"]'}, "augmented_class_missing", {"augmented_classes": ""}),
        ({"a": 9, "b": 9}, {"begin": "7"}, "begin_missing", {"begin": ""}),
    ],
)
def test_look__refuses_what_the_start_refuses_and_proposes_what_it_takes(database, sizes, values, code, proposal):
    project, recipe = rows_of(database, sizes), Recipe().updated(values)
    with database.write() as session:
        found = looked(session, recipe)
        assert found.refusal is not None
        assert (found.refusal.code, found.proposal) == (code, proposal)
        here = projects.by_slug(session, project.slug)
        with pytest.raises(Invalid, match=code):
            runs.create(session, here, recipe, actor="test")
        if proposal:
            assert runs.create(session, here, recipe.updated(found.proposal), actor="test").number == 1


BY_FOLDER = Recipe(group_by="folder")
OF_A = {"p": 10, "q": 10, "r": 10}


def in_folders(database, **folders):
    """A project whose images lie in folders, each of which is one group; ``folders``: of each class."""
    project = rows_of(database, {name: sum(sizes.values()) for name, sizes in folders.items()})
    with database.write() as session:
        rows = iter(session.scalars(sa.select(Image).order_by(Image.id)).all())
        for sizes in folders.values():
            for folder, count in sizes.items():
                for row in (next(rows) for _ in range(count)):
                    row.path = f"{folder}/cell/{row.name}"
    return project


@pytest.mark.parametrize(
    ("of_b", "folds", "code", "proposal"),
    [
        ({"s": 20}, 3, "class_in_one_group", {}),  # nothing but another grouping would do
        ({"s": 20}, 5, "groups_too_few", {}),  # four folds would be refused in turn
        ({"s": 9, "t": 9}, 9, "groups_too_few", {"folds": 5}),
    ],
)
def test_look__of_groups_proposes_only_what_the_draw_takes(database, of_b, folds, code, proposal):
    project, recipe = in_folders(database, a=OF_A, b=of_b), BY_FOLDER.updated({"folds": folds})
    with database.write() as session:
        found = looked(session, recipe)
        assert found.refusal is not None
        assert (found.refusal.code, found.proposal) == (code, proposal)
        here = projects.by_slug(session, project.slug)
        with pytest.raises(Invalid, match=code):
            runs.create(session, here, recipe, actor="test")
        if proposal:
            assert runs.create(session, here, recipe.updated(proposal), actor="test").number == 1


def test_look__counts_and_names_what_the_groups_leave_to_be_checked_with(database, client):
    project = in_folders(database, a=OF_A, b={"s": 20})
    with database.read() as session:
        held_out = looked(session, BY_FOLDER)
        assert (held_out.refusal, held_out.unchecked) == (None, ("b",))
        assert held_out.smallest == Smallest("b", 20, 0)
        assert looked(session, Recipe()).unchecked == ()
    page = client.get(f"/p/{project.slug}/train", params=form_of(BY_FOLDER)).text
    assert "no image of these classes to be checked with: b." in page
    assert "no image of these classes" not in client.get(f"/p/{project.slug}/train", params=form_of()).text


def test_look__counts_the_class_of_each_fold_that_has_least(database):
    in_folders(database, a=OF_A, b={"s": 12, "t": 6})
    with database.read() as session:
        found = looked(session, BY_FOLDER.updated({"folds": 5}))
        assert found.smallest == Smallest("b", 6, 12)
        assert found.unchecked == ("a", "b")

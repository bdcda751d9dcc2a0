"""The box before the start refuses what the start refuses, and proposes what it takes."""

import pytest

from app.domain.errors import Invalid
from app.domain.recipe import Recipe
from app.services import projects, runs
from tests.repeating.test_preflight import looked
from tests.train.pages import rows_of


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

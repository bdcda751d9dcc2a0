"""A search for settings asked for by a program: what stands for values that were not sent, and what is refused."""

import json

import pytest

from app.domain import best
from app.domain.presets import PRESETS
from tests.search.test_search_pages import state_of
from tests.train.pages import JSON, rows_of, the_one_refusal


def test_program__begins_with_the_values_of_a_preset_or_a_run(client, database):
    slug = rows_of(database, {"猫": 30, "犬": 30}).slug
    plan = {"method": "random", "trials": 2, "varies": ["learning_rate"]}
    run = client.post(f"/p/{slug}/train", json={"preset": "cifar", "epochs": 3, "name": "三"}, headers=JSON).json()[
        "run"
    ]
    for sent, wanted in (
        ({"preset": "wbc", "folds": 0}, PRESETS["wbc"].recipe.updated({"folds": 0})),
        (
            {"preset": "wbc", "augmentation": {"rotation": 5}},
            PRESETS["wbc"].recipe.updated({"augmentation.rotation": 5}),
        ),
        ({"from": run}, PRESETS["cifar"].recipe.updated({"epochs": 3})),
        ({}, best.candidates(60, 100)[0]),
        ({"preset": None, "from": None}, best.candidates(60, 100)[0]),
    ):
        answer = client.post(f"/p/{slug}/searches", json=plan | sent, headers=JSON)
        assert answer.status_code == 201, answer.text
        assert state_of(database, answer.json()["search"])[1][0].recipe == wanted


@pytest.mark.parametrize(
    ("sent", "field", "said"),
    [
        ({"preset": "nope"}, "preset", "There is no preset “nope”. There are: wbc, "),
        ({"from": 77}, "from", "There is no run 77"),
        ({"learnig_rate": 0.1}, "learnig_rate", "There is no setting “learnig_rate”."),
        ({"vary": {"seed": [1, 2]}}, "vary", "There is no setting “vary”."),
        ({"epochs": "many"}, "epochs", "“many” cannot be used."),
        (
            {"varies": ["learning_rate", "nope"]},
            "varies",
            "“nope” is not one of the choices. Allowed are: learning_rate, ",
        ),
        ({"varies": ["head_dropout"]}, "varies", "“head_dropout” is not one of the choices."),  # of no such network
        ({"varies": "learning_rate"}, "varies", "“learning_rate” is no list of names."),
        ({"varies": [5]}, "varies", "“[5]” is no list of names."),
    ],
)
def test_program__is_told_what_is_not_known_and_nothing_begins(client, database, sent, field, said):
    slug = rows_of(database, {"猫": 30, "犬": 30}).slug
    plan = {"preset": "wbc", "method": "random", "trials": 2, "varies": ["learning_rate"]}
    message = the_one_refusal(client, database, f"/p/{slug}/searches", plan | sent, field)
    assert message.startswith(said)


@pytest.mark.parametrize("sent", [{"preset": "\ud800"}, {"varies": ["\ud800"]}, {"\ud800": 1}])
def test_program__is_told_of_names_with_half_a_pair_of_surrogates(client, database, sent):
    slug = rows_of(database, {"猫": 30, "犬": 30}).slug
    body = json.dumps({"preset": "wbc", "method": "random", "trials": 2, "varies": ["seed"]} | sent)
    answer = client.post(f"/p/{slug}/searches", content=body, headers={**JSON, "Content-Type": "application/json"})
    assert answer.status_code == 422
    assert "“?”" in answer.text

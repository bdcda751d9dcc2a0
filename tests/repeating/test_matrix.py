"""Many trainings from one form: what is made of it, and the table that shows them."""

import json
import re
from html import unescape
from urllib.parse import quote, unquote

import pytest
import sqlalchemy as sa

from app.db.run_models import Job, Run, RunFold
from app.domain import matrix
from app.domain.enums import JobKind, JobState
from app.domain.errors import Invalid
from app.domain.matrix import Axis
from app.domain.presets import PRESETS
from app.domain.recipe import Augmentation, Recipe
from app.services import groups, projects, references, runs
from tests.train.pages import JSON, form_of, read_form, rows_of, runs_in

CHANGED = Recipe(augmentation=Augmentation(rotation=20, horizontal_flip=True))


@pytest.fixture
def place(database) -> str:
    return f"/p/{quote(rows_of(database, {'好中球': 30, '単球': 30}, test=4).slug)}"


def test_recipes__every_combination_with_augmentation_on_and_off():
    made = matrix.recipes(CHANGED, [Axis("augmentation", ("on", "off")), matrix.seeds(CHANGED, 3)], "A")
    assert [name for name, _ in made][:2] == ["A augmentation=on seed=0", "A augmentation=on seed=1"]
    assert [recipe.augmentation.active for _, recipe in made] == [True] * 3 + [False] * 3
    assert [recipe.seed for _, recipe in made] == [0, 1, 2] * 2
    assert matrix.varied([recipe for _, recipe in made]) == ["seed", "augmentation"]


def test_recipes__names_of_classes_may_hold_anything():
    axis = matrix.axis("augmented_classes", 'none, ["猫, 大", "\\"]"] ,all,["犬"]')
    assert axis.values == ("none", '["猫, 大", "\\"]"]', "all", '["犬"]')
    names = [name for name, _ in matrix.recipes(CHANGED, [axis])]
    assert [name.partition("=")[2] for name in names] == ["none", '猫, 大 + "]', "all", "犬"]
    twice = ('["a"],[ "a"]', '["a","b"],["b","a"]', "all,[]", 'none,["a"],["a","a"]')
    for wrong in ("", "all,all", ",", '["a"', *twice):
        with pytest.raises(Invalid):
            matrix.recipes(CHANGED, [matrix.axis("augmented_classes", wrong)])
    off = matrix.recipes(
        CHANGED.updated({"class_augmentation": {"犬": {"rotation": 3}}}), [Axis("augmentation", ("off",))]
    )
    assert not off[0][1].all_changes.active


def test_recipes__a_class_without_changes_is_no_choice_beside_no_class():
    cats = Recipe().updated({"class_augmentation": {"猫": {"rotation": 3}}})
    both = [matrix.axis("augmented_classes", 'none,["猫"],["犬"]')]
    with pytest.raises(Invalid) as refused:
        matrix.recipes(cats, both)
    error = refused.value.fields["augmented_classes"]
    assert (error.code, error.params) == ("vary_class_unchanged", {"names": "犬"})
    turned = [Axis("augmentation.rotation", ("5", "10")), *both[:1]]  # the other setting changes the dogs
    assert [recipe.all_changes.active for _, recipe in matrix.recipes(cats, turned)] == [False, True, True] * 2


def test_recipes__without_any_change_of_pictures_there_is_nothing_to_compare():
    with pytest.raises(Invalid, match="vary_no_augmentation"):
        matrix.recipes(Recipe(), [Axis("augmentation", ("on", "off"))])


def test_form__starts_a_matrix_with_seeds_and_shows_it(client, database, place):
    ticks = {"vary-1": "architecture", "pick-1-conv2": "1", "pick-1-conv3": "1"}
    numbers = {"vary-2": "image_size", "values-2": "64, 96", "repeats": "2", "name": "二つの網"}
    answer = client.post(f"{place}/train", data=form_of(CHANGED) | ticks | numbers, follow_redirects=False)
    assert answer.status_code == 303
    page = client.get(answer.headers["location"]).text
    assert [run.recipe["seed"] for run in runs_in(database)] == [0, 1] * 4
    assert {run.recipe["architecture"] for run in runs_in(database)} == {"conv2", "conv3"}
    assert "0 of 8 ended" in page
    assert page.count("<tr id=") == 8
    assert "二つの網" in client.get(f"{place}/runs").text
    assert answer.headers["location"] in client.get(f"{place}/runs/3").text


def test_form__shows_what_it_would_start_and_keeps_what_was_typed(client, place):
    query = {"form": "1", "vary-1": "optimizer", "pick-1-adam": "1", "pick-1-sgd": "1", "repeats": "3"}
    html = client.get(f"{place}/train", params=query).text
    assert "6 trainings are started together." in html
    assert "Optimiser: SGD (momentum 0.9), Seed: 0" in html
    kept = read_form(html)
    assert (kept["vary-1"], kept["pick-1-adam"], kept["repeats"]) == ("optimizer", "1", "3")
    assert "pick-1-lion" not in kept


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"vary-1": "image_size", "values-1": "64,64"}, "cannot be used. Write values that differ"),
        ({"vary-1": "image_size", "values-1": " "}, "No value is written here."),
        ({"vary-1": "architecture", "values-1": "conv2"}, "No value is chosen here."),
        ({"vary-1": "augmented_classes"}, "No value is chosen here."),
        ({"vary-1": "image_size", "values-1": "64,9999"}, "Type a whole number from 16 to 512."),
        ({"vary-1": "epochs", "values-1": "1..300"}, "from 1 to 200 are possible"),
        ({"vary-1": "epochs", "values-1": "1", "vary-2": "epochs", "values-2": "2"}, "stands here twice"),
        ({"vary-1": "augmentation", "pick-1-on": "1", "pick-1-off": "1"}, "No change of pictures is switched on"),
        ({"vary-1": "augmented_classes", "pick-1-none": "1"}, "No change of pictures is switched on"),
        ({"vary-1": "augmented_classes", 'pick-1-["好中球"]': "1"}, "No change of pictures is switched on"),
        ({"repeats": "99"}, "Type a whole number from 1 to 50."),
        ({"vary-1": "epochs", "values-1": "1," * 2001}, "The values have 4002 characters"),
        ({"vary-1": "no_such_thing", "values-1": "1,2"}, "There is no setting"),
    ],
)
def test_form__refuses_with_a_sentence_and_starts_nothing(client, database, place, values, said):
    answer = client.post(f"{place}/train", data=form_of() | values)
    assert answer.status_code == 422
    assert said in answer.text
    assert runs_in(database) == []


def test_form__sent_twice_starts_once_and_changed_starts_another(client, database, place):
    form = form_of() | {"request": "0123456789abcdef", "vary-1": "epochs", "values-1": "3,4"}
    first = client.post(f"{place}/train", data=form, follow_redirects=False).headers["location"]
    assert client.post(f"{place}/train", data=form, follow_redirects=False).headers["location"] == first
    assert len(runs_in(database)) == 2
    single = form_of() | {"request": "0123456789abcdef"}
    found = [client.post(f"{place}/train", data=single, follow_redirects=False).headers["location"] for _ in range(2)]
    assert found == [f"{place}/runs/3"] * 2
    assert client.post(f"{place}/train", data=form | {"repeats": "2"}, follow_redirects=False).status_code == 303
    assert len(runs_in(database)) == 7
    with database.read() as session:
        assert [one for one in references.everything(session) if one.role == "job"] == []  # no blob is waited for


def test_form__each_page_has_a_mark_of_its_own(client, place):
    marks = {read_form(client.get(f"{place}/train?preset=wbc").text)["request"] for _ in range(2)}
    assert len(marks) == 2


def test_program__starts_a_matrix_by_names(client, database, place):
    wish = {"preset": "wbc", "vary": {"image_size": [64, 96], "stratified": [True, False]}, "repeats": 2}
    answer = client.post(f"{place}/train", json=wish, headers=JSON)
    assert answer.status_code == 201
    assert answer.json()["runs"] == list(range(1, 9))
    assert answer.json()["url"].endswith(str(answer.json()["group"]))
    rows = {"preset": "wbc", "vary-1": "epochs", "values-1": "1,2", "vary": {"batch_size": [8, 16]}}
    assert client.post(f"{place}/train", json=rows, headers=JSON).status_code == 201
    made = [(run.recipe["epochs"], run.recipe["batch_size"]) for run in runs_in(database)][8:]
    assert made == [(1, 8), (1, 16), (2, 8), (2, 16)]
    wrong = client.post(f"{place}/train", json={"preset": "wbc", "vary": {"image_size": [1, 2]}}, headers=JSON)
    assert wrong.status_code == 422
    assert "values-1" in wrong.json()["error"]["fields"]


def test_program__has_every_value_of_its_lists_and_texts(client, database, place):
    rates = [0.00010000001 + 0.0001 * number for number in range(59)]
    for wish in (rates, ", ".join(map(str, rates))):
        answer = client.post(f"{place}/train", json={"preset": "wbc", "vary": {"learning_rate": wish}}, headers=JSON)
        assert answer.status_code == 201, answer.text
        assert [run.recipe["learning_rate"] for run in runs_in(database)][-len(answer.json()["runs"]) :] == rates


def test_program__varies_over_lists_of_names(client, database, place):
    wish = {"augmented_classes": [["好中球"], ["単球", "好中球"], []], "seed": ["0..1"]}
    answer = client.post(f"{place}/train", json={"preset": "keras-blog", "vary": wish}, headers=JSON)
    assert answer.status_code == 201, answer.text
    changed = [Recipe.from_json(run.recipe).chosen_classes for run in runs_in(database)]
    assert changed == [{"好中球"}] * 2 + [{"好中球", "単球"}] * 2 + [frozenset()] * 2
    page = client.get(answer.json()["url"]).text
    assert "好中球" in page
    assert "Laboratory of changes" not in page, "without a training that changes nothing it would have nothing to show"
    for words in (["none", "all", ["単球"]], 'none,all, ["単球"]'):
        answer = client.post(
            f"{place}/train", json={"preset": "wbc", "vary": {"augmented_classes": words}}, headers=JSON
        )
        made = [Recipe.from_json(run.recipe) for run in runs_in(database)][-3:]
        assert [recipe.all_changes.active for recipe in made] == [False, True, True]
        assert [recipe.chosen_classes for recipe in made] == [set(), set(), {"単球"}]


def test_program__varies_over_changes_of_single_classes(client, database, place):
    turned, mixed = {"単球": {"rotation": 90}}, {"単球": {"blur": 1, "rotation": 3}, "好中球": {"rotation": 5}}
    wish = {"class_augmentation": [{}, turned, json.dumps(mixed)]}
    answer = client.post(f"{place}/train", json={"preset": "wbc", "vary": wish}, headers=JSON)
    assert answer.status_code == 201, answer.text
    assert [Recipe.from_json(run.recipe).class_changes for run in runs_in(database)] == [{}, turned, mixed]


def test_form__trains_with_changes_of_no_class_all_classes_and_each_alone(client, database, place):
    given = CHANGED.updated({"class_augmentation": {"単球": {"rotation": 90}}})
    query = form_of(given) | {"vary-1": "augmented_classes", "values-1": "64, 96"}  # typed for another setting before
    page = client.get(f"{place}/train", params=query, headers={"Accept-Language": "ja"}).text
    names = re.findall(r'name="(pick-1-[^"]+)"', page)
    ticks = {unescape(name): "1" for name in names}
    assert list(ticks) == ["pick-1-none", "pick-1-all", 'pick-1-["好中球"]', 'pick-1-["単球"]']
    answer = client.post(f"{place}/train", data=query | ticks | {"name": "A"}, follow_redirects=False)
    assert answer.status_code == 303
    runs_made = runs_in(database)
    assert [run.name.partition("=")[2] for run in runs_made] == ["none", "all", "好中球", "単球"]
    made = [Recipe.from_json(run.recipe) for run in runs_made]
    assert [recipe.all_changes.active for recipe in made] == [False, True, True, True]
    assert [recipe.chosen_classes for recipe in made] == [set(), set(), {"好中球"}, {"単球"}]
    table = client.get(answer.headers["location"]).text
    assert re.findall(r"<td>(.*?)</td>", table)[: 4 * 2 : 2] == ["no class", "all classes", "好中球", "単球"]
    listed = client.get(f"{place}/runs", headers={"Accept-Language": "ja"}).text
    assert ["変形するクラス: " + name in listed for name in ("どのクラスも変えない", "すべてのクラス", "単球")] == [
        True
    ] * 3
    assert "Laboratory of changes" in table  # what it says of each class


@pytest.mark.parametrize(
    ("vary", "field", "said"),
    [
        ({"augmented_classes": ""}, "values-1", "No value is chosen here."),
        (
            {"augmented_classes": "all, all"},
            "values-1",
            "“all, all” cannot be used. Write none, all, and lists of names",
        ),
        ({"epochs": [1, 2], "seed": [0, 1], "folds": [0, 2], "batch_size": [8, 16]}, "vary", "4 settings vary here"),
        ([{"epochs": [1, 2]}], "vary", "“vary” cannot be read. It is an object"),
        ("epochs=1,2", "vary", "“vary” cannot be read. It is an object"),
        ({"epochs": [1, None]}, "values-1", "“null” cannot be a value of “epochs”."),
        ({"epochs": {"low": 1}}, "values-1", '“{"low": 1}” cannot be a value of “epochs”.'),
        ({"group_pattern": [{"a": "*"}]}, "values-1", '“{"a": "*"}” cannot be a value of “group_pattern”.'),
        ({"epochs": []}, "values-1", "“” cannot be used. Write values that differ"),
        ({"epochs": [1, 1]}, "values-1", "“1, 1” cannot be used. Write values that differ"),
        ({"epochs": [[1], [2]]}, "values-1", "“[1]” cannot be used. Type a whole number"),
        ({"epochs": list(range(1, 202))}, "values-1", "These values make 201 trainings"),
        ({"epochs": ["1..200"] * 201}, "values-1", "These values make 201 trainings"),
        ({"learning_rate": "0.1," * 1001}, "values-1", "The values have 4004 characters; at most 4000 are read."),
        ({"learning_rate": [0.1, "0.10"]}, "values-1", "“0.1, 0.10” cannot be used. Write values that differ"),
        ({"seed": [1], "batch_size": "8, 8.0"}, "values-2", "“8, 8.0” cannot be used. Write values that differ"),
        ({"preset": ["wbc", "cifar"]}, "values-1", "A preset is only noted with a training"),
        ({"": [1, 2]}, "vary", "“vary” cannot be read. It is an object"),
        ({"augmented_classes": [[1], [2]]}, "values-1", "“[1]” is no list of names."),
    ],
)
def test_program__is_told_what_is_too_much_or_of_the_wrong_kind(client, database, place, vary, field, said):
    answer = client.post(f"{place}/train", json={"preset": "wbc", "vary": vary}, headers=JSON)
    assert answer.status_code == 422
    errors = answer.json()["error"]["fields"]
    assert list(errors) == [field]
    assert errors[field]["message"].startswith(said)
    assert runs_in(database) == []


@pytest.mark.parametrize("wrong", ["\ud800,\ud800", [1, {"\ud800": 1}], [["\ud800"]], "\ud800,1"])
def test_program__is_told_of_values_with_half_a_pair_of_surrogates(client, database, place, wrong):
    sent = json.dumps({"preset": "wbc", "vary": {"epochs": wrong}})
    answer = client.post(f"{place}/train", content=sent, headers={**JSON, "Content-Type": "application/json"})
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == ["values-1"]
    assert runs_in(database) == []


def test_matrix__that_would_hold_the_database_for_long_is_refused(database, place, monkeypatch):
    monkeypatch.setattr(runs, "MOST_ITEMS", 100)
    named = [("a", Recipe()), ("b", Recipe(seed=1))]
    with database.write() as session:
        project = projects.by_slug(session, unquote(place.removeprefix("/p/")))
        with pytest.raises(Invalid, match="matrix_items"):
            runs.create_matrix(session, project, named, actor="test")


def test_table__has_means_over_seeds_intervals_and_can_be_stopped(client, database, place):
    data = form_of(PRESETS["wbc"].recipe.updated({"folds": 0})) | {
        "repeats": "3", "vary-1": "augmentation", "pick-1-on": "1", "pick-1-off": "1",
    }  # fmt: skip
    address = client.post(f"{place}/train", data=data, follow_redirects=False).headers["location"]
    with database.write() as session:
        for place_of, run in enumerate(session.scalars(sa.select(Run).where(Run.number.in_([1, 2])))):
            values = {"val_accuracy": 0.75 + 0.25 * place_of}
            session.execute(sa.update(RunFold).where(RunFold.run_id == run.id).values(metrics=values))
            session.execute(sa.update(Job).where(Job.id == run.job_id).values(state=JobState.DONE))
    page = client.get(address).text
    assert "2 of 6 ended" in page
    assert "Laboratory of changes" in page  # what all changes together do to each class
    assert "87.5% <" in page.replace("\n", "")
    assert "± 17.7%" in page
    assert "Changed pictures" not in page
    assert "[" in page
    client.post(f"{address}/stop")
    page = client.get(address).text
    assert "6 of 6 ended" in page
    assert 'data-finished="1"' in page
    client.post(f"{address}/retry")
    with database.read() as session:
        states = list(session.scalars(sa.select(Job.state).where(Job.kind == JobKind.TRAIN).order_by(Job.id)))
    assert states == ["done"] * 2 + ["queued"] * 4


def test_table__of_another_project_is_not_found(client, database, place):
    other = f"/p/{quote(rows_of(database, {'a': 4, 'b': 4}).slug)}"
    data = form_of() | {"repeats": "2"}
    address = client.post(f"{place}/train", data=data, follow_redirects=False).headers["location"]
    assert client.get(address.replace(place, other)).status_code == 404
    with database.read() as session:
        group = groups.listed(session, 1)[0]
    assert (group.runs, group.ended) == (2, 0)

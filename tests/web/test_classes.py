"""The page of the classes and the service behind it."""

import re

import pytest

from app.domain.errors import Conflict, Invalid, NotFound
from app.services import classes, projects
from tests import factories


@pytest.fixture
def address(project):
    return f"/p/{project.slug}/classes"


def names(database, project):
    with database.read() as session:
        return [item.name for item in classes.listed(session, project)]


def test_classes__add_with_enter_and_wait_for_the_next(client, database, project, address):
    page = client.post(address, data={"name": "リンパ球", "color": "#123456"})
    assert page.status_code == 200
    assert "autofocus" in page.text
    assert names(database, project)[-1] == "リンパ球"
    assert "data-ime-guard" in page.text


def test_classes__one_that_is_a_digit_has_it_as_its_key(database):
    with database.write() as session:
        digits = projects.create(session, name="数字")
        made = classes.ensure(session, digits, ["0", "1", "２", "dog", "9"])
        assert {name: item.key for name, item in made.items()} == {"0": "0", "1": "1", "２": "2", "dog": "3", "9": "9"}
        assert classes.add(session, digits, "12").key == "4"
        assert classes.add(session, digits, "3").key == "5"  # the dog has it


def test_classes__taken_name_links_the_existing_one(client, project, address):
    page = client.post(address, data={"name": "単 球".replace(" ", "")})
    assert page.status_code == 422
    assert f'href="#class-{project.classes[2].id}"' in page.text
    assert "There is already a class “単球”" in page.text


@pytest.mark.parametrize("name", ["", "   ", "\u200b", "\u202e"])
def test_classes__empty_name_is_refused(client, address, name):
    page = client.post(address, data={"name": name})
    assert page.status_code == 422
    assert "A class needs a name" in page.text


def test_classes__refused_change_changes_nothing(client, database, project, address):
    first, second = project.classes[:2]
    page = client.post(f"{address}/{first.id}", data={"name": second.name, "color": "#ff0000", "key": "7"})
    assert page.status_code == 422
    assert page.text.count(f'value="{second.name}"') == 2  # what was typed stands in the row of the first
    assert names(database, project) == ["好中球", "好酸球", "単球"]
    with database.read() as session:
        assert classes.by_id(session, project, first.id).color == first.color


def test_classes__change_name_colour_and_key(client, database, project, address):
    first = project.classes[0]
    page = client.post(f"{address}/{first.id}", data={"name": "Neutrophil", "color": "#abcdef", "key": "9"})
    assert page.status_code == 200
    with database.read() as session:
        changed = classes.by_id(session, project, first.id)
    assert (changed.name, changed.name_key, changed.color, changed.key) == ("Neutrophil", "neutrophil", "#abcdef", "9")


def test_classes__move_and_stop_at_the_ends(client, database, project, address):
    first, _second, third = project.classes
    client.post(f"{address}/{third.id}/move", data={"step": "-1"})
    assert names(database, project) == ["好中球", "単球", "好酸球"]
    client.post(f"{address}/{first.id}/move", data={"step": "-1"})
    assert names(database, project) == ["好中球", "単球", "好酸球"]
    client.post(f"{address}/{first.id}/move", data={"step": "5"})
    assert names(database, project) == ["単球", "好酸球", "好中球"]


def test_classes__delete_unused(client, database, project, address):
    client.post(f"{address}/{project.classes[1].id}/delete")
    assert names(database, project) == ["好中球", "単球"]


def test_classes__a_new_one_never_gets_the_id_of_a_deleted_one(client, database, project, address):
    gone = max(item.id for item in project.classes)
    client.post(f"{address}/{gone}/delete")
    client.post(address, data={"name": "芽球"})
    with database.read() as session:
        assert max(item.id for item in classes.listed(session, project)) > gone


def test_classes__delete_used_says_why(client, database, store, project, address):
    used = project.classes[0]
    with database.write() as session:
        factories.add_images(session, store, project, 2, label_class=used)
    page = client.post(f"{address}/{used.id}/delete")
    assert page.status_code == 409
    assert "cannot be deleted" in page.text
    assert names(database, project) == ["好中球", "好酸球", "単球"]


@pytest.mark.parametrize("action", ["", "/move", "/delete"])
def test_classes__class_of_another_project_is_not_found(client, database, address, action):
    with database.write() as session:
        foreign = factories.make_project(session, "other").classes[0]
    page = client.post(f"{address}/{foreign.id}{action}", data={"name": "stolen", "step": "1"})
    assert page.status_code == 404


def test_add__keys_in_order_and_none_after_ten(any_database):
    with any_database.write() as session:
        project = factories.make_project(session, "many", [f"class {number}" for number in range(12)])
    assert [item.key for item in project.classes] == [*"1234567890", "", ""]
    assert len({item.color for item in project.classes}) == 12
    assert all(re.fullmatch("#[0-9a-f]{6}", item.color) for item in project.classes)


def test_add__colours_stay_apart_for_a_hundred_classes():
    used: list[str] = []
    for _ in range(100):
        used.append(classes.next_color(used))
    assert len(set(used)) == 100


def test_ensure__makes_only_what_is_missing(any_database):
    with any_database.write() as session:
        project = factories.make_project(session, "p", ["ガラス", "Cat"])
        found = classes.ensure(session, project, ["カ\u3099ラス", "ＣＡＴ", "犬", "犬"])
    assert list(found) == ["ガラス", "ＣＡＴ", "犬"]
    assert [item.name for item in found.values()] == ["ガラス", "Cat", "犬"]
    with any_database.read() as session:
        assert len(classes.listed(session, project)) == 3


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"color": "red"}, "class_color_invalid"),
        ({"color": "#12345"}, "class_color_invalid"),
        ({"key": "a"}, "class_key_invalid"),
        ({"key": "12"}, "class_key_invalid"),
        ({"key": "1"}, "class_key_taken"),
        ({"name": "x" * 201}, "name_too_long"),
        ({"name": "好中球"}, "class_name_taken"),
    ],
)
def test_update__unusable_values_are_refused(database, project, values, code):
    with pytest.raises(Invalid) as caught, database.write() as session:
        classes.update(session, project, project.classes[1].id, **values)
    assert caught.value.code == code


def test_delete__history_keeps_a_class(any_database, store):
    with any_database.write() as session:
        project = factories.make_project(session)
        one = project.classes[0]
        (image,) = factories.add_images(session, store, project, 1, label_class=one)
    with pytest.raises(Conflict), any_database.write() as session:
        classes.delete(session, project, one.id)
    assert image.id > 0
    with pytest.raises(NotFound), any_database.write() as session:
        classes.delete(session, project, 10**6)


def test_page__merges_with_its_count_and_takes_it_back(client, database, store, project, address):
    one, other = project.classes[:2]
    with database.write() as session:
        factories.add_images(session, store, project, 3, label_class=one)
    assert "Give 3 images the class" in client.get(address).text
    page = client.post(f"{address}/{one.id}/merge", data={"into": other.id, "shown": "3"})
    assert "3 images changed" in page.text
    assert re.search(r"“好中球”: key \d → –, merged and retired", page.text), "what one act changed is told apart"
    undo = re.search(r'action="([^"]*/classes/undo/\d+)"', page.text)
    assert undo is not None
    page = client.post(undo.group(1))
    with database.read() as session:
        assert classes.counts(session, project) == {one.id: 3}
        assert not any(item.retired for item in classes.listed(session, project))


def test_page__second_name_letter_key_and_retire(client, database, project, address):
    first = project.classes[0]
    fields = {"name": first.name, "second_name": "Neutrophil", "key": "Q", "color": first.color}
    assert "Neutrophil" in client.post(f"{address}/{first.id}", data=fields).text
    label = f"/p/{project.slug}"
    assert client.get(label + "/images").status_code == 200
    page = client.post(f"{address}/{first.id}/retire", data={"retired": "true"})
    assert "Offer again" in page.text
    with database.read() as session:
        kept = classes.by_id(session, project, first.id)
        assert (kept.second_name, kept.key, kept.retired) == ("Neutrophil", "", True)


def test_page__with_two_hundred_classes(client, database):
    with database.write() as session:
        project = factories.make_project(session, "many", [f"種 {number}" for number in range(200)])
    page = client.get(f"/p/{project.slug}/classes")
    assert page.text.count('class="card class-row') == 200

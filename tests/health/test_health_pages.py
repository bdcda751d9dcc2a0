"""The health page: what a check found, the buttons, and taking them back."""

import re

import pytest
import sqlalchemy as sa
from PIL.Image import Transpose

from app.db.health_models import HealthFinding, HealthMember, ImageFact
from app.db.models import Project
from app.domain.enums import LabelSource
from app.domain.findings import Topic
from app.domain.recipe import Recipe
from app.services import grouping, health, health_check, labels
from tests.health.pictures import photo, saved
from tests.train.pages import form_of

TITLE = re.compile(r"<h3><a href=\"[^\"]*/health/(\w+)\">[^<]+</a>\s*<span class=\"badge \w+\">(\d+)</span>")


def counts(client, project) -> dict[str, int]:
    page = client.get(f"/p/{project.slug}/health").text
    return {topic: int(count) for topic, count in TITLE.findall(page)}


def press(client, project, topic, do):
    answer = client.post(f"/p/{project.slug}/health/{topic}", data={"do": do})
    assert answer.status_code == 200
    return answer.text


def undo(client, project, page):
    value = re.search(r'name="undo" value="(\w+)"', page)
    assert value is not None
    topic = re.search(r'name="topic" value="(\w*)"', page)
    assert topic is not None
    return client.post(f"/p/{project.slug}/health/undo", data={"undo": value[1], "topic": topic[1]}).text


def finding(database, project, topic) -> int:
    with database.read() as session:
        return health.ids(session, project.id, Topic(topic))[0]


def test_train__says_before_the_start_that_copies_may_be_learned_from_and_checked_with(client, planted):
    project = planted.project()
    planted.check(project)
    for group_by, there in (("none", 1), ("copies", 0)):
        page = client.get(f"/p/{project.slug}/train", params=form_of(Recipe(group_by=group_by))).text
        assert page.count("2 pictures have copies that may be learned from and checked with") == there


def test_check__finds_what_was_planted(client, database, planted):
    project = planted.project()
    assert "have not been checked yet" in client.get(f"/p/{project.slug}/health").text
    planted.check(project)
    assert counts(client, project) == {"conflicts": 1, "leaks": 1, "folds": 2, "copies": 3, "dark": 1, "plain": 1}
    page = client.get(f"/p/{project.slug}/health").text
    # Three groups of copies, a dark and an empty picture, a class without test images, and one test image in all.
    assert "7 findings are open, 2 of them serious." in page
    assert '/splits#test"' in page
    assert '/train#f-class_balance"' in page
    assert 'id="f-class_balance"' in client.get(f"/p/{project.slug}/train").text
    page = client.get(f"/p/{project.slug}/health/conflicts").text
    assert "000.png" in page
    assert "040.png" in page


def test_conflict__one_label_for_all_and_back(client, database, planted):
    project = planted.project()
    planted.check(project)
    dogs = next(item.id for item in project.classes if item.name == "犬")
    page = press(client, project, "conflicts", f"relabel:{finding(database, project, 'conflicts')}:{dogs}")
    assert "1 label was changed" in page
    assert "No picture has two labels" in page
    assert planted.image(project, 0).class_id == dogs
    page = undo(client, project, page)
    assert "Taken back" in page
    assert "040.png" in page
    assert planted.image(project, 0).class_id != dogs


def test_leak__moves_the_group_to_one_side_and_back(client, database, planted):
    project = planted.project()
    planted.check(project)
    for act, splits in (("test", {"test"}), ("train", {None})):
        page = press(client, project, "leaks", f"{act}:{finding(database, project, 'leaks')}")
        assert "1 image was moved" in page
        assert {planted.image(project, 1).split, planted.image(project, 41).split} == splits
        assert "leaks" not in counts(client, project)
        undo(client, project, page)
        assert (planted.image(project, 1).split, planted.image(project, 41).split) == (None, "test")
        assert planted.image(project, 41).split_source == "folder"
    history = client.get(f"/p/{project.slug}/history").text
    assert "health page" in history
    assert "Training" in history or "No split yet" in history


def test_copies__all_but_the_best_are_excluded_and_back(client, database, planted):
    project = planted.project()
    planted.check(project)
    page = press(client, project, "copies", "thin:all")
    assert "3 images were excluded" in page
    # The labelled and larger one stays; the copy in the test set stays, so that results can be compared.
    states = [planted.image(project, place).state for place in (0, 40, 1, 41, 2, 42)]
    assert states == ["active", "excluded", "excluded", "active", "active", "excluded"]
    assert planted.image(project, 42).reason == "duplicate"
    assert counts(client, project) == {"dark": 1, "plain": 1}
    undo(client, project, page)
    assert counts(client, project)["copies"] == 3


def test_keep__is_remembered_by_the_next_check_and_can_be_taken_back(client, database, planted):
    project = planted.project()
    planted.check(project)
    page = press(client, project, "dark", f"keep:{finding(database, project, 'dark')}")
    assert "1 finding is kept as it is" in page
    planted.check(project)
    assert "dark" not in counts(client, project)
    assert "1 is kept as it is" in client.get(f"/p/{project.slug}/health/dark").text
    assert "043.png" in client.get(f"/p/{project.slug}/health/dark?kept=1").text
    undo(client, project, page)
    assert counts(client, project)["dark"] == 1


def test_single__is_excluded(client, database, planted):
    project = planted.project()
    planted.check(project)
    page = press(client, project, "plain", f"exclude:{finding(database, project, 'plain')}")
    assert "Every picture shows something" in page
    assert planted.image(project, 44).state == "excluded"


def test_buttons__what_is_no_button_is_refused(client, project):
    for do in ("", "exclude", "exclude:", "burn:1", "exclude:x", "relabel:1:²", "exclude:99999"):
        answer = client.post(f"/p/{project.slug}/health/dark", data={"do": do})
        assert answer.status_code == 422, do
    assert client.get(f"/p/{project.slug}/health/nothing").status_code == 404
    assert client.get(f"/p/{project.slug}/health/properties/nothing").status_code == 404
    assert client.post(f"/p/{project.slug}/health/undo", data={"undo": "x"}).status_code == 422


def test_outlier__that_looks_like_another_class_can_be_given_to_it(client, database, planted):
    project = planted.project()
    cats, dogs = (next(item.id for item in project.classes if item.name == name) for name in ("猫", "犬"))
    with database.write() as session:
        odd = HealthFinding(
            project_id=project.id,
            kind="outlier",
            signature="1",
            score=5.0,
            params={"value": 5.0, "looks_like": dogs},
        )
        session.add(odd)
        session.flush()
        session.add(HealthMember(finding_id=odd.id, image_id=planted.image(project, 3).id))
    page = client.get(f"/p/{project.slug}/health/outlier").text
    assert "looks like 犬" in page
    page = press(client, project, "outlier", f"relabel:{odd.id}:{dogs}")
    assert "1 label was changed" in page
    assert planted.image(project, 3).class_id == dogs
    undo(client, project, page)
    assert planted.image(project, 3).class_id == cats


def test_property__that_gives_the_class_away_has_a_page_and_can_be_kept(client, made):
    for number in range(60):
        cat = number < 30
        source = "zeiss" if (number % 10 == 0) != cat else "leica"
        made.add(saved(photo(number, 48)), "猫" if cat else "犬", path=f"{source}_{number}.png")
    project = made.project()
    made.check(project)
    page = client.get(f"/p/{project.slug}/health").text
    assert "gives the class away" in page
    assert "2 findings are open, 1 of them serious." in page  # that, and there is no test set
    assert "Split by source or group" in page
    page = client.get(f"/p/{project.slug}/health/properties/prefix").text
    assert "leica" in page
    assert page.count("<img") >= 8
    page = client.post(f"/p/{project.slug}/health/properties/prefix", data={"do": "keep"}).text
    assert "Show it again" in page
    made.check(project)
    assert "kept as it is" in client.get(f"/p/{project.slug}/health").text
    client.post(f"/p/{project.slug}/health/properties/prefix", data={"do": "unkeep"})
    assert "gives the class away" in client.get(f"/p/{project.slug}/health").text


@pytest.mark.slow
def test_worker__checks_measures_only_new_pictures_and_finds_turned_ones(client, database, planted):
    planted.add(saved(photo(5).transpose(Transpose.FLIP_LEFT_RIGHT), 90), "猫")
    project = planted.project()
    planted.check_by_worker(project)
    assert counts(client, project)["copies"] == 3
    with database.write() as session:
        session.execute(sa.update(ImageFact).values(brightness=0.5))
    planted.check_by_worker(project, turned=True)  # all facts are there: nothing is measured again
    with database.read() as session:
        assert set(session.scalars(sa.select(ImageFact.brightness))) == {0.5}
    assert counts(client, project)["copies"] == 4


def test_empty_project__has_nothing_to_check_and_a_check_does_no_harm(client, made, project):
    page = client.get(f"/p/{project.slug}/health").text
    assert "nothing to check" in page
    assert "health-open" not in page
    assert "check-state" not in page, "an empty card"
    made.check(project)
    assert client.get(f"/p/{project.slug}/health").status_code == 200
    assert "No run is finished yet" in client.get(f"/p/{project.slug}/health/runs").text


def test_request__a_check_that_waits_is_enough(database, project):
    with database.write() as session:
        first = health_check.request(session, project.id)
        again = health_check.request(session, project.id, turned=True)
        assert (first.id, again.spec["turned"]) == (again.id, True)


def test_findings__that_were_mended_elsewhere_are_gone(client, database, planted):
    project = planted.project()
    planted.check(project)
    with database.write() as session:
        classes = {item.name: item.id for item in project.classes}
        change = [labels.LabelChange(planted.image(project, 40).id, classes["猫"], None)]
        labels.assign(session, project.id, change, source=LabelSource.GALLERY, actor="t", request_id="elsewhere")
    assert "conflicts" not in counts(client, project)
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(HealthFinding).where(HealthFinding.found)) >= 5


def test_check__nobody_waits_while_groups_of_all_images_are_looked_for(made, database, monkeypatch):
    for number in range(2):
        made.add(saved(photo(number)), "猫")
    project, look = made.project(), grouping.others

    def others(session, project_id):
        with database.write() as writing:  # would wait for a check that writes already, and give up
            writing.execute(sa.update(Project).values(description="labelled meanwhile"))
        return look(session, project_id)

    monkeypatch.setattr(grouping, "others", others)
    made.check_by_worker(project)
    with database.read() as session:
        assert "groups" in health_check.of_project(session, project.id).results

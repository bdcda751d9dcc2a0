"""The page that compares runs: verdicts, warnings, flips, what it says when it cannot say anything."""

import re

import pytest
import sqlalchemy as sa

from app.db.models import Image, LabelClass
from app.db.run_models import Prediction, Run, RunClass, RunItem
from app.domain.enums import JobState, LabelSource, PredictionRole
from app.services import answers, compare, labels, runs
from app.services.compare import Judge
from app.services.labels import LabelChange
from tests.inspect import factory as inspected

PAGE = "/p/blood/compare"
pytestmark = pytest.mark.usefixtures("compared")


def text(answer):
    assert answer.status_code == 200, answer.text[:500]
    plain = re.sub(r"<script.*?</script>", "", answer.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", plain))


def load(database, *numbers, judge=Judge.SEEN, role=PredictionRole.TEST):
    with database.read() as session:
        found = [runs.by_number(session, 1, number) for number in numbers]
        return compare.load(session, answers.Kept(), found, role, judge)


def relabel(database, image_id, class_id):
    with database.write() as session:
        change = LabelChange(image_id, class_id, None)
        labels.assign(
            session, 1, [change], source=LabelSource.REVIEW, actor="test", request_id=f"r{image_id}-{class_id}"
        )


def judged(database):
    with database.read() as session:
        query = sa.select(RunItem.image_id).where(RunItem.run_id == 1, RunItem.split == "test")
        return list(session.scalars(query.order_by(RunItem.image_id)))


def test_verdict__eight_against_one_is_proven(client):
    shown = text(client.get(f"{PAGE}?runs=1,2"))
    assert "Run 2 is better than run 1: 29.2 points." in shown
    assert "Of 24 common pictures run 1 has 14 right, run 2 has 21; 8 became right and 1 became wrong." in shown
    assert "0.039" in shown
    assert "This test set was looked at 4 times." in shown


def test_verdict__swapped_it_is_worse(client):
    assert "Run 1 is worse than run 2: 29.2 points." in text(client.get(f"{PAGE}?runs=2,1"))


def test_verdict__one_picture_is_no_proof(client):
    shown = text(client.get(f"{PAGE}?runs=1,3"))
    assert "No proven difference; these pictures" in shown
    assert "A difference can only be proven when at least 6 pictures change side." in shown


def test_three_runs__p_values_are_adjusted_and_flips_can_be_chosen(client):
    answer = client.get(f"{PAGE}?runs=1,2,3&other=2")
    shown = text(answer)
    assert "adjusted for 2 comparisons (Holm)" in shown
    assert "0.078" in shown  # twice 0.039: not proven any more
    assert "Run 2 is better" not in shown
    assert 'data-kind="gained"' in answer.text
    assert re.search(r"wrong → right\s+8", shown)
    assert "Recall of every class" in shown
    row = "単球 8 62.5% said 8 times 100.0% +37.5 said 10 times 62.5% ±0.0 said 9 times"
    assert row in shown


def test_flips__each_kind_lists_its_pictures(client):
    counts = {"changed": 9, "gained": 8, "lost": 1, "wrong": 2, "right": 13, "all": 24}
    for show, count in counts.items():
        page = client.get(f"{PAGE}?runs=1,2&show={show}").text
        assert len(re.findall(r'class="tile flip-', page)) == count


def test_flips__of_one_class(client):
    page = client.get(f"{PAGE}?runs=1,2&show=gained&class=2").text
    assert len(re.findall(r'class="tile flip-gained', page)) == 2  # places 4 and 7
    assert re.search(r'data-kind="gained"[^>]*>[^<]*<strong>2<', page)


def test_selected__shows_both_answers_and_only_that_as_a_part(client):
    page = client.get(f"{PAGE}?runs=1,2&show=lost&part=selected", headers={"HX-Request": "true"})
    assert page.text.count('class="compare-side"') == 2
    assert "<html" not in page.text
    assert page.text.count("badge good") == 1
    assert page.text.count("badge bad") == 1


def test_settings__only_what_differs(client):
    page = text(client.get(f"{PAGE}?runs=1,2"))
    assert "Epochs at most" in page
    assert "Picture size" not in page


def test_one_run__is_compared_with_the_one_before(client):
    answer = client.get(f"{PAGE}?runs=2", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?runs=1%2C2")


def test_choose__without_enough_runs(client):
    for query in ("", "?runs=1", "?runs=x", "?runs=0"):
        assert "Choose two to 6 finished runs." in text(client.get(PAGE + query))
    assert re.findall(r'value="(\d)" checked', client.get(f"{PAGE}?runs=1").text) == ["1"]


def test_choose__unknown_run_is_not_found(client):
    assert client.get(f"{PAGE}?runs=1,99").status_code == 404


def test_garbage__means_the_usual(client):
    wrong = "on=x&by=x&other=9&show=x&class=99&labels=x&at=999999&page=77"
    assert "Run 2 is better" in text(client.get(f"{PAGE}?runs=1,2,2,x&{wrong}"))
    assert "Run 2 is better" in text(client.get(f"{PAGE}?runs=1&runs=2&class=0&page=0&other=1&on=fold"))


def test_folds__pooled_out_of_fold_pairs(client):
    shown = text(client.get(f"{PAGE}?runs=1,4&on=validation"))
    assert "These runs were judged on different pictures." in shown
    assert "a t-test over folds is not offered" in shown
    assert "looked at" not in shown


def test_test_sets__that_differ_are_a_loud_warning(client, database):
    with database.write() as session:
        gone = sa.select(RunItem.id).where(RunItem.run_id == 2, RunItem.image_id.in_(judged(database)[:4]))
        session.execute(sa.delete(Prediction).where(Prediction.item_id.in_(gone)))
    answer = client.get(f"{PAGE}?runs=1,2")
    assert 'role="alert"' in answer.text
    assert "Run 1: 24. Run 2: 20. Only the 20 pictures that all of them were judged on are compared" in text(answer)
    assert len(load(database, 1, 2).images) == 20


def test_test_sets__without_a_common_picture(client, database):
    with database.write() as session:
        half = judged(database)[:12]
        for run_id, images in ((1, half), (2, judged(database)[12:])):
            gone = sa.select(RunItem.id).where(RunItem.run_id == run_id, RunItem.image_id.in_(images))
            session.execute(sa.delete(Prediction).where(Prediction.item_id.in_(gone)))
    assert "The runs have no picture in common, so nothing can be said." in text(client.get(f"{PAGE}?runs=1,2"))


def test_single_picture__cannot_show_anything(client, database):
    with database.write() as session:
        rest = sa.select(RunItem.id).where(RunItem.image_id.in_(judged(database)[1:]))
        session.execute(sa.delete(Prediction).where(Prediction.item_id.in_(rest)))
    shown = text(client.get(f"{PAGE}?runs=1,2"))
    assert "No proven difference; these pictures are too few to show any." in shown


def test_class_sets__that_differ_are_said_and_left_out(client, database):
    with database.write() as session:
        items = sa.select(RunItem.id).where(RunItem.run_id == 2, RunItem.label == 2)
        session.execute(sa.update(Prediction).where(Prediction.item_id.in_(items)).values(predicted=0))
        fourth = LabelClass(project_id=1, name="新しい", name_key="新しい", color="#111111", key="4", position=3)
        session.add(fourth)
        session.flush()
        session.execute(
            sa.update(RunClass).where(RunClass.run_id == 2, RunClass.position == 2)
            .values(class_id=fourth.id, name="新しい")
        )  # fmt: skip
    shown = text(client.get(f"{PAGE}?runs=1,2"))
    assert "These runs know different classes: “新しい” is unknown to run 1; “単球” is unknown to run 2." in shown
    assert "8 pictures of such classes were left out" in shown
    assert len(load(database, 1, 2).images) == 16


def test_retired_class__is_named(client, database):
    with database.write() as session:
        session.execute(sa.update(LabelClass).where(LabelClass.id == 1).values(retired=True))
    assert "Retired since these runs: “好中球”." in text(client.get(f"{PAGE}?runs=1,2"))


def test_corrected_labels__recount_stands_beside_the_original(client, database):
    image = judged(database)[10]  # run 2 is wrong there: it says class 3 of a picture of class 2
    relabel(database, image, 3)
    found = load(database, 1, 2)
    assert [(side.original.correct, side.today.correct, side.relabelled) for side in found.sides] == [
        (14, 13, 1),
        (21, 22, 1),
    ]
    assert (found.sides[1].common.correct, load(database, 1, 2, judge=Judge.NOW).sides[1].common.correct) == (21, 22)
    shown = text(client.get(f"{PAGE}?runs=1,2"))
    assert "Count again with the labels of today" in shown
    assert "22 of 24 · 1 label changed" in shown
    assert "Counted again with the labels of today." in text(client.get(f"{PAGE}?runs=1,2&by=now"))


def test_corrected_labels__a_picture_without_label_is_left_out(client, database):
    relabel(database, judged(database)[0], None)
    shown = text(client.get(f"{PAGE}?runs=1,2&by=now"))
    assert "1 picture has no label today and was left out." in shown
    assert load(database, 1, 2, judge=Judge.NOW).sides[0].today.total == 23


def test_retrained__effect_is_split_into_changed_and_unchanged_pictures(client, database):
    with database.write() as session:
        image = judged(database)[10]
        session.execute(sa.update(RunItem).where(RunItem.run_id == 2, RunItem.image_id == image).values(label=2))
    shown = text(client.get(f"{PAGE}?runs=1,2"))
    assert "Runs 1 and 2 saw different labels on 1 of these pictures." in shown
    assert "This run was told" in client.get(f"{PAGE}?runs=1,2&labels=changed&show=all").text
    page = client.get(f"{PAGE}?runs=1,2&labels=changed&show=all").text
    assert len(re.findall(r'class="tile flip-', page)) == 1


def test_excluded_picture__stays_and_is_marked(client, database):
    image = judged(database)[10]
    with database.write() as session:
        session.execute(sa.update(Image).where(Image.id == image).values(state="excluded"))
    assert "excluded today" in client.get(f"{PAGE}?runs=1,2&show=lost").text


def test_runs__that_did_not_end_have_no_answers(client, database, store):
    with database.write() as session:
        made = inspected.known(session)
        inspected.run(session, store, made, folds=0, state=JobState.FAILED)
    assert "These runs have no answers of the same kind" in text(client.get(f"{PAGE}?runs=1,5"))
    assert client.get("/p/blood/runs").status_code == 200


def test_empty_project__says_what_is_needed(client, database):
    with database.write() as session:
        session.execute(sa.delete(Prediction))
        ids = list(session.scalars(sa.select(Run.job_id)))
        session.execute(sa.text(f"UPDATE job SET state = 'failed' WHERE id IN ({','.join(map(str, ids))})"))
    assert "Two finished runs are needed for a comparison." in text(client.get(PAGE))


def test_japanese__every_sentence(client):
    shown = text(client.get(f"{PAGE}?runs=1,2", headers={"Accept-Language": "ja"}))
    assert "学習 2 は学習 1 より 29.2 ポイント優れています。" in shown
    assert "8 枚が正解に、1 枚が不正解に変わりました。" in shown


def test_report__is_one_file_that_needs_nothing_else(client):
    answer = client.get(f"{PAGE}/report.html?runs=1,2")
    assert answer.headers["content-disposition"].startswith('attachment; filename="blood-runs-1-2.html"')
    html = answer.text
    assert "Run 2 is better than run 1: 29.2 points." in text(answer)
    assert html.count('src="data:image/') >= 9
    assert "polyline" in html
    assert "<details open>" in html
    assert not re.search(r"<script|<link|<a |(?:src|href)=\"(?!data:image/)|url\((?!#)|@import", html)
    assert 'lang="ja"' in client.get(f"{PAGE}/report.html?runs=1,2&lang=ja").text


def test_report__has_heat_maps_and_the_recipe(client):
    html = client.get(f"{PAGE}/report.html?runs=1,4&on=validation").text
    assert html.count("Heat map for") >= 1
    assert '"patience": ' in html


def test_report__of_runs_that_cannot_be_compared_is_not_found(client):
    for query in ("", "?runs=1", "?runs=1,77"):
        assert client.get(f"{PAGE}/report.html{query}").status_code == 404


def test_entry__list_of_runs_and_page_of_a_run_lead_here(client):
    page = client.get("/p/blood/runs").text
    assert re.findall(r'form="compare-form" name="runs" value="(\d)"', page) == ["4", "3", "2", "1"]
    assert f'href="{PAGE}?runs=2"' in client.get("/p/blood/runs/2").text
    assert f'href="{PAGE}?runs=1"' not in client.get("/p/blood/runs/1").text
    ticked = client.get(f"{PAGE}?runs=2&runs=1")
    assert "Run 2 is better than run 1" in text(ticked)  # the older one is what the other is compared with


def test_six_runs__each_has_a_colour_and_a_seventh_is_too_many(client, database, store):
    with database.write() as session:
        made = inspected.known(session)
        for _ in range(3):
            inspected.run(session, store, made, folds=0)
    page = client.get(f"{PAGE}?runs=1,2,3,4,5,6")
    assert 'class="run-mark run-5"' in page.text
    assert "adjusted for 5 comparisons (Holm)" in text(page)
    assert "Choose two to 6 finished runs." in text(client.get(f"{PAGE}?runs=1,2,3,4,5,6,7"))

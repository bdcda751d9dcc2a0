"""The list of projects, the overview, and the services behind them."""

import pytest
import sqlalchemy as sa

from app.db.models import Image, Project
from app.domain.enums import ImageState, Split
from app.domain.errors import Invalid, NotFound
from app.services import projects
from tests import factories


def test_projects__empty_list_offers_samples_and_a_form(client):
    page = client.get("/")
    assert page.status_code == 200
    assert 'action="/samples/cells"' in page.text
    assert 'action="/samples/digits"' in page.text
    assert 'action="/projects"' in page.text


def test_projects__create_leads_to_the_overview(client):
    answer = client.post("/projects", data={"name": "血液 2026", "description": "塗抹"}, follow_redirects=False)
    assert answer.status_code == 303
    page = client.get(answer.headers["location"])
    assert page.status_code == 200
    assert "<title>Overview · 血液 2026 · Miwake</title>" in page.text
    assert 'href="/p/%E8%A1%80%E6%B6%B2-2026/import"' in page.text


def test_projects__empty_name_keeps_what_was_typed(client):
    page = client.post("/projects", data={"name": " \u200b ", "description": "half a page of notes"})
    assert page.status_code == 422
    assert "A project needs a name" in page.text
    assert "half a page of notes" in page.text
    assert "No projects" not in page.text


def test_projects__reading_the_address_of_a_refused_form_leads_back(client):
    assert client.get("/projects", follow_redirects=False).headers["location"] == "/"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Blood cells", "blood-cells"),
        ("血液", "血液"),
        ("カ\u3099ラス", "ガラス"),  # decomposed, as macOS writes it
        ("ｶﾞﾗｽ　標本", "ガラス-標本"),
        ("a/b\\c..d?e#f%g", "a-b-c-d-e-f-g"),
        ("../../etc/passwd", "etc-passwd"),
        ("🧫🧬", "project"),
        ("Größe İ", "grösse-i̇"),
        ("\u202eevil", "evil"),
        ("...", "project"),
    ],
)
def test_slug_of__is_readable_and_safe(name, slug):
    assert projects.slug_of(projects.clean_name(name)) == slug


def test_slug_of__long_names_fit_the_column():
    assert len(projects.slug_of("あ" * 200)) <= projects.MAX_SLUG


def test_create__same_name_gets_a_number(any_database):
    with any_database.write() as session:
        slugs = [projects.create(session, name="血液_100%").slug for _ in range(3)]
        other = projects.create(session, name="血液").slug
    assert slugs == ["血液-100", "血液-100-2", "血液-100-3"]
    assert other == "血液"


def test_create__too_long_is_refused(database):
    with database.write() as session, pytest.raises(Invalid) as caught:
        projects.create(session, name="x" * 201)
    assert caught.value.code == "name_too_long"


def test_by_slug__decomposed_address_finds_the_project(any_database):
    with any_database.write() as session:
        made = projects.create(session, name="ガラス")
    with any_database.read() as session:
        assert projects.by_slug(session, "カ\u3099ラス").id == made.id
        with pytest.raises(NotFound):
            projects.by_slug(session, "ガラ")


def test_summaries__counts_and_pictures(any_database, store):
    with any_database.write() as session:
        project = factories.make_project(session)
        factories.add_images(session, store, project, 5, label_class=project.classes[0], split=Split.TEST)
        factories.add_images(session, store, project, 3, first=5)
        session.execute(sa.update(Image).where(Image.path.contains("0007")).values(state=ImageState.EXCLUDED))
        empty = factories.make_project(session, "empty", [])
    with any_database.read() as session:
        newest, oldest = projects.summaries(session)
    assert newest.project.id == empty.id
    assert (newest.counts.total, newest.thumbnails, newest.classes) == (0, (), 0)
    assert oldest.counts == projects.ImageCounts(total=7, labelled=5, test=5, excluded=1)
    assert oldest.counts.labelled_share == pytest.approx(5 / 7)
    assert oldest.classes == 3
    assert len(oldest.thumbnails) == 4


def test_summaries__number_of_queries_does_not_grow(database):
    def queries(count):
        with database.write() as session:
            for number in range(count):
                factories.make_project(session, f"p{number}")
        seen = []
        with database.read() as session:
            sa.event.listen(database.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
            projects.summaries(session)
        return len(seen)

    assert queries(2) > 0
    first = queries(1)
    assert queries(20) <= first * 2  # each call of queries() leaves its listener behind, so a query counts twice


def test_overview__one_primary_button_for_the_next_step(client, database, store, project):
    def primary():
        page = client.get(f"/p/{project.slug}").text
        assert page.count("button primary") == 1
        return page.split('class="button primary"')[1].split("</a>")[0]

    assert "Import images" in primary()
    with database.write() as session:
        factories.add_images(session, store, project, 4)
    assert "Label images" in primary()
    with database.write() as session:
        session.execute(sa.update(Image).values(class_id=project.classes[0].id))
    assert "Choose test images" in primary()
    with database.write() as session:
        session.execute(sa.update(Image).where(Image.path.contains("0001")).values(split=Split.TEST))
    assert "Train a classifier" in primary()


def test_overview__unknown_project_is_a_page(client):
    page = client.get("/p/nothing")
    assert page.status_code == 404
    assert "There is no project “nothing”." in page.text


def test_project__is_not_counted_into_another(any_database, store):
    with any_database.write() as session:
        one, other = factories.make_project(session, "one"), factories.make_project(session, "other")
        factories.add_images(session, store, one, 2)
    with any_database.read() as session:
        assert projects.image_counts(session, other) == {}
        assert projects.image_counts(session)[one.id].total == 2
        assert session.scalar(sa.select(sa.func.count()).select_from(Project)) == 2

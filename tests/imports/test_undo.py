"""An import is taken back as a whole."""

import uuid

import pytest
import sqlalchemy as sa

from app.db.base import Base
from app.db.models import ChangeSet, Image, ImportBatch, ImportEntry, LabelClass, LabelEvent, Project
from app.db.run_models import RunItem
from app.domain.enums import Field, LabelSource
from app.domain.errors import Conflict
from app.domain.recipe import Recipe
from app.services import (
    class_acts,
    classes,
    import_lists,
    import_records,
    import_undo,
    imports,
    labels,
    marks,
    references,
    runs,
    split_draws,
)
from app.services.import_undo import Reach, TakenBack
from tests.imports.pages import begin as begin_page
from tests.imports.pages import rows as page_rows
from tests.imports.pictures import picture
from tests.imports.services import add, another, begin, rows

WHO = {"reason": "import 1 was taken back", "actor": "tester"}


def imported(tools, files, import_id):
    add(tools, import_id, files)
    with tools.database.write() as session:
        imports.finish(session, import_id)


def take_back(tools, import_id, *, everything=False, request_id="request-1"):
    with tools.database.write() as session:
        return import_undo.take_back(session, import_id, everything=everything, request_id=request_id, **WHO)


def relabel(tools, project_id, path, class_name):
    with tools.database.write() as session:
        image = session.scalars(sa.select(Image).where(Image.path == path)).one()
        wanted = session.scalars(sa.select(Image.class_id).where(Image.path == class_name)).one()
        change = labels.LabelChange(image.id, wanted)
        labels.assign(
            session, project_id, [change], source=LabelSource.GALLERY, actor="tester", request_id=f"change {path}"
        )


def paths(tools):
    return {path: state for path, state in rows(tools, sa.select(Image.path, Image.state))}  # noqa: C416


def test_untouched__go_and_what_others_brought_stays(any_tools):
    project_id, first = begin(any_tools)
    imported(any_tools, {"cat/1.png": picture(1), "dog/2.png": picture(2), "cat/3.png": picture(3)}, first)
    second = another(any_tools, project_id)
    imported(any_tools, {"cat/1 again.png": picture(1), "cat/4.png": picture(4)}, second)
    relabel(any_tools, project_id, "cat/3.png", "dog/2.png")
    with any_tools.database.read() as session:
        assert import_undo.reach(session, first) == Reach(fresh=2, touched=1)
    assert take_back(any_tools, first) == TakenBack(removed=2, excluded=0, kept=1)
    assert paths(any_tools) == {"cat/3.png": "active", "cat/4.png": "active"}
    assert rows(any_tools, sa.select(ImportEntry.image_id).where(ImportEntry.path == "cat/1 again.png")) == [(None,)]
    line = rows(any_tools, sa.select(ChangeSet.image_count).where(ChangeSet.field == "import"))
    assert line == [(2,)]
    again = another(any_tools, project_id)
    assert add(any_tools, again, {"cat/1.png": picture(1)})[0].verdict == "new"


def test_everything__touched_ones_go_as_well(tools):
    project_id, first = begin(tools)
    imported(tools, {"cat/1.png": picture(1), "dog/2.png": picture(2)}, first)
    relabel(tools, project_id, "cat/1.png", "dog/2.png")
    assert take_back(tools, first, everything=True) == TakenBack(removed=2, excluded=0, kept=0)
    assert rows(tools, sa.select(LabelEvent.id)) == []
    with tools.database.read() as session:
        assert references.kept(session) == set()  # the next cleaning of the store removes their files


def test_draws__are_no_work_of_a_person_on_an_image(tools):
    project_id, first = begin(tools)
    imported(tools, {f"cat/{number}.png": picture(number) for number in range(6)}, first)
    who: marks.Who = {"source": LabelSource.SPLITS, "actor": "tester", "request_id": "draw"}
    with tools.database.write() as session:
        split_draws.draw_training(session, project_id, split_draws.Amount(per_class=2), **who)
    assert list(paths(tools).values()).count("excluded") == 4
    with tools.database.read() as session:
        assert import_undo.reach(session, first) == Reach(fresh=6)
    for act in (labels.undo, labels.redo, labels.undo):  # nor is to take a draw back, and so on
        with tools.database.write() as session:
            drawn = sa.select(ChangeSet.id).where(ChangeSet.source == LabelSource.SPLITS)
            act(session, project_id, session.scalar(drawn), actor="tester", request_id=uuid.uuid4().hex)
        with tools.database.read() as session:
            assert import_undo.reach(session, first) == Reach(fresh=6)
    by_hand: marks.Who = {"source": LabelSource.GALLERY, "actor": "tester", "request_id": "hand"}
    with tools.database.write() as session:
        marks.put_each(session, project_id, [1], marks.Mark(Field.UNSURE, ""), **by_hand)
        labels.undo(session, project_id, actor="tester", request_id="back")
    with tools.database.read() as session:
        assert import_undo.reach(session, first) == Reach(fresh=5, touched=1)
    assert take_back(tools, first, everything=True) == TakenBack(removed=6, excluded=0, kept=0)


def test_runs__keep_their_rows_and_pictures(tools):
    project_id, first = begin(tools)
    numbers = [(name, number) for name in "ab" for number in range(6)]
    files = {f"{name}/{number}.png": picture(seed) for seed, (name, number) in enumerate(numbers)}
    imported(tools, files, first)
    with tools.database.write() as session:
        project = session.get_one(Project, project_id)
        runs.create(session, project, Recipe(), name="", actor="tester")
    frozen = rows(tools, sa.select(RunItem.image_id, RunItem.canonical_sha256))
    assert take_back(tools, first) == TakenBack(removed=0, excluded=0, kept=12)
    assert take_back(tools, first, everything=True, request_id="request-2") == TakenBack(0, 12, 0)
    assert set(paths(tools).values()) == {"excluded"}
    assert rows(tools, sa.select(RunItem.image_id, RunItem.canonical_sha256)) == frozen


def test_repeated__request_changes_nothing(tools):
    _, first = begin(tools)
    imported(tools, {"cat/1.png": picture(1)}, first)
    assert take_back(tools, first) == take_back(tools, first) == TakenBack(1, 0, 0)


def test_running__import_is_not_taken_back(tools):
    _, first = begin(tools)
    add(tools, first, {"cat/1.png": picture(1)})
    with pytest.raises(Conflict):
        take_back(tools, first)
    assert len(paths(tools)) == 1


def test_page__names_the_counts_and_history_has_a_line(client, place, database):
    urls = begin_page(client, place, total=1)
    files = [("files", ("1.png", picture(1), "image/png"))]
    client.post(urls["files"], files=files)
    client.post(urls["finish"])
    page = client.get(urls["report"]).text
    assert "1 picture that nobody has touched since" in page
    answer = client.post(urls["undo"], data={"request_id": "undo-12345678"}, follow_redirects=False)
    assert answer.status_code == 303
    assert "removed pictures: 1" in client.get(urls["report"]).text
    history = client.get(f"/p/{place}/history").text
    assert "their import was taken back" in history
    assert "<td>1 image</td>" in history
    japanese = client.get(f"/p/{place}/history", headers={"Accept-Language": "ja"}).text
    assert "<td>1 枚</td>" in japanese
    (line,) = page_rows(database, sa.select(ChangeSet.id).where(ChangeSet.field == "import"))
    refused = client.post(f"/p/{place}/history/{line[0]}", data={"request_id": "undo-87654321"})
    assert refused.status_code == 409
    with database.read() as session:
        assert session.scalars(sa.select(ImportBatch)).one().options["undone"]["removed"] == 1


def test_tables__that_refer_to_images_are_all_dealt_with():
    """A new one belongs into ``import_undo``: removed with the image, or a reason to keep it."""
    keys = [key for table in Base.metadata.sorted_tables for key in table.foreign_keys]
    known = {"data_item", "run_item", "opinion", "opinion_image", "image_fact", "health_member", "image_lease"}
    known |= {"label_event", "mark_event", "import_entry"}
    assert {key.parent.table.name for key in keys if key.target_fullname == "image.id"} == known


def test_tables__that_refer_to_classes_find_them_by_an_index():
    """Without one the database reads the whole table for each class that is deleted: ten seconds for a thousand."""
    tables = [table for table in Base.metadata.sorted_tables if table.name != "run_class"]  # a few rows for each run
    keys = [key.parent for table in tables for key in table.foreign_keys if key.target_fullname == "label_class.id"]
    assert len(keys) == 5
    for column in keys:
        assert column in [next(iter(index.columns)) for index in column.table.indexes]


def test_ids__of_removed_pictures_never_come_back(any_tools):
    project_id, first = begin(any_tools)
    imported(any_tools, {"cat/1.png": picture(1), "cat/2.png": picture(2)}, first)
    gone = {row[0] for row in rows(any_tools, sa.select(Image.id))}
    take_back(any_tools, first)
    imported(any_tools, {"dog/3.png": picture(3), "dog/4.png": picture(4)}, another(any_tools, project_id))
    came = [row[0] for row in rows(any_tools, sa.select(Image.id).order_by(Image.id))]
    assert len(came) == 2
    assert min(came) > max(gone)


def test_classes__that_only_the_import_brought_go_with_it(any_tools):
    project_id, first = begin(any_tools)
    imported(any_tools, {"cat/1.png": picture(1)}, first)
    second = another(any_tools, project_id)
    imported(any_tools, {"cat/2.png": picture(2), "dog/3.png": picture(3), "owl/4.png": picture(4)}, second)
    with any_tools.database.write() as session:
        project = session.get_one(Project, project_id)
        owl = session.scalars(sa.select(LabelClass.id).where(LabelClass.name == "owl")).one()
        class_acts.edit(session, project, owl, {"name": "owls"}, actor="tester", request_id="rename")
    take_back(any_tools, second)
    names = sa.select(LabelClass.name).order_by(LabelClass.id)
    assert rows(any_tools, names) == [("cat",), ("owls",)]  # somebody made the owls their own


def test_classes__of_another_import_stay_and_a_new_order_is_no_change(any_tools):
    project_id, first = begin(any_tools)
    second = another(any_tools, project_id)  # both are open at the same time
    described = b'{"classes": [{"name": "blast"}, {"name": "cat"}]}'
    import_lists.keep_inside(any_tools.database, any_tools.store, second, described, "dataset.json")
    imported(any_tools, {"cat/1.png": picture(1), "dog/2.png": picture(2), "owl/3.png": picture(3)}, first)
    with any_tools.database.write() as session:
        imports.finish(session, second)
        project = session.get_one(Project, project_id)
        owl = session.scalars(sa.select(LabelClass.id).where(LabelClass.name == "owl")).one()
        class_acts.move(session, project, owl, -3, actor="tester", request_id="drag")
    take_back(any_tools, first)
    names = sa.select(LabelClass.name).order_by(LabelClass.id)
    assert rows(any_tools, names) == [("blast",), ("cat",)]
    take_back(any_tools, second, request_id="request-2")
    assert rows(any_tools, names) == []
    with any_tools.database.write() as session:
        added = classes.add(session, session.get_one(Project, project_id), "new")
        assert added.id > owl


def test_classes__of_a_thousand_folders_go_in_a_few_statements(tools):
    project_id, first = begin(tools)
    with tools.database.write() as session:
        names = [f"folder {number}" for number in range(1000)]
        made = [
            LabelClass(project_id=project_id, name=name, name_key=name, color="#000000", position=0) for name in names
        ]
        session.add_all(made)
        session.flush()
        import_records.remember_made(session.get_one(ImportBatch, first), [item.id for item in made])
        imports.finish(session, first)
    asked: list[str] = []
    sa.event.listen(tools.database.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    take_back(tools, first)
    assert rows(tools, sa.select(LabelClass.id)) == []
    assert len(asked) < 60

"""A project is deleted: hidden at once, removed to the last row and file, also after a kill in the middle."""

import itertools
import json
import os
import time
from datetime import timedelta
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from app.commands.line import main
from app.db.base import Base, utc_now
from app.db.diary_models import DiaryEntry
from app.db.feature_models import FeatureBlock, FeaturePlace, ProjectArray
from app.db.health_models import HealthCheck, HealthFinding, HealthMember, ImageFact
from app.db.models import ClassEvent, Image, ImageLease, ImportBatch, ImportEntry, LabelClass, Project, SavedView
from app.db.opinion_models import Opinion, OpinionImage, OpinionRound
from app.db.run_models import AnswerPack, Checkpoint, Job, Judgement, Run
from app.domain.enums import Field, JobKind, JobState, LabelSource, Lane
from app.domain.errors import Conflict, NotFound
from app.services import deletion, jobs, labels, marks, own_ids, projects, removal, stopping, versions
from app.services.gallery import ImageFilter
from tests import factories
from tests.chaos.record import only_full
from tests.inspect import factory
from tests.jobs import processes

OLD = time.time() - 3 * 86_400


def who(request_id) -> marks.Who:
    return {"source": LabelSource.GALLERY, "actor": "ken", "request_id": request_id}


def fill(database, store, name):
    """A project with rows in every table; all that are made here have one file in common."""
    with database.write() as session:
        made = factory.project(session, store, slug=name, train=4, test=2)
        run = factory.run(session, store, made, folds=2, epochs=2)
        project, image = made.project, made.train[0]
        own, shared = store.put(f"only {name}".encode()), store.put(b"of all")
        session.execute(sa.update(Image).where(Image.id == image.id).values(sha256=own, thumbnail_sha256=shared))
        for number, class_id in enumerate((made.classes[1].id, made.classes[0].id)):
            change = [labels.LabelChange(image.id, class_id)]
            labels.assign(session, project.id, change, **who(f"{number}"))
        chosen = ImageFilter(state=None, ids=(image.id,))
        done = marks.put(session, project.id, chosen, marks.Mark(Field.NOTE, "x"), **who("m"))
        versions.freeze(session, project.id, actor="ken")
        batch = ImportBatch(project_id=project.id, number=1, source="zip", name="z", finished=True, actor="ken")
        finding = HealthFinding(project_id=project.id, kind="copies", signature=name, score=1.0)
        opened = OpinionRound(project_id=project.id, number=1, people=2, actor="ken")
        session.add_all([batch, finding, opened])
        session.flush()
        facts = dict.fromkeys(("brightness", "contrast", "sharpness", "entropy", "colourfulness"), 0.5)
        session.add_all([
            ImportEntry(import_id=batch.id, path="a", verdict="new", image_id=image.id),
            ImageFact(image_id=image.id, method=1, pixels_sha256="0" * 64, sketch=b"", border_brightness=0.5,
                      border_contrast=0.5, **facts),
            HealthMember(finding_id=finding.id, image_id=image.id),
            HealthCheck(project_id=project.id, job_id=run.job_id),
            OpinionImage(round_id=opened.id, image_id=image.id),
            Opinion(round_id=opened.id, image_id=image.id, actor="ken", class_id=made.classes[0].id),
            ImageLease(image_id=image.id, project_id=project.id, holder="h", until=0.0),
            SavedView(project_id=project.id, number=1, name="v", name_key="v", query="", actor="ken"),
            ProjectArray(project_id=project.id, kind="space", sha256=store.put(f"array {name}".encode())),
            *_of_run(store, run, name),
            ClassEvent(change_set_id=done.id, class_id=made.classes[0].id),
            FeaturePlace(canonical_sha256=image.canonical_sha256, method=name, row=0,
                         block_id=_block(session, store, name)),
        ])  # fmt: skip
        return project.id


def _of_run(store, run, name):
    mine = {"run_id": run.id}
    state, pack, several = (store.put(f"{kind}{name}".encode()) for kind in ("", "pack ", "views "))
    return [
        Checkpoint(**mine, fold=0, epoch=1, attempt=1, blobs={"state": state}, size=1),
        AnswerPack(**mine, role="x", fold=0, attempt=1, count=1, newest_id=1, said=1, sha256=pack, size=1),
        DiaryEntry(**mine, number=1, actor="ken", job_id=run.job_id),
        Judgement(**mine, views="all", actor="ken", job_id=run.job_id, sha256=several, size=1),
    ]


def _block(session, store, name):
    block = FeatureBlock(method=name, count=1, sha256=store.put(f"block {name}".encode()))
    session.add(block)
    session.flush()
    return block.id


def counts(database):
    with database.read() as session:
        tables = {table.name: table for table in Base.metadata.sorted_tables}
        return {name: session.scalar(sa.select(sa.func.count()).select_from(table)) for name, table in tables.items()}


def files(store):
    return {entry.digest for entry in store.entries()}


def age(store):
    for path in store.root.rglob("*"):
        if path.is_file():
            os.utime(path, (OLD, OLD))


def delete(database, tmp_path, project_id):
    with database.write() as session:
        return deletion.request(session, project_id, tmp_path).id


def go_on(_done, _total):
    return True


def test_deletion__removes_every_row_and_file_and_leaves_other_projects(any_database, store, tmp_path):
    """Cut off again and again in the middle, as a kill would; each attempt goes on with what is left."""
    fill(any_database, store, "kept")
    before, needed = counts(any_database), files(store)
    with any_database.read() as session:
        kept = session.scalars(sa.select(Project.slug)).all()
    project_id = fill(any_database, store, "doomed")
    grown = {name for name, count in counts(any_database).items() if count > before[name]}
    assert set(Base.metadata.tables) - grown <= {"worker"}
    age(store)
    delete(any_database, tmp_path, project_id)
    cuts = 0
    for allowed in itertools.count(1, 2):
        calls = itertools.count()

        def fence(_session, calls=calls, allowed=allowed):
            if next(calls) == allowed:
                raise InterruptedError

        try:
            assert removal.run(any_database, store, project_id, fence, go_on)
            break
        except InterruptedError:
            cuts += 1
    assert cuts > 3
    assert counts(any_database) == before | {"project": 2, "job": before["job"] + 1}
    assert files(store) == needed
    with any_database.read() as session:
        assert [card.project.slug for card in projects.summaries(session)] == kept


def test_deletion__looks_only_at_the_rows_that_go_next(database, store, tmp_path):
    """Rows are taken as an index has them: to put all that are left in order each time took hours."""
    project_id, asked = fill(database, store, "doomed"), []
    delete(database, tmp_path, project_id)

    @sa.event.listens_for(database.engine, "before_cursor_execute")
    def note(_connection, _cursor, statement, values, *_more):
        if statement.startswith("SELECT") and " LIMIT " in statement:
            asked.append((statement, values))

    removal.run(database, store, project_id, lambda _session: None, go_on)
    sa.event.remove(database.engine, "before_cursor_execute", note)
    with database.engine.connect() as connection:
        plans = {
            statement: [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
            for statement, values in asked
        }
    for table in ("run_item", "import_entry", "image", "health_finding", "change_set"):
        steps = [plan for statement, plan in plans.items() if f"SELECT {table}.id" in statement]
        assert steps, table
        assert all("USING" in plan[0] and "SEARCH" in plan[0] and len(plan) == 1 for plan in steps), steps


def test_deletion__hides_the_project_at_once_and_frees_its_name(any_database, store, tmp_path):
    with any_database.write() as session:
        made = factories.make_project(session)
        newest = factories.add_images(session, store, made, 3, label_class=made.classes[0])[-1].id
    job_id = delete(any_database, tmp_path, made.id)
    with any_database.read() as session:
        for ask in (projects.by_slug, projects.id_of):
            for slug in (made.slug, f"/{made.id}"):
                with pytest.raises(NotFound):
                    ask(session, slug)
    for work in (
        lambda session: projects.lock(session, made.id),
        lambda session: jobs.create(session, project_id=made.id, kind=JobKind.FACTS, lane=Lane.CPU, spec={}),
        lambda session: deletion.request(session, made.id, tmp_path),
    ):
        with pytest.raises(NotFound), any_database.write() as session:
            work(session)
    with pytest.raises(Conflict, match="deletion_goes_on"), any_database.write() as session:
        stopping.stop(session, job_id, tmp_path)
    removal.run(any_database, store, made.id, lambda _session: None, go_on)
    with any_database.write() as session:
        again = factories.make_project(session)
        (image,) = factories.add_images(session, store, again, 1)
        assert (again.slug, again.id > made.id, image.id > newest) == (made.slug, True, True)
        assert min(item.id for item in again.classes) > max(item.id for item in made.classes)
        with session.no_autoflush:
            assert own_ids.first(session, Run.id) is None


def test_deletion__waits_for_jobs_and_keeps_what_others_may_be_adding(database, store, tmp_path):
    project_id = fill(database, store, "doomed")
    with database.write() as session:
        job = jobs.create(session, project_id=project_id, kind=JobKind.TRAIN, lane=Lane.GPU, spec={})
    with pytest.raises(Conflict, match="deletion_busy"):
        delete(database, tmp_path, project_id)
    with database.write() as session:
        jobs.cancel(session, job.id)
        other = projects.create(session, name="other")
        begun = utc_now() - timedelta(hours=2)
        fields = {"source": "folder", "name": "f", "actor": "ken", "created_at": begun}
        batch = ImportBatch(project_id=other.id, number=1, **fields)
        session.add(batch)
    age(store)
    young = store.put(b"its row comes later")
    hour = time.time() - 3600
    os.utime(next(path for path in store.root.rglob("*") if young[2:] in path.name or path.name == young), (hour, hour))
    delete(database, tmp_path, project_id)
    with pytest.raises(NotFound), database.write() as session:
        jobs.retry(session, job.id)
    removal.run(database, store, project_id, lambda _session: None, go_on)
    assert files(store) == {young}
    with database.write() as session:
        session.get_one(ImportBatch, batch.id).finished = True
    removal.run(database, store, project_id, lambda _session: None, go_on)
    assert files(store) == set()
    with pytest.raises(NotFound), database.write() as session:
        jobs.create(session, project_id=project_id, kind=JobKind.TRAIN, lane=Lane.GPU, spec={})


def test_page__wants_the_name_and_says_what_goes(client, database, store, project):
    with database.write() as session:
        factories.add_images(session, store, project, 3, label_class=project.classes[0])
    path = f"/p/{quote(project.slug)}/delete"
    assert f'href="{path}"' in client.get(f"/p/{project.slug}").text
    page = client.get(path)
    assert f"/p/{quote(project.slug)}/export" in page.text
    refused = client.post(path, data={"name": "血"})
    assert refused.status_code == 422
    assert "This is not the name of the project" in refused.text
    with database.write() as session:
        job = jobs.create(session, project_id=project.id, kind=JobKind.FACTS, lane=Lane.CPU, spec={})
    assert "1 job of this project waits or runs." in client.get(path).text
    assert client.post(path, data={"name": "血球"}).status_code == 409
    client.post(f"/jobs/{job.id}/stop")
    done = client.post(path, data={"name": "　血球 "})
    assert (done.url.path, done.status_code) == ("/jobs", 200)
    assert "Deletion of a project" in done.text
    assert f"/p/{quote(project.slug)}" not in done.text
    assert project.name not in client.get("/").text
    assert client.get(path).status_code == 404


def test_command__asks_to_be_sure_and_uses_the_same_way(settings, database, store, project, monkeypatch, capsys):
    monkeypatch.setenv("MIWAKE_DATA_DIR", str(settings.data_dir))
    assert main(["delete", "血球"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert main(["delete", "血球", "--yes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["classes"], told["images"]) == ("血球", 3, 0)
    with database.read() as session:
        assert session.get_one(Job, told["job"]).kind == JobKind.DELETE
        assert session.get_one(Project, project.id).deleted_at is not None
    assert main(["delete", "血球", "--yes"]) == 2


@only_full
@pytest.mark.slow
def test_worker__goes_on_after_a_kill_in_the_middle(settings, database, store, tmp_path):
    with database.write() as session:
        made = factories.make_project(session)
        (image,) = factories.add_images(session, store, made, 1, label_class=made.classes[0])
        row = {column.name: getattr(image, column.name) for column in Image.__table__.columns}
        more = [row | {"id": image.id + number, "sha256": f"{number:064x}"} for number in range(1, 6000)]
        session.execute(sa.insert(Image), more)
    age(store)
    job_id = delete(database, settings.data_dir, made.id)
    left = sa.select(sa.func.count()).select_from(Image)

    def some_gone():
        with database.read() as session:
            return session.scalar(left) < 6000

    with processes.worker(settings, tmp_path / "first") as worker:
        processes.wait_for("the first images to go", some_gone)
        worker.kill()
    with database.read() as session:
        assert session.scalar(left) > 0
        assert session.get_one(Job, job_id).state == JobState.RUNNING
    with processes.worker(settings, tmp_path / "second"):
        job = processes.ended(database, job_id)
    assert (job.state, job.attempt, job.progress["done"]) == (JobState.DONE, 2, 6000)
    with database.read() as session:
        assert session.scalar(left) == 0
        assert session.scalar(sa.select(sa.func.count()).select_from(LabelClass)) == 0
    assert files(store) == set()

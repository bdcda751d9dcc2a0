"""Numbered data versions: unchanged data keeps its number, and two versions can be compared."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.db.models import Image, LabelClass, Project
from app.db.session import Database
from app.db.version_models import DataClass, DataItem, DataVersion
from app.domain.enums import Field, LabelSource, Split
from app.domain.errors import NotFound
from app.domain.presets import PRESETS
from app.services import classes, labels, marks, projects, runs, version_changes, versions
from app.services.gallery import ImageFilter
from app.services.version_changes import Kind
from app.storage import LocalStore
from tests import factories
from tests.train.rows import set_split


class Set:
    """A project whose images can be changed in one word."""

    def __init__(self, database, store, counts=(4, 3), name="血球"):
        self.database, self.number = database, 0
        with database.write() as session:
            made = factories.make_project(session, name)
            self.project_id, self.classes = made.id, [item.id for item in made.classes]
            self.images = []
            for place, count in enumerate(counts):
                kind = made.classes[place] if place < 2 else None
                added = factories.add_images(session, store, made, count, label_class=kind, first=1000 * place)
                self.images += [image.id for image in added]

    def _id(self):
        self.number += 1
        return f"r{self.number}"

    def freeze(self, name=""):
        return versions.freeze_apart(self.database, self.project_id, actor="ken", name=name)

    def label(self, class_id, *image_ids):
        with self.database.write() as session:
            changes = [labels.LabelChange(image_id, class_id) for image_id in image_ids]
            who = {"source": LabelSource.GALLERY, "actor": "ken", "request_id": self._id()}
            labels.assign(session, self.project_id, changes, **who)

    def exclude(self, *image_ids, reason=""):
        with self.database.write() as session:
            chosen = ImageFilter(state=None, ids=image_ids)
            who = {"source": LabelSource.GALLERY, "actor": "ken", "request_id": self._id()}
            marks.put(session, self.project_id, chosen, marks.Mark(Field.EXCLUDED, reason), **who)

    def call(self, class_id, name):
        with self.database.write() as session:
            classes.update(session, session.get_one(Project, self.project_id), class_id, name=name)

    def move(self, split, *image_ids):
        with self.database.write() as session:
            set_split(session, self.project_id, image_ids, split)

    def counts(self, before, after):
        with self.database.read() as session:
            found = version_changes.counts(session, self.project_id, before, after)
            for kind, count in found.items():
                page = version_changes.page(session, self.project_id, before, after, kind)
                assert len(page) == count
        return {str(kind): count for kind, count in found.items() if count}

    def at(self, number):
        """What the version says: image -> (class, split, excluded)."""
        query = sa.select(DataItem.image_id, DataItem.class_id, DataItem.split, DataItem.excluded)
        with self.database.read() as session:
            query = query.where(DataItem.project_id == self.project_id, versions.valid(DataItem, number))
            rows = session.execute(query).all()
        assert len({row[0] for row in rows}) == len(rows)
        return {row[0]: tuple(row[1:]) for row in rows}

    def now(self):
        query = sa.select(Image.id, Image.class_id, Image.split, Image.state == "excluded")
        with self.database.read() as session:
            return {row[0]: tuple(row[1:]) for row in session.execute(query.where(Image.project_id == self.project_id))}


@pytest.fixture
def data(any_database, store):
    return Set(any_database, store)


def test_freeze__unchanged_data_keeps_its_number(data):
    assert [data.freeze(), data.freeze("before cleaning")] == [1, 1]
    data.label(data.classes[1], data.images[0])
    assert [data.freeze(), data.freeze()] == [2, 2]
    with data.database.read() as session:
        first = versions.by_number(session, data.project_id, 1)
        assert (first.name, first.image_count, first.labelled_count) == ("before cleaning", 7, 7)
        assert session.scalar(sa.select(sa.func.count()).select_from(DataItem)) == 8
        with pytest.raises(NotFound):
            versions.by_number(session, data.project_id, 3)


def test_freeze__data_that_is_as_it_was_gets_the_old_number(data):
    assert data.freeze() == 1
    data.label(data.classes[1], data.images[0])
    assert data.freeze() == 2
    data.label(data.classes[0], data.images[0])
    assert data.freeze() == 1
    data.label(None, data.images[0])
    assert data.freeze() == 3
    assert data.counts(1, 3) == {"relabelled": 1}
    assert data.at(3) == data.now()


def test_freeze__a_new_name_of_a_class_is_a_new_version(data):
    prints = sa.select(DataVersion.fingerprint).order_by(DataVersion.number)
    assert data.freeze() == 1
    data.call(data.classes[2], "nothing has it")
    assert data.freeze() == 1
    data.call(data.classes[0], "neutrophil")
    assert [data.freeze(), data.freeze()] == [2, 2]
    with data.database.read() as session:
        first, second = session.scalars(prints)
        assert first != second == versions.fingerprint(session, data.project_id)[0]
        told = version_changes.as_json(session, data.project_id, {}, 1, 2)
        assert (told["renamed"], told["relabelled"]) == ([{"from": "好中球", "to": "neutrophil"}], 0)
    data.call(data.classes[0], "好中球")
    assert data.freeze() == 1
    assert data.counts(1, 2) == {}


@pytest.mark.parametrize(("name", "number"), [("好中球", 1), ("neutrophil", 2)])
def test_freeze__after_a_version_of_before_names_were_kept(data, name, number):
    data.freeze()
    with data.database.write() as session:
        session.execute(sa.delete(DataClass))
    data.call(data.classes[0], name)
    assert [data.freeze(), data.freeze()] == [number, number]
    with data.database.read() as session:
        kept = session.scalars(sa.select(DataClass.name).where(DataClass.class_id == data.classes[0])).all()
        assert kept == [name]


def test_compare__names_every_kind_of_change(data, store):
    a, b, c, d, *_ = data.images
    data.exclude(d)
    assert data.freeze() == 1
    data.label(data.classes[2], a, b)
    data.move(Split.TEST, b, c)
    data.exclude(c)
    data.exclude(d, reason=None)
    with data.database.write() as session:
        project = projects.by_slug(session, "血球")
        factories.add_images(session, store, project, 2, first=5000)
    assert data.freeze() == 2
    expected = {"added": 2, "relabelled": 2, "moved": 2, "excluded": 1, "included": 1}
    assert data.counts(1, 2) == expected
    assert data.counts(2, 1) == {"removed": 2, "relabelled": 2, "moved": 2, "excluded": 1, "included": 1}
    assert data.counts(2, 2) == {}
    with data.database.read() as session:
        flow = version_changes.relabelled(session, data.project_id, 1, 2)
        assert [(one.before_id, one.after_id, one.count) for one in flow] == [(data.classes[0], data.classes[2], 2)]
        first = version_changes.page(session, data.project_id, 1, 2, Kind.MOVED, limit=1)
        rest = version_changes.page(session, data.project_id, 1, 2, Kind.MOVED, behind=first[0].image_id)
        assert [one.image_id for one in (*first, *rest)] == [b, c]


def test_fingerprint__is_the_same_for_the_same_set_elsewhere(any_database, store):
    one, two = Set(any_database, store), Set(any_database, store, name="copy")
    one.freeze(), two.freeze()
    with any_database.read() as session:
        assert len(set(session.scalars(sa.select(DataVersion.fingerprint)))) == 1


def test_fingerprint__is_the_hash_of_a_line_for_each_image(any_database, store):
    """What the page of the docs says, so that anybody can compute it again; names may hold anything."""
    data = Set(any_database, store, (5, 4, 3))
    with any_database.write() as session:
        session.execute(sa.update(LabelClass).where(LabelClass.id == data.classes[1]).values(name="a\\t細胞 %s 'b'"))
    data.exclude(data.images[2])
    data.move(Split.TEST, data.images[4], data.images[10])
    rows = sa.select(Image.sha256, LabelClass.name, Image.split, Image.state).outerjoin(LabelClass)
    with any_database.read() as session:
        lines = [
            f"{sha256}\t{name or ''}\t{split or ''}\t{'excluded' if state == 'excluded' else ''}\n"
            for sha256, name, split, state in session.execute(rows.order_by(Image.sha256))
        ]
        expected = hashlib.sha256("".join(lines).encode()).hexdigest(), (12, 9, 1)
        assert versions.fingerprint(session, data.project_id) == expected


def test_fingerprint__of_no_images(any_database, store):
    data = Set(any_database, store, ())
    with any_database.read() as session:
        assert versions.fingerprint(session, data.project_id) == (hashlib.sha256().hexdigest(), (0, 0, 0))


@pytest.mark.postgres
def test_freeze__waits_for_nobody_who_labels_and_sees_one_state(postgres_database, store):
    data = Set(postgres_database, store)
    before = data.now()
    who: marks.Who = {"source": LabelSource.GALLERY, "actor": "mari", "request_id": "m1"}
    with ThreadPoolExecutor(1) as pool:
        with postgres_database.write() as session:
            labels.assign(session, data.project_id, [labels.LabelChange(data.images[0], data.classes[1])], **who)
            assert pool.submit(data.freeze).result(timeout=30) == 1
        assert data.at(1) == before
        assert data.freeze() == 2


@pytest.mark.postgres
def test_freeze__of_several_people_at_once_gives_one_version(postgres_database, store):
    data = Set(postgres_database, store)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: data.freeze(), range(4))) == {1}
    assert data.at(1) == data.now()


def test_run__refers_to_the_version_it_was_given(data):
    with data.database.write() as session:
        project = projects.by_slug(session, "血球")
        recipe = PRESETS["wbc"].recipe
        first, second = (runs.create(session, project, recipe, actor="ken") for _ in range(2))
        session.execute(sa.update(LabelClass).where(LabelClass.id == data.classes[0]).values(name="renamed"))
        third = runs.create(session, project, recipe, actor="ken")
        assert first.version_id == second.version_id is not None
        assert third.version_id != first.version_id  # a class has another name
    data.label(data.classes[1], data.images[0])
    with data.database.write() as session:
        fourth = runs.create(session, project, recipe, actor="ken")
        version = runs.by_number(session, project.id, fourth.number).version
        assert version is not None
        assert version.number == 3
    with data.database.read() as session:
        assert [line.runs for line in versions.listed(session, data.project_id)] == [[4], [3], [1, 2]]


class Machine(RuleBasedStateMachine):
    """Whatever is changed in whatever order: each version says for ever what it said when it was made."""

    database: Database
    store: LocalStore
    made = 0

    def __init__(self):
        super().__init__()
        Machine.made += 1
        self.data = Set(self.database, self.store, (2, 2), f"set {Machine.made}")
        self.seen = {}

    @rule(place=st.integers(0, 3), kind=st.sampled_from([0, 1, None]))
    def label(self, place, kind):
        self.data.label(None if kind is None else self.data.classes[kind], self.data.images[place])

    @rule(place=st.integers(0, 3), split=st.sampled_from([None, Split.TEST]))
    def move(self, place, split):
        self.data.move(split, self.data.images[place])

    @rule(place=st.integers(0, 3), reason=st.sampled_from([None, ""]))
    def exclude(self, place, reason):
        self.data.exclude(self.data.images[place], reason=reason)

    @rule()
    def freeze(self):
        now = self.data.now()
        number = self.data.freeze()
        assert self.seen.setdefault(number, now) == now
        assert [old for old, state in self.seen.items() if state == now] == [number]

    @precondition(lambda self: self.seen)
    @invariant()
    def versions_stay(self):
        assert {number: self.data.at(number) for number in self.seen} == self.seen

    @precondition(lambda self: len(self.seen) > 1)
    @invariant()
    def comparisons_are_right(self):
        before, after = min(self.seen), max(self.seen)
        old, new = self.seen[before], self.seen[after]
        changed = sum(old[image][0] != new[image][0] for image in new)
        assert self.data.counts(before, after).get("relabelled", 0) == changed


@pytest.mark.slow
def test_versions__never_change(database, store):
    Machine.database, Machine.store = database, store
    run = Machine.TestCase
    run.settings = settings(max_examples=8, stateful_step_count=12, deadline=None)
    run().runTest()

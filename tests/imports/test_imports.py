import threading
from collections import Counter

import pytest
import sqlalchemy as sa

from app.db.models import Image, ImportBatch, ImportEntry, LabelClass, LabelEvent
from app.domain.enums import EntryVerdict
from app.domain.errors import Conflict, OutOfSpace
from app.services import import_records, imports
from app.services.imports import Options
from app.storage import LocalStore
from tests.imports.pictures import picture
from tests.imports.services import add, another, begin, labels_of, rows


def test_files__become_labelled_images_with_splits(any_tools):
    _, import_id = begin(any_tools)
    outcomes = add(
        any_tools,
        import_id,
        {
            "train/好中球/1.png": picture(1),
            "test/単球/か\u3099.png": picture(2),
            "flat.png": picture(3),
            "train/好中球/broken.png": b"\x89PNG\r\n\x1a\n",
            ".DS_Store": b"x",
        },
    )
    assert [outcome.verdict for outcome in outcomes] == ["new", "new", "new", "refused", "skipped"]
    assert [outcome.code for outcome in outcomes] == ["", "", "", "image_broken", "junk"]
    assert labels_of(any_tools) == {"train/好中球/1.png": "好中球", "test/単球/が.png": "単球", "flat.png": None}
    found = rows(
        any_tools, sa.select(Image.name, Image.split, Image.split_source, Image.label_version).order_by(Image.id)
    )
    assert found == [("1.png", "train", "folder", 1), ("が.png", "test", "folder", 1), ("flat.png", None, "", 0)]
    with any_tools.database.write() as session:
        batch = imports.finish(session, import_id)
    assert (batch.new_count, batch.refused_count, batch.skipped_count, batch.total) == (3, 1, 1, 5)


def test_originals__are_kept_byte_for_byte(tools):
    _, import_id = begin(tools)
    data = picture(1, file_format="JPEG")
    add(tools, import_id, {"a.jpg": data})
    ((digest, canonical, thumbnail, conversion),) = rows(
        tools, sa.select(Image.sha256, Image.canonical_sha256, Image.thumbnail_sha256, Image.conversion)
    )
    assert tools.store.get(digest) == data
    assert tools.store.get(canonical).startswith(b"\x89PNG")
    assert tools.store.get(thumbnail).startswith(b"\xff\xd8")
    assert conversion == {"mode": "RGB", "copy": "PNG", "taken": None}


def test_duplicates__are_reported_and_never_stored_twice(any_tools):
    project_id, first = begin(any_tools)
    add(any_tools, first, {"train/cat/1.png": picture(1), "flat.png": picture(2)})
    outcomes = add(
        any_tools,
        another(any_tools, project_id),
        {
            "same.png": picture(1),
            "train/Cat/same.png": picture(1),
            "train/dog/other.png": picture(1),
            "test/cat/leak.png": picture(1),
            "dog/late.png": picture(2),
            "new/9.png": picture(9),
            "new/10.png": picture(9),
        },
    )
    assert [(outcome.verdict, outcome.code) for outcome in outcomes] == [
        ("duplicate", "duplicate"),
        ("duplicate", "duplicate"),
        ("duplicate", "duplicate_class"),
        ("duplicate", "duplicate_split"),
        ("duplicate", "duplicate_labelled"),
        ("new", ""),
        ("duplicate", "duplicate"),
    ]
    assert outcomes[2].params == {"first": "1.png", "folder": "dog", "label": "cat"}
    assert labels_of(any_tools) == {"train/cat/1.png": "cat", "flat.png": "dog", "new/9.png": "new"}


def test_duplicates__of_another_project_are_new(tools):
    _, first = begin(tools, "one")
    _, second = begin(tools, "two")
    assert add(tools, first, {"a.png": picture(1)})[0].verdict == EntryVerdict.NEW
    assert add(tools, second, {"a.png": picture(1)})[0].verdict == EntryVerdict.NEW


def test_repeats__of_a_request_change_nothing(any_tools):
    _, import_id = begin(any_tools)
    files = {"cat/1.png": picture(1), "cat/2.png": b"broken", "cat/same.png": picture(1), "Thumbs.db": b"x"}
    first = add(any_tools, import_id, files)
    again = add(any_tools, import_id, files)
    assert again == first
    with any_tools.database.read() as session:
        batch = session.get_one(ImportBatch, import_id)
        counts = (batch.new_count, batch.duplicate_count, batch.refused_count, batch.skipped_count)
        assert counts == (1, 1, 1, 1)
        assert session.scalar(sa.select(sa.func.count()).select_from(ImportEntry)) == 4
        assert session.scalar(sa.select(sa.func.count()).select_from(LabelEvent)) == 1


def test_race__the_same_pictures_from_many_threads_are_stored_once(any_tools):
    project_id, _ = begin(any_tools)
    imports_made = [another(any_tools, project_id) for _ in range(4)]
    files = {f"cat/{number}.png": picture(number) for number in range(10)}
    outcomes, errors = [], []

    def work(import_id):
        try:
            outcomes.extend(add(any_tools, import_id, files))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(import_id,)) for import_id in imports_made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert Counter(outcome.verdict for outcome in outcomes) == {"new": 10, "duplicate": 30}
    assert len(labels_of(any_tools)) == 10


def test_finished__import_takes_nothing_more(tools):
    _, import_id = begin(tools)
    with tools.database.write() as session:
        imports.finish(session, import_id)
    with pytest.raises(Conflict) as caught:
        add(tools, import_id, {"a.png": picture()})
    assert caught.value.code == "import_finished"


def test_options__folders_may_mean_nothing(tools):
    _, import_id = begin(tools, options=Options(labels=False, splits=False))
    add(tools, import_id, {"train/cat/1.png": picture()})
    assert rows(tools, sa.select(Image.class_id, Image.split)) == [(None, None)]


def test_failure__in_the_transaction_leaves_no_row(tools, monkeypatch):
    _, import_id = begin(tools)

    def fail(*_args, **_options):
        raise RuntimeError

    monkeypatch.setattr(import_records, "_write", fail)
    with pytest.raises(RuntimeError):
        add(tools, import_id, {"cat/1.png": picture()})
    assert rows(tools, sa.select(Image.id)) == []
    assert rows(tools, sa.select(LabelClass.id)) == []
    assert rows(tools, sa.select(ImportEntry.id)) == []


class FullStore(LocalStore):
    """A store whose disk is full."""

    def check_space(self) -> None:
        raise OutOfSpace(folder="x")


def test_space__nothing_is_taken_when_the_disk_is_full(tools, store):
    _, import_id = begin(tools)
    full = imports.Tools(tools.database, FullStore(store.root), tools.decoder)
    with pytest.raises(OutOfSpace):
        add(full, import_id, {"a.png": picture()})
    assert rows(tools, sa.select(Image.id)) == []
    assert [path for path in store.root.rglob("*") if path.is_file()] == []

import os

import pytest
import sqlalchemy as sa

from app.db.models import ImportBatch, ImportEntry
from app.domain.errors import Invalid
from app.services import import_records, import_sources
from app.services.import_sources import Watch
from tests.imports.pictures import picture, zip_of
from tests.imports.services import LIMIT, begin, labels_of, rows, write


def test_folder__links_special_files_and_junk(tools, tmp_path):
    project_id, _ = begin(tools)
    outside = tmp_path / "outside"
    folder = tmp_path / "set"
    write(outside, {"secret.png": picture(7)})
    write(folder, {"cat/1.png": picture(1), "cat/Thumbs.db": b"x", "notes.txt": b"hello", "big.png": bytes(LIMIT + 1)})
    (folder / "cat" / "out.png").symlink_to(outside / "secret.png")
    (folder / "cat" / "inside.png").symlink_to(folder / "cat" / "1.png")
    (folder / "dog").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.png")
    (folder / "gone.png").symlink_to(folder / "nothing")
    import_id = import_sources.import_folder(tools, project_id, folder, actor="me", max_file_bytes=LIMIT)
    found = rows(tools, sa.select(ImportEntry.path, ImportEntry.verdict, ImportEntry.code))
    assert {path: (verdict, code) for path, verdict, code in found} == {
        "cat/1.png": ("new", ""),
        "cat/inside.png": ("duplicate", "duplicate"),
        "cat/out.png": ("refused", "folder_link"),
        "cat/Thumbs.db": ("skipped", "junk"),
        "dog": ("refused", "folder_link"),
        "loop": ("refused", "folder_link"),
        "pipe.png": ("refused", "file_special"),
        "gone.png": ("refused", "file_unreadable"),
        "notes.txt": ("refused", "image_unknown"),
        "big.png": ("refused", "file_too_large"),
    }
    with tools.database.read() as session:
        batch = session.get_one(ImportBatch, import_id)
        assert (batch.finished, batch.total) == (True, 10)


def test_folder__stopped_and_resumed_doubles_nothing(tools, tmp_path, monkeypatch):
    monkeypatch.setattr(import_sources, "BATCH_FILES", 3)
    project_id, import_id = begin(tools)
    write(tmp_path / "set", {f"cat/{number}.png": picture(number) for number in range(10)})
    seen = []
    stops = iter([False, False, True])
    watch = Watch(lambda done, total: seen.append((done, total)), lambda: next(stops))
    assert not import_sources.run_folder(tools, import_id, tmp_path / "set", max_file_bytes=LIMIT, watch=watch)
    assert seen == [(0, 10), (3, 10), (6, 10)]
    seen.clear()
    watch = Watch(lambda done, total: seen.append((done, total)))
    assert import_sources.run_folder(tools, import_id, tmp_path / "set", max_file_bytes=LIMIT, watch=watch)
    assert seen == [(6, 10), (9, 10), (10, 10)]
    with tools.database.read() as session:
        batch = session.get_one(ImportBatch, import_id)
        assert (batch.new_count, batch.duplicate_count, batch.total) == (10, 0, 10)
    assert project_id


def test_zip__broken_off_at_any_batch_is_resumed(tools, tmp_path, monkeypatch):
    monkeypatch.setattr(import_sources, "BATCH_FILES", 2)
    path = tmp_path / "set.zip"
    files = {f"set/cat/{number}.png": picture(number) for number in range(6)}
    path.write_bytes(
        zip_of(files | {"set/flat.png": picture(7), "set/cat/again.png": picture(1), "../x.png": picture(8)})
    )
    _, import_id = begin(tools)
    real, calls = import_records.record, []

    def record(*args, **options):
        calls.append(1)
        if len(calls) in {2, 4}:
            raise RuntimeError("killed")
        return real(*args, **options)

    monkeypatch.setattr(import_records, "record", record)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            import_sources.run_zip(tools, import_id, path, max_file_bytes=LIMIT)
    assert import_sources.run_zip(tools, import_id, path, max_file_bytes=LIMIT)
    assert import_sources.run_zip(tools, import_id, path, max_file_bytes=LIMIT)
    with tools.database.read() as session:
        batch = session.get_one(ImportBatch, import_id)
        counts = (batch.new_count, batch.duplicate_count, batch.refused_count, batch.total, batch.finished)
    assert counts == (7, 1, 1, 9, True)
    assert rows(tools, sa.select(ImportEntry.path).where(ImportEntry.code == "zip_path")) == [("../x.png",)]
    assert labels_of(tools)["set/cat/1.png"] == "cat"


def test_zip__files_in_the_common_root_have_no_class(tools, tmp_path):
    path = tmp_path / "set.zip"
    path.write_bytes(zip_of({"set/cat/1.png": picture(1), "set/flat.png": picture(2)}))
    project_id, _ = begin(tools)
    import_sources.import_zip(tools, project_id, path, actor="me", max_file_bytes=LIMIT)
    assert labels_of(tools) == {"set/cat/1.png": "cat", "set/flat.png": None}


def test_sources__that_are_missing_say_so(tools, tmp_path):
    project_id, _ = begin(tools)
    with pytest.raises(Invalid) as caught:
        import_sources.import_folder(tools, project_id, tmp_path / "no", actor="me", max_file_bytes=LIMIT)
    assert caught.value.code == "folder_missing"
    with pytest.raises(Invalid) as caught:
        import_sources.import_zip(tools, project_id, tmp_path / "no.zip", actor="me", max_file_bytes=LIMIT)
    assert caught.value.code == "file_missing"

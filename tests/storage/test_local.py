import ctypes
import errno
import os
from pathlib import Path

import pytest

from app.domain.errors import OutOfSpace
from app.storage import LocalStore, syncing


def files(store: LocalStore) -> set[str]:
    return {path.name for path in store.root.rglob("*") if path.is_file()}


def test_batch__blobs_appear_when_it_ends(store):
    with store.batch() as batch:
        first, again = batch.put(b"one"), batch.put(b"one")
        assert first == again
        assert not store.exists(first)
        second = batch.put(b"two")
    assert store.get(first) == b"one"
    assert files(store) == {first, second}


def test_batch__an_error_leaves_nothing(store):
    kept = store.put(b"kept")

    def fail():
        with store.batch() as batch:
            batch.put(b"one")
            batch.put(b"kept")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert files(store) == {kept}


def test_batch__file_and_folder_are_synced_before_it_ends(store, monkeypatch):
    synced = []
    real = os.fsync

    def note(handle):
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real(handle)

    monkeypatch.setattr(os, "fsync", note)
    with store.batch() as batch:
        digests = [batch.put(bytes([number])) for number in range(3)]
    temporary = [path for path in synced if "/.new-" in path]
    folders = [path for path in synced if "/.new-" not in path]
    assert len(temporary) == 3
    assert set(folders) == {str(store.root)} | {str(store.path(digest).parent) for digest in digests}
    assert synced.index(temporary[-1]) < synced.index(folders[0])


def test_batch__many_files_are_waited_for_together(store, monkeypatch):
    waits = []

    class Library:
        def syncfs(self, _handle):
            waits.append({path.name for path in store.root.rglob("*") if path.is_file()})
            return 0

    monkeypatch.setattr(syncing, "goes_together", lambda _root: True)
    monkeypatch.setattr(syncing, "_libc", Library)
    monkeypatch.setattr(os, "fsync", lambda _handle: pytest.fail("each file was waited for"))
    with store.batch() as batch:
        digests = {batch.put(f"{number}".encode()) for number in range(40)}
    assert len(waits) == 2
    assert all(name.startswith(".new-") for name in waits[0])
    assert waits[1] == digests == files(store)


def test_batch__an_error_of_the_common_wait_leaves_nothing(store, monkeypatch):
    class Library:
        def syncfs(self, _handle):
            ctypes.set_errno(errno.ENOSPC)
            return -1

    monkeypatch.setattr(syncing, "goes_together", lambda _root: True)
    monkeypatch.setattr(syncing, "_libc", Library)

    def put_many():
        with store.batch() as batch:
            for number in range(40):
                batch.put(f"{number}".encode())

    with pytest.raises(OutOfSpace):
        put_many()
    monkeypatch.undo()
    assert files(store) == set()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_batch__full_disk_has_its_own_error_and_leaves_nothing(store, monkeypatch, number):
    def fail(_handle):
        raise OSError(number, "full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutOfSpace):
        store.put(b"one")
    monkeypatch.undo()
    assert files(store) == set()


def test_sweep__removes_what_a_crash_left(store):
    digest = store.put(b"one")
    left = store.path(digest).parent / ".new-abc"
    left.write_bytes(b"half")
    assert store.sweep() == 0
    os.utime(left, (0, 0))
    assert store.sweep() == 1
    assert files(store) == {digest}


def test_sweep__passes_over_what_a_batch_has_renamed_meanwhile(store):
    folder = store.path(store.put(b"one")).parent
    (folder / ".new-abc").symlink_to("renamed")  # listed, and gone when it is looked at
    assert store.sweep(older_than=-1) == 0


def test_sweep__gives_back_what_a_drop_cut_short_had_put_aside(store, monkeypatch):
    """Nobody knows any more whether it may go: it counts as new, and the next cleaning decides."""
    digest = store.put(b"one")
    os.utime(store.path(digest), (1000, 1000))

    def die(_path, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "unlink", die)
    with pytest.raises(KeyboardInterrupt):
        store.drop_old(digest, 2000)
    monkeypatch.undo()
    assert files(store) == {f".dropped-{digest}"}
    assert store.sweep() == 0  # another process may be at it just now, however old the blob is
    assert store.sweep(older_than=-1) == 1
    assert files(store) == {digest}
    assert store.get(digest) == b"one"
    assert not store.drop_old(digest, 2000)
    assert store.drop_old(digest, store.path(digest).stat().st_mtime + 1)


def test_drop_old__a_young_blob_is_never_out_of_sight(store, monkeypatch):
    digest = store.put(b"one")
    monkeypatch.delattr(Path, "rename")
    assert not store.drop_old(digest, store.path(digest).stat().st_mtime)
    assert store.get(digest) == b"one"


def test_full__real_small_disk(small_disk):
    store = LocalStore(small_disk / "store")

    def fill():
        with store.batch() as batch:
            for _ in range(4000):
                batch.put(os.urandom(1000))

    with pytest.raises(OutOfSpace):
        fill()
    assert files(store) == set()

"""The folder of copies on each host."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain.errors import NotFound
from app.storage import cache as cache_module
from app.storage import sha256
from app.storage.base import key
from app.storage.cache import Cache


@pytest.fixture
def blobs():
    return {sha256(content): content for content in (os.urandom(1000) for _ in range(200))}


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache", 100_000)


def test_get__a_damaged_copy_is_fetched_again(cache, caplog):
    digest = sha256(b"one")
    cache.get(digest, lambda _: b"one")
    path = cache.folder / key(digest)
    path.write_bytes(b"two")
    assert cache.get(digest, lambda _: b"one") == b"one"
    assert path.read_bytes() == b"one"
    assert "damaged" in caplog.text


def test_get__a_missing_blob_leaves_nothing(cache):
    def fetch(digest):
        raise NotFound("blob_missing", hash=digest)

    with pytest.raises(NotFound):
        cache.get(sha256(b"one"), fetch)
    assert cache.size() == 0


def test_trim__keeps_below_the_limit_and_what_was_read_last(cache, blobs):
    digests = list(blobs)
    for age, digest in enumerate(digests[:85]):
        cache.get(digest, blobs.__getitem__)
        os.utime(cache.folder / key(digest), (age, age))
    favourite = digests[0]
    cache.get(favourite, blobs.__getitem__)  # the oldest file, but just used
    for digest in digests[85:130]:
        cache.get(digest, blobs.__getitem__)
        assert cache.size() <= cache.limit
    assert (cache.folder / key(favourite)).exists()
    assert not (cache.folder / key(digests[1])).exists()


def test_trim__counts_what_others_have_left(tmp_path, blobs):
    first = Cache(tmp_path / "cache", 10**9)
    for digest in blobs:
        first.get(digest, blobs.__getitem__)
    assert first.size() == 200_000
    second = Cache(tmp_path / "cache", 100_000)
    second.get(sha256(b"one"), lambda _: b"one")
    assert second.size() <= 80_000


def test_trim__removes_what_a_crash_left_but_not_what_is_being_written(cache):
    folder = cache.folder / "ab"
    folder.mkdir(parents=True)
    for name in (".new-old", ".new-young"):
        (folder / name).write_bytes(b"x")
    os.utime(folder / ".new-old", (0, 0))
    cache.trim()
    assert [path.name for path in folder.iterdir()] == [".new-young"]


@pytest.mark.slow
def test_get__many_threads_with_a_folder_that_is_always_full(tmp_path, blobs):
    caches = [Cache(tmp_path / "cache", 50_000) for _ in range(4)]  # as many processes
    digests = list(blobs) * 5

    def ask(number):
        digest = digests[number * 7919 % len(digests)]
        return caches[number % 4].get(digest, blobs.__getitem__) == blobs[digest]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(2000)))
    assert caches[0].size() <= 50_000 * 1.2


def test_get__works_where_nothing_can_be_written(tmp_path, caplog):
    (tmp_path / "cache").write_text("a file, not a folder")
    assert Cache(tmp_path / "cache", 10**6).get(sha256(b"one"), lambda _: b"one") == b"one"
    assert "could not be kept" in caplog.text


def test_get__nothing_is_kept_when_the_disk_is_nearly_full(cache, monkeypatch):
    monkeypatch.setattr(cache_module, "FLOOR_BYTES", 2**60)
    assert cache.get(sha256(b"one"), lambda _: b"one") == b"one"
    assert cache.size() == 0


def test_get__a_file_that_would_push_out_many_is_not_kept(cache):
    content = os.urandom(6000)
    assert cache.get(sha256(content), lambda _: content) == content
    assert cache.size() == 0


def test_trim__waits_while_another_one_removes(cache, blobs):
    entered, leave, done = threading.Event(), threading.Event(), threading.Event()

    def hold():
        with cache._alone():
            entered.set()
            leave.wait(30)

    def trim():
        cache.trim()
        done.set()

    threads = [threading.Thread(target=hold), threading.Thread(target=trim)]
    threads[0].start()
    assert entered.wait(30)
    threads[1].start()
    assert not done.wait(0.2)
    leave.set()
    assert done.wait(30)
    for thread in threads:
        thread.join()

"""What a folder and a bucket must both do."""

import io
import os
import threading
import time
import zipfile

import pytest

from app.domain.errors import NotFound
from app.storage import sha256


def test_put__get_exists_delete(any_store):
    digest = any_store.put("細胞".encode())
    assert digest == sha256("細胞".encode())
    assert any_store.put("細胞".encode()) == digest
    assert any_store.get(digest) == "細胞".encode()
    assert any_store.exists(digest)
    any_store.delete(digest)
    any_store.delete(digest)
    assert not any_store.exists(digest)
    with pytest.raises(NotFound) as missing:
        any_store.get(digest)
    assert missing.value.code == "blob_missing"


@pytest.mark.parametrize("digest", ["", "..", "../" * 20 + "etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_get__what_is_no_hash_is_missing(any_store, digest):
    for call in (any_store.get, any_store.exists, any_store.delete):
        with pytest.raises(NotFound):
            call(digest)


def test_batch__everything_is_there_when_it_ends(any_store):
    contents = [os.urandom(300) for _ in range(40)] + [os.urandom(300 * 2**10)]
    with any_store.batch() as batch:
        digests = [batch.put(content) for content in contents]
    assert [any_store.get(digest) for digest in digests] == contents
    assert {(entry.digest, entry.size) for entry in any_store.entries()} == {
        (sha256(content), len(content)) for content in contents
    }


def test_drop_old__only_what_was_not_put_again(any_store):
    digest = any_store.put(b"x" * 300 * 2**10)
    assert not any_store.drop_old(digest, time.time() - 10)
    assert any_store.drop_old(digest, time.time() + 10)
    assert not any_store.drop_old(digest, time.time() + 10)
    assert not any_store.exists(digest)


def test_uploads__kept_read_at_any_place_listed_and_dropped(any_store, tmp_path):
    content = os.urandom(9 * 2**20 + 17)  # more than one part of a request
    path = tmp_path / "part"
    path.write_bytes(content)
    any_store.keep_upload("import-7.zip", path)
    assert not path.exists()
    any_store.put_upload("import-7.0.json", b"{}")
    any_store.put_upload("import-7.0.json", b"[]")
    with any_store.open_upload("import-7.zip") as file:
        file.seek(-17, io.SEEK_END)
        assert file.read() == content[-17:]
        file.seek(5)
        assert file.read(3) == content[5:8]
        file.seek(0)
        assert file.read() == content
        assert file.read() == b""
    with any_store.open_upload("import-7.0.json") as file:
        assert file.read() == b"[]"
    found = {(upload.name, upload.size) for upload in any_store.uploads()}
    assert found == {("import-7.zip", len(content)), ("import-7.0.json", 2)}
    assert all(abs(upload.modified - time.time()) < 60 for upload in any_store.uploads())
    assert list(any_store.entries()) == []
    for _ in range(2):
        any_store.drop_upload("import-7.zip")
    with pytest.raises(NotFound):
        any_store.open_upload("import-7.zip")


def test_uploads__a_zip_is_read_in_place(any_store, tmp_path):
    path = tmp_path / "part"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(50):
            archive.writestr(f"{number}.bin", bytes([number]) * 200_000)
    any_store.keep_upload("import-1.zip", path)
    with any_store.open_upload("import-1.zip") as file, zipfile.ZipFile(file) as archive:
        assert archive.read("37.bin") == bytes([37]) * 200_000
        assert archive.testzip() is None


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "A.zip", "x" * 100])
def test_uploads__other_names_are_missing(any_store, name):
    with pytest.raises(NotFound):
        any_store.open_upload(name)


def test_put__the_same_bytes_from_many_threads(any_store):
    content = os.urandom(5000)
    made = []
    threads = [threading.Thread(target=lambda: made.append(any_store.put(content))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [sha256(content)] * 12
    assert any_store.get(made[0]) == content

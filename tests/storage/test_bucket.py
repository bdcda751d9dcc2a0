"""What only a bucket does: a cache, refusals, a server that goes away and comes back."""

import dataclasses
import logging
import os
import threading
import time

import obstore
import pytest

from app.config import Settings
from app.storage import bucket as bucket_module
from app.storage import sha256
from app.storage.base import StoreError, key
from app.storage.bucket import ObjectStore
from tests import servers

pytestmark = pytest.mark.s3


def cached(store: ObjectStore) -> set[str]:
    assert store.cache is not None
    return {path.name for path in store.cache.folder.glob("??/*")}


def test_get__is_fetched_once_and_by_any_process_of_the_host(bucket, bucket_settings, monkeypatch):
    digest = bucket.put(b"one")
    assert cached(bucket) == set()
    assert bucket.get(digest) == b"one"
    assert cached(bucket) == {digest}
    other = ObjectStore(bucket_settings.store_address)
    monkeypatch.setattr(other, "_fetch", None)
    assert other.get(digest) == b"one"
    other.delete(digest)
    assert cached(bucket) == set()


def test_get__bytes_that_are_not_those_of_the_name_are_never_given(bucket):
    digest = bucket.put(b"one")
    obstore.put(bucket._store, key(digest), b"two")
    with pytest.raises(StoreError) as error:
        bucket.get(digest)
    assert error.value.code == "blob_damaged"
    assert cached(bucket) == set()


def test_get__without_a_cache(bucket_settings):
    store = ObjectStore(dataclasses.replace(bucket_settings, cache_mb=0).store_address)
    assert store.cache is None
    assert store.get(store.put(b"one")) == b"one"


def test_put__small_ones_are_young_again_and_large_ones_are_not_sent_twice(bucket, monkeypatch):
    sent = []
    real = obstore.put

    def put(store, path, data):
        sent.append(path)
        return real(store, path, data)

    monkeypatch.setattr(obstore, "put", put)
    small, large = b"x", b"x" * (bucket_module.SMALL_BYTES + 1)
    for _ in range(2):
        bucket.put(small)
        bucket.put(large)
    assert sorted(sent) == sorted([key(sha256(small)), key(sha256(small)), key(sha256(large))])


def test_batch__sends_at_the_same_time(bucket, monkeypatch):
    together = threading.Barrier(4, timeout=30)
    real = obstore.put

    def put(*words, **more):
        together.wait()
        return real(*words, **more)

    monkeypatch.setattr(obstore, "put", put)
    with bucket.batch() as batch:
        for number in range(8):
            batch.put(bytes([number]))
    assert len(list(bucket.entries())) == 8


def test_batch__a_failure_is_heard(bucket, monkeypatch):
    def put(*_words, **_more):
        raise StoreError("store_unreachable")

    monkeypatch.setattr(bucket, "_ask", put)
    with pytest.raises(StoreError), bucket.batch() as batch:
        batch.put(b"one")


def test_server__that_is_gone_is_said_and_the_cache_still_serves(tmp_path, caplog):
    with servers.s3() as endpoint:
        settings = dataclasses.replace(servers.bucket(endpoint, "lab-pictures"), data_dir=tmp_path)
        store = ObjectStore(dataclasses.replace(settings.store_address, patience=0.5))
        read, other = store.put(b"read"), store.put(b"other")
        store.get(read)
    assert store.get(read) == b"read"
    for call in (lambda: store.get(other), lambda: store.put(b"x"), lambda: store.exists(other), store.probe):
        with pytest.raises(StoreError) as error:
            call()
        assert (error.value.code, error.value.status) == ("store_unreachable", 503)
    assert "does not answer" in caplog.text
    assert settings.s3_secret not in caplog.text


def test_server__that_comes_back_is_used_again_by_the_call_that_waits(tmp_path):
    with servers.s3() as endpoint:
        port = int(endpoint.rpartition(":")[2])
    settings = dataclasses.replace(
        Settings(), storage_url="s3://lab-pictures", s3_endpoint=endpoint, s3_key_id="a", s3_secret="b",
        data_dir=tmp_path,
    )  # fmt: skip
    store, answers = ObjectStore(settings.patient_store_address), []
    thread = threading.Thread(target=lambda: answers.append(store.exists("0" * 64)))
    thread.start()
    time.sleep(1.0)  # the first tries are to fail
    with servers.s3(port=port) as endpoint:
        servers.bucket(endpoint, "lab-pictures")
        thread.join(60)
    assert answers == [False]


def test_probe__says_that_there_is_no_such_bucket(bucket_settings):
    bucket = ObjectStore(bucket_settings.store_address)
    bucket.probe()
    other = ObjectStore(dataclasses.replace(bucket_settings, storage_url="s3://nowhere-at-all").store_address)
    with pytest.raises(StoreError) as error:
        other.probe()
    assert error.value.code == "store_bucket_missing"


def test_secret__is_in_no_text_of_settings_or_store(bucket, bucket_settings, caplog):
    caplog.set_level(logging.DEBUG)
    bucket.put(os.urandom(10))
    for text in (repr(bucket_settings), repr(bucket.address), str(bucket.address), repr(bucket), caplog.text):
        assert bucket_settings.s3_secret not in text

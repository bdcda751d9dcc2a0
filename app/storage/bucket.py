"""An S3-compatible bucket through obstore, with retries, time limits and a cache on this host."""

import contextlib
import io
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store, from_url

from app.config import StoreAddress
from app.domain.errors import NotFound
from app.storage.base import HASH, UPLOADS, Entry, StoreError, Upload, key, sha256, upload_key
from app.storage.cache import Cache
from app.storage.ranges import RangeFile

FRESH_SECONDS = 300.0  # a large blob that was put since then is not sent again; see ``maintenance.RECENT_SECONDS``
SMALL_BYTES = 256 * 2**10  # up to here sending a blob costs no more than asking whether it is there
THREADS = 8
PAUSE_SECONDS, LONGEST_PAUSE = 0.2, 5.0
PART_BYTES = 8 * 2**20
CLIENT = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(seconds=60), "allow_http": True}
RETRY = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=5),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1), "base": 2},
}
T = TypeVar("T")
log = logging.getLogger(__name__)


class ObjectStore:
    """A bucket. What is put is durable when the server has answered."""

    def __init__(self, address: StoreAddress) -> None:
        self.address = address
        self._store: Any = _open(address)
        self.cache = Cache(address.cache, address.cache_bytes) if address.cache and address.cache_bytes else None

    def put(self, data: bytes) -> str:
        digest = sha256(data)
        # An old one is put again even when it is there: it must not look unused to a cleaning.
        if len(data) <= SMALL_BYTES or self._modified(digest) < time.time() - FRESH_SECONDS:
            self._ask(lambda: obstore.put(self._store, key(digest), data))
        return digest

    @contextlib.contextmanager
    def batch(self) -> Iterator["BucketBatch"]:
        with ThreadPoolExecutor(THREADS) as threads:
            batch = BucketBatch(self, threads)
            yield batch
            batch.commit()

    def get(self, digest: str) -> bytes:
        return self.cache.get(digest, self._fetch) if self.cache else self._fetch(digest)

    def exists(self, digest: str) -> bool:
        return self._modified(digest) > 0

    def delete(self, digest: str) -> None:
        self._delete(key(digest))
        if self.cache:
            self.cache.forget(digest)

    def entries(self) -> Iterator[Entry]:
        for found in self._listed():
            digest = found["path"].rpartition("/")[2]
            if HASH.fullmatch(digest):
                yield Entry(digest, found["size"], found["last_modified"].timestamp())

    def drop_old(self, digest: str, before: float) -> bool:
        old = 0 < self._modified(digest) < before
        if old:
            self.delete(digest)
        return old

    def keep_upload(self, name: str, path: Path) -> None:
        self._ask(lambda: obstore.put(self._store, upload_key(name), path, chunk_size=PART_BYTES, max_concurrency=4))
        path.unlink()

    def put_upload(self, name: str, data: bytes) -> None:
        self._ask(lambda: obstore.put(self._store, upload_key(name), data))

    def open_upload(self, name: str) -> BinaryIO:
        path = upload_key(name)
        found = self._head(path)
        if found is None:
            raise NotFound("upload_missing", name=name)

        def fetch(start: int, end: int) -> bytes:
            try:
                return bytes(self._ask(lambda: obstore.get_range(self._store, path, start=start, end=end)))
            except FileNotFoundError:
                raise NotFound("upload_missing", name=name) from None

        return cast("BinaryIO", io.BufferedReader(RangeFile(fetch, found["size"])))

    def drop_upload(self, name: str) -> None:
        self._delete(upload_key(name))

    def uploads(self) -> Iterator[Upload]:
        for found in self._listed(UPLOADS):
            yield Upload(found["path"].rpartition("/")[2], found["size"], found["last_modified"].timestamp())

    def sweep(self, older_than: float = 3600.0) -> int:
        """A bucket shows no half of an object."""
        return 0

    def check_space(self) -> None:
        """A bucket does not fill up."""

    def probe(self) -> None:
        """Raises StoreError when the bucket cannot be read, with the reason."""
        self._ask(lambda: next(iter(obstore.list(self._store, UPLOADS, chunk_size=1)), None))

    def _fetch(self, digest: str) -> bytes:
        try:
            data = bytes(self._ask(lambda: obstore.get(self._store, key(digest)).bytes()))
        except FileNotFoundError:
            raise NotFound("blob_missing", hash=digest) from None
        if sha256(data) != digest:
            raise StoreError("blob_damaged", hash=digest)
        return data

    def _head(self, path: str) -> Any:
        try:
            return self._ask(lambda: obstore.head(self._store, path))
        except FileNotFoundError:
            return None

    def _modified(self, digest: str) -> float:
        """When the blob was put, in seconds since 1970; 0 when it is not there."""
        found = self._head(key(digest))
        return float(found["last_modified"].timestamp()) if found else 0.0

    def _delete(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._ask(lambda: obstore.delete(self._store, path))

    def _listed(self, prefix: str | None = None) -> Iterator[Any]:
        pages = iter(obstore.list(self._store, prefix))
        while page := self._ask(lambda: next(pages, None)):
            yield from page

    def _ask(self, call: Callable[[], T]) -> T:
        """Call, again after a passing failure as long as the patience lasts, and with our own errors.

        All calls may be repeated: blobs have the names of their contents, and a removal is done once or twice alike.

        Raises:
            FileNotFoundError: there is no such object.
            StoreError: the server refuses us or does not answer.
        """
        end, pause = time.monotonic() + self.address.patience, PAUSE_SECONDS
        while True:
            try:
                return call()
            except (PermissionDeniedError, UnauthenticatedError) as error:
                log.warning("The store refuses: %s", _first_line(error))
                raise StoreError("store_refused") from None
            except (BaseError, OSError) as error:
                if "NoSuchBucket" in str(error):
                    raise StoreError("store_bucket_missing") from None
                if isinstance(error, FileNotFoundError):
                    raise
                log.warning("The store does not answer as it should: %s", _first_line(error))
            if time.monotonic() + pause > end:
                raise StoreError("store_unreachable")
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


class BucketBatch:
    """Blobs of a bucket that are sent by several threads at once."""

    def __init__(self, store: ObjectStore, threads: ThreadPoolExecutor) -> None:
        self._store, self._threads = store, threads
        self._sent: list[Future[str]] = []
        self._failed: StoreError | None = None

    def put(self, data: bytes) -> str:
        self._sent.append(self._threads.submit(self._put, data))
        return sha256(data)

    def _put(self, data: bytes) -> str:
        """The patience is that of the batch: when it is over for one blob, nobody waits as long again for the next."""
        if self._failed is not None:
            raise self._failed
        try:
            return self._store.put(data)
        except StoreError as error:
            self._failed = error
            raise

    def commit(self) -> None:
        """Wait until the server has all of them."""
        for sent in self._sent:
            sent.result()


def _open(address: StoreAddress) -> Any:
    if not address.url.startswith("s3:"):
        return from_url(address.url)
    given = {
        "endpoint": address.endpoint,
        "region": address.region,
        "access_key_id": address.key_id,
        "secret_access_key": address.secret,
    }
    client: dict[str, Any] = dict(CLIENT)
    if address.ca_file:
        client["root_certificate"] = Path(address.ca_file).read_bytes()
    config = {name: value for name, value in given.items() if value}
    return S3Store.from_url(address.url, config=config, client_options=client, retry_config=RETRY)


def _first_line(error: Exception) -> str:
    """The library adds pages of details."""
    return str(error).partition("\n")[0]

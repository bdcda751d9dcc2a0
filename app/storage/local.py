"""The default store: a folder on a local disk."""

import contextlib
import errno
import io
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from app.domain.errors import NotFound, OutOfSpace
from app.storage.base import HASH, UPLOADS, Entry, Upload, key, sha256, upload_key
from app.storage.syncing import Syncer, sync

FLOOR_BYTES = 64 * 2**20  # below this much free space nothing more is accepted
COPY_BYTES = 2**20
DROPPED = ".dropped-"  # before the name of a blob that is about to go


class LocalStore:
    """A folder on a local disk. A blob that ``put`` returned from survives a power cut."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Where the blob lies."""
        return self.root / key(digest)

    def put(self, data: bytes) -> str:
        with self.batch() as batch:
            return batch.put(data)

    @contextlib.contextmanager
    def batch(self) -> Iterator["LocalBatch"]:
        batch = LocalBatch(self)
        try:
            with self._full_disk():
                yield batch
                batch.commit()
        except BaseException:
            batch.drop()
            raise
        finally:
            batch.close()

    def get(self, digest: str) -> bytes:
        try:
            return self.path(digest).read_bytes()
        except FileNotFoundError:
            raise NotFound("blob_missing", hash=digest) from None

    def exists(self, digest: str) -> bool:
        return self.path(digest).exists()

    def delete(self, digest: str) -> None:
        self.path(digest).unlink(missing_ok=True)

    def entries(self) -> Iterator[Entry]:
        for folder in _listed(self.root):
            if len(folder.name) != 2 or not folder.is_dir():
                continue
            for file in _listed(self.root / folder.name):
                if HASH.fullmatch(file.name):
                    with contextlib.suppress(FileNotFoundError):  # it was dropped since the folder was read
                        found = file.stat()
                        yield Entry(file.name, found.st_size, found.st_mtime)

    def drop_old(self, digest: str, before: float) -> bool:
        path = self.path(digest)
        aside = path.with_name(DROPPED + digest)
        # Under its own name nobody can put it again between the look at its age and its end. One that is young at the
        # first look stays where it is: somebody may be about to read it.
        try:
            if path.stat().st_mtime >= before:
                return False
            path.rename(aside)
        except FileNotFoundError:
            return False
        if aside.stat().st_mtime >= before:
            aside.replace(path)
            return False
        aside.unlink()
        return True

    def keep_upload(self, name: str, path: Path) -> None:
        final = self._upload(name)
        with self._full_disk():
            if path.stat().st_dev == final.parent.stat().st_dev:
                sync(path)
                path.replace(final)
            else:
                with path.open("rb") as source:
                    self._write_upload(final, source)
                path.unlink()
            sync(final.parent)

    def put_upload(self, name: str, data: bytes) -> None:
        final = self._upload(name)
        with self._full_disk():
            self._write_upload(final, io.BytesIO(data))
            sync(final.parent)

    def open_upload(self, name: str) -> BinaryIO:
        try:
            return (self.root / upload_key(name)).open("rb")
        except FileNotFoundError:
            raise NotFound("upload_missing", name=name) from None

    def drop_upload(self, name: str) -> None:
        (self.root / upload_key(name)).unlink(missing_ok=True)

    def uploads(self) -> Iterator[Upload]:
        for file in _listed(self.root / UPLOADS):
            if not file.name.startswith("."):
                with contextlib.suppress(FileNotFoundError):  # it was dropped since the folder was read
                    found = file.stat()
                    yield Upload(file.name, found.st_size, found.st_mtime)

    def _upload(self, name: str) -> Path:
        path = self.root / upload_key(name)
        if not path.parent.is_dir():
            path.parent.mkdir(exist_ok=True)
            sync(self.root)
        return path

    def _write_upload(self, final: Path, source: BinaryIO) -> None:
        handle, part = tempfile.mkstemp(prefix=".new-", dir=final.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                shutil.copyfileobj(source, file, COPY_BYTES)
            sync(part)
            os.replace(part, final)
        except BaseException:
            os.unlink(part)
            raise

    @contextlib.contextmanager
    def _full_disk(self) -> Iterator[None]:
        """A full disk has an error of its own."""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise OutOfSpace(folder=str(self.root)) from error
            raise

    def check_space(self) -> None:
        if shutil.disk_usage(self.root).free < FLOOR_BYTES:
            raise OutOfSpace(folder=str(self.root))

    def sweep(self, older_than: float = 3600.0) -> int:
        """Remove what interrupted writes left behind ``older_than`` seconds ago; return how many files that were.

        Younger ones may belong to a batch that another process is just writing.
        """
        before = time.time() - older_than
        left = sum(_removed(path, before) for path in self.root.glob("*/.new-*"))
        return left + sum(self._put_back(path, before) for path in self.root.glob(f"*/{DROPPED}*"))

    def _put_back(self, aside: Path, before: float) -> bool:
        """End a ``drop_old`` that was interrupted before ``before``, when nobody knew yet whether the blob may go.

        It gets its name again and counts as new; the next look for what nobody uses takes it away.
        """
        try:
            if aside.stat().st_ctime >= before:  # when it was renamed; its other time is that of the blob
                return False
            os.utime(aside)
            aside.replace(aside.with_name(aside.name.removeprefix(DROPPED)))
        except FileNotFoundError:  # another process was quicker
            return False
        return True


class LocalBatch:
    """Blobs of a LocalStore: written under temporary names, then synced together, renamed, and the names synced."""

    def __init__(self, store: LocalStore) -> None:
        self._store = store
        self._syncer = Syncer(store.root)
        self._new: dict[str, str] = {}  # where a blob goes -> its temporary name
        self._folders = {os.fspath(store.root)}
        self._token = secrets.token_hex(8)  # no other batch has these temporary names
        self._lock = threading.Lock()

    def put(self, data: bytes) -> str:
        digest = sha256(data)
        path = f"{self._store.root}/{key(digest)}"  # paths as objects would cost as much as the file
        folder = path.rpartition("/")[0]
        with self._lock:
            self._folders.add(folder)  # another batch may have made it just now
            if path in self._new or _touched(path):
                return digest
            name = self._new[path] = f"{folder}/.new-{self._token}{len(self._new)}"
        _write(name, data)
        return digest

    def commit(self) -> None:
        """Make everything durable under its own name."""
        self._syncer.wait(self._new.values())
        for path, name in self._new.items():
            os.replace(name, path)
        self._syncer.wait(self._folders)  # the names, new folders included, must be durable too

    def drop(self) -> None:
        """Remove what was not renamed."""
        for name in self._new.values():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)

    def close(self) -> None:
        """Nothing comes any more."""
        self._syncer.close()


def _write(name: str, data: bytes) -> None:
    """A new file, which only we may read; its folder is made when it is missing."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(name, flags, 0o600)
    except FileNotFoundError:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(name, flags, 0o600)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(handle, left) :]
    finally:
        os.close(handle)


def _listed(folder: Path) -> Iterator["os.DirEntry[str]"]:
    """What lies in a folder; nothing when it is not there."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as found:
        yield from found


def _removed(path: Path, before: float) -> bool:
    """Remove a file that was changed last before ``before``; True when it was, False when it is younger or gone."""
    try:
        if path.stat().st_mtime >= before:
            return False
        path.unlink()
    except FileNotFoundError:  # its batch has given it its name, or another process was quicker
        return False
    return True


def _touched(path: str) -> bool:
    """True when the file is there; it counts as put at this moment, so that no cleaning takes it for unused."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True

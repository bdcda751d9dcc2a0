"""Reads uploaded files out of requests, with limits before any work and nothing left behind after an error."""

import errno
import json
import shutil
from collections import UserList
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.config import Settings
from app.domain.errors import AppError, Invalid, OutOfSpace
from app.domain.zipnames import Encoding
from app.services import uploads
from app.services.images import Rights
from app.services.imports import Incoming, Options
from app.storage import FLOOR_BYTES

MAX_FILES = 100
MAX_FIELDS = 20
MAX_FIELD_BYTES = 2**20
CHUNK = 2**20


class ZipTooLarge(AppError):
    """The zip is over the limit."""

    status = 413


class Files(UserList[Incoming]):
    """The files of a request and the options of its form."""

    def __init__(
        self, files: Iterable[Incoming] = (), options: Options | None = None, listed: tuple[bytes, str] | None = None
    ) -> None:
        super().__init__(files)
        self.options = options or Options()
        self.listed = listed


@dataclass(frozen=True)
class SentZip:
    """A zip that came in a plain form."""

    name: str
    file: BinaryIO
    options: Options
    encoding: Encoding | None
    listed: tuple[bytes, str] | None = None

    def keep(self, settings: Settings, import_id: int) -> Path:
        """Copy it to its place in the data folder. Raises OutOfSpace or ZipTooLarge; nothing is left then."""
        with Target(settings, import_id, size=None) as target:
            while chunk := self.file.read(CHUNK):
                target.write(chunk)
            return target.keep()


@contextmanager
def one_at_a_time(settings: Settings, import_id: int) -> Iterator[None]:
    """Until the block has ended no other request can bring a zip for this import.

    Raises:
        Invalid: another request is just bringing one.
    """
    mark = uploads.zip_path(settings.data_dir, import_id).with_suffix(".mark" + uploads.PART)
    mark.parent.mkdir(parents=True, exist_ok=True)
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        raise Invalid("import_zip_coming") from None
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


class Target:
    """The file in the data folder that a zip is written to; removed unless it was kept.

    Raises:
        OutOfSpace: the disk is or would be too full.
        ZipTooLarge: more bytes came than are allowed.
    """

    def __init__(self, settings: Settings, import_id: int, size: int | None) -> None:
        self._limit_mb = settings.max_zip_mb
        self._final = uploads.zip_path(settings.data_dir, import_id)
        self._part = self._final.with_name(self._final.name + uploads.PART)
        self._final.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self._final.parent).free < FLOOR_BYTES + (size or 0):
            raise OutOfSpace(folder=str(self._final.parent))
        self._file = self._part.open("wb")
        self._written = 0

    def __enter__(self) -> "Target":
        return self

    def __exit__(self, *_error: object) -> None:
        with suppress(OSError):  # a full disk fails here once more; the file is removed all the same
            self._file.close()
        self._part.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Append some bytes."""
        self._written += len(chunk)
        if self._written > self._limit_mb * 2**20:
            raise ZipTooLarge("zip_too_large", limit_mb=self._limit_mb)
        with self._full_disk():
            self._file.write(chunk)

    def keep(self) -> Path:
        """Give the whole file its name; the store makes it durable before a job promises that it is there."""
        with self._full_disk():
            self._file.close()
            self._part.replace(self._final)
        return self._final

    @contextmanager
    def _full_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise OutOfSpace(folder=str(self._part.parent)) from error
            raise


async def receive_zip(request: Request, settings: Settings, import_id: int) -> Path:
    """Stream the body of a request to the data folder; return where it lies."""
    length = request.headers.get("content-length", "")
    size = int(length) if length.isdecimal() else None
    if size is not None and size > settings.max_zip_mb * 2**20:
        raise ZipTooLarge("zip_too_large", limit_mb=settings.max_zip_mb)
    target = await run_in_threadpool(Target, settings, import_id, size)
    with target:
        try:
            async for chunk in request.stream():
                await run_in_threadpool(target.write, chunk)
        except ClientDisconnect:
            raise Invalid("upload_cut_off") from None
        return await run_in_threadpool(target.keep)


async def form_of(request: Request) -> AsyncIterator[FormData]:
    """The multipart form with at most 100 files.

    Raises:
        Invalid: more files than that, or no form.
    """
    try:
        form = await request.form(max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)
    except HTTPException as error:
        if "Too many files" in str(error.detail):
            raise Invalid("too_many_files", limit=MAX_FILES) from None
        raise
    try:
        yield form
    finally:
        await form.close()


FormDep = Annotated[FormData, Depends(form_of)]


def sent_files(form: FormDep) -> Files:
    """The files of a form, read; ``paths``, a JSON list, gives their paths where the browser's names are too short."""
    parts = [part for part in form.getlist("files") if isinstance(part, UploadFile) and part.filename]
    paths = _paths(form.get("paths"), [part.filename or "" for part in parts])
    incoming = [Incoming(path, part.file.read()) for path, part in zip(paths, parts, strict=True)]
    return Files(incoming, _options(form), _listed(form))


def sent_zip(form: FormDep) -> SentZip | None:
    """The zip of a plain form, or None when no file was chosen."""
    part = form.get("archive")
    if not isinstance(part, UploadFile) or not part.filename:
        return None
    wish = form.get("encoding")
    encoding = Encoding(wish) if wish in set(Encoding) else None
    return SentZip(part.filename, part.file, _options(form), encoding, _listed(form))


FilesDep = Annotated[Files, Depends(sent_files)]
ZipDep = Annotated[SentZip | None, Depends(sent_zip)]


def _options(form: FormData) -> Options:
    """What the check boxes of a plain form say; without the form's mark nothing was asked and the defaults hold."""
    if "form" not in form:
        return Options()
    origin, licence, publish = (str(form.get(name) or "") for name in ("origin", "licence", "publish"))
    rights = Rights.said(origin, licence, publish if publish in {"yes", "no"} else "")
    return Options(labels="labels" in form, splits="splits" in form, rights=rights)


def _listed(form: FormData) -> tuple[bytes, str] | None:
    """The list that a plain form brings, and the name of its file."""
    part = form.get("list")
    if not isinstance(part, UploadFile) or not part.filename:
        return None
    return part.file.read(), part.filename


def _paths(value: Any, names: list[str]) -> list[str]:
    try:
        paths = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        paths = None
    if isinstance(paths, list) and len(paths) == len(names) and all(isinstance(path, str) for path in paths):
        return paths
    return names

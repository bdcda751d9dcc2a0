"""Many files in the plain body of one request: four bytes of length, a JSON list of files, and the files.

A form of many parts costs the server more time than the pictures in it; this costs none.
"""

import json
import struct
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.domain.enums import Split
from app.domain.errors import Invalid
from app.domain.folder_rules import MAX_FOLDERS, Rule, Rules, plain_class, plain_folder
from app.services.import_resume import Offer
from app.services.imports import Incoming
from app.web.uploading import MAX_FILES

MEDIA_TYPE = "application/x-miwake-files"
_LENGTH = struct.Struct(">I")


class SentFile(BaseModel):
    """One file of a bundle, or one that could be sent. ``modified``: milliseconds since 1970."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(max_length=4000)
    size: int = Field(ge=0, le=2**40)
    modified: int = Field(0, ge=-(2**53), le=2**53)

    def offer(self) -> Offer:
        """The same for the services."""
        return Offer(self.path, self.size, self.modified)


class FolderRule(BaseModel):
    """What the page says of one folder."""

    model_config = ConfigDict(extra="forbid")

    folder: str = Field(max_length=4000)
    class_name: str = Field("", max_length=1000)
    split: str = Field("", pattern="^(train|validation|test|)$")
    left_out: bool = False


class SentRules(BaseModel):
    """All that the page says of folders; ``every``: one class for all pictures."""

    model_config = ConfigDict(extra="forbid")

    folders: list[FolderRule] = Field(default_factory=list, max_length=MAX_FOLDERS)
    every: str = Field(default="", max_length=1000)

    def rules(self) -> Rules:
        """The same for the services."""
        folders = {
            plain_folder(row.folder): Rule(
                plain_class(row.class_name) or None, Split(row.split) if row.split else None, row.left_out
            )
            for row in self.folders
        }
        return Rules(folders, plain_class(self.every))


_LIST = TypeAdapter(list[SentFile])


async def read_bundle(request: Request) -> list[Incoming]:
    """The files of a request.

    Raises:
        Invalid: the body is no bundle, or has too many files.
    """
    return unpack(await request.body())


def unpack(body: bytes) -> list[Incoming]:
    """The files of a bundle. Raises Invalid."""
    head = body[: _LENGTH.size]
    length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else len(body)
    begin = _LENGTH.size + length
    try:
        files = _LIST.validate_json(body[_LENGTH.size : begin])
    except ValidationError:
        raise Invalid("bundle_broken") from None
    if len(files) > MAX_FILES:
        raise Invalid("too_many_files", limit=MAX_FILES)
    if begin + sum(file.size for file in files) != len(body):
        raise Invalid("bundle_broken")
    incoming = []
    for file in files:
        incoming.append(Incoming(file.path, body[begin : begin + file.size], sent=file.offer().sent))
        begin += file.size
    return incoming


def pack(files: list[tuple[dict[str, Any], bytes]]) -> bytes:
    """A bundle of files, each with ``path``, ``size`` and ``modified``: what a client sends."""
    head = json.dumps([named for named, _ in files]).encode()
    return b"".join([_LENGTH.pack(len(head)), head, *(data for _, data in files)])


BundleDep = Annotated[list[Incoming], Depends(read_bundle)]

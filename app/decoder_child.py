"""The process that decodes pictures: limited, replaced when it hangs or dies, and the only place where Pillow sees
bytes that somebody sent.

Protocol on standard input and output: a request is 8 bytes of length (big-endian) and the file; an answer 8 bytes of
length and a JSON header, followed by the copy and the thumbnail whose sizes the header gives; a thumbnail of no bytes
is the same as the copy. Requests may be sent ahead; answers come in their order. The first answer, sent at the start,
says that the process is ready. The end of the input ends the process.
"""

import json
import os
import struct
import sys
import time

if sys.platform != "win32":
    import resource
    import signal
from typing import Any, BinaryIO

from app.domain import imaging
from app.domain.errors import BadImage

MEMORY_BYTES = 2 * 2**30
CPU_SECONDS = 10
WALL_SECONDS = 30
LENGTH = struct.Struct(">Q")


def limit_memory() -> None:
    """Let the address space end at 2 GiB. Windows has no such limit; macOS knows it and may ignore it."""
    if sys.platform == "win32":
        return
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ValueError, OSError):
        if sys.platform == "linux":
            raise


def limit_time(end: int) -> int:
    """Let the kernel end this process when the next picture takes 10 s of processor time, or 35 s in all.

    The parent kills after 30 s; the alarm is for a child whose parent has died. ``end`` is the limit of processor time
    that is set already; setting it anew costs a tenth of what a small picture costs. Returns the limit.
    """
    if sys.platform == "win32":
        return end
    signal.alarm(WALL_SECONDS + 5)
    wanted = int(time.process_time()) + CPU_SECONDS + 1
    if wanted != end:
        _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (wanted, hard))
    return wanted


def rest() -> None:
    """Nothing is being decoded: waiting for the next picture may last."""
    if sys.platform != "win32":
        signal.alarm(0)


def answer(data: bytes) -> tuple[dict[str, Any], bytes, bytes]:
    """The header and the two files for one request."""
    try:
        decoded = imaging.decode(data)
    except BadImage as error:
        return {"code": error.code, "params": dict(error.params)}, b"", b""
    thumbnail = decoded.thumbnail
    header = {
        "width": decoded.width,
        "height": decoded.height,
        "file_format": decoded.file_format,
        "conversion": decoded.conversion,
        "sizes": [len(decoded.canonical), 0 if thumbnail is decoded.canonical else len(thumbnail)],
    }
    return header, decoded.canonical, b"" if thumbnail is decoded.canonical else thumbnail


def send(out: BinaryIO, header: dict[str, Any], *parts: bytes) -> None:
    """Write one answer."""
    text = json.dumps(header).encode()
    out.write(LENGTH.pack(len(text)) + text)
    for part in parts:
        out.write(part)
    out.flush()


def main() -> None:
    """Answer requests until the input ends."""
    source = sys.stdin.buffer
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between two answers
    limit_memory()
    send(out, {"ready": True})
    end = 0
    while len(head := source.read(LENGTH.size)) == LENGTH.size:
        end = limit_time(end)
        data = source.read(LENGTH.unpack(head)[0])
        header, canonical, thumbnail = answer(data)
        send(out, header, canonical, thumbnail)
        rest()
        if header.get("code") == "image_memory":
            return  # what is left of the memory is in pieces: a fresh process is better

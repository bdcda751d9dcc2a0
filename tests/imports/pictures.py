"""Pictures and zips made for the tests; nothing here comes from outside."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np
from PIL import Image


def picture(seed: int = 0, size: tuple[int, int] = (40, 30), file_format: str = "PNG", **options) -> bytes:
    """A picture that differs for each seed."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    image = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
    return encode(image, file_format, **options)


def encode(image: Image.Image, file_format: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def huge_png(width: int, height: int) -> bytes:
    """A sound black PNG of any size that is small as a file."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(9)
    line = bytes(1 + (width + 7) // 8)
    rows = b"".join(packer.compress(line * min(256, height - at)) for at in range(0, height, 256)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def zip_of(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def raw_zip(entries: list[tuple[bytes, bytes]], *, flags: int = 0, declared: int | None = None) -> bytes:
    """A zip written byte by byte: names as given, stored, sizes that may lie."""
    body, directory = bytearray(), bytearray()
    for name, data in entries:
        size = len(data) if declared is None else declared
        common = struct.pack("<HHHHHLLLHH", 20, flags, 0, 0, 0x21, zlib.crc32(data), len(data), size, len(name), 0)
        directory += (
            b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHLL", 0, 0, 0, 0, len(body)) + name
        )
        body += b"PK\x03\x04" + common + name + data
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(entries), len(entries), len(directory), len(body), 0)
    return bytes(body + directory + end)


def overlap_bomb(copies: int = 100, size: int = 10_000_000) -> bytes:
    """Many directory entries that all point at the same packed bytes."""
    packer = zlib.compressobj(9, wbits=-15)
    data = packer.compress(bytes(size)) + packer.flush()
    checksum = zlib.crc32(bytes(size))
    common = struct.pack("<HHHHHLLLHH", 20, 0, 8, 0, 0x21, checksum, len(data), size, 1, 0)
    body = b"PK\x03\x04" + common + b"a" + data
    entry = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHLL", 0, 0, 0, 0, 0) + b"a"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, copies, copies, len(entry) * copies, len(body), 0)
    return body + entry * copies + end

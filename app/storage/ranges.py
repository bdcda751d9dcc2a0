"""An object of a bucket as a file that can be read at any place, in blocks that are fetched when they are needed."""

import io
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

BLOCK_BYTES = 4 * 2**20
KEPT_BLOCKS = 4  # a zip is read at its end (the directory) and then from the front

Fetch = Callable[[int, int], bytes]  # from, to (exclusive)


class RangeFile(io.RawIOBase):
    """``size`` bytes that come by ``fetch``; the last few blocks stay in memory. For one thread."""

    def __init__(self, fetch: Fetch, size: int, block: int = BLOCK_BYTES) -> None:
        self._fetch, self._size, self._block = fetch, size, block
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError(22, "before the start of the file")
        self._place = start + offset
        return self._place

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        number, start = divmod(self._place, self._block)
        if self._place >= self._size or not len(view):
            return 0
        part = self._get(number)[start : start + len(view)]
        view[: len(part)] = part
        self._place += len(part)
        return len(part)

    def _get(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        start = number * self._block
        data = self._fetch(start, min(start + self._block, self._size))
        self._blocks[number] = data
        if len(self._blocks) > KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return data

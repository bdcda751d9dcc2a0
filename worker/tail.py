"""The last lines that a child process wrote to its standard outputs: what is left of a crash."""

import contextlib
import os
import re
import threading
from multiprocessing.context import ForkServerContext, SpawnContext

MOST_BYTES = 16_384
MOST_LINES = 60
_UNREADABLE = re.compile(r"[^\t\n\x20-\x7e\u00a0-\uffff]")
JOIN_SECONDS = 1.0


class Tail:
    """Reads everything, so that the writer never waits, and keeps the end of it in memory.

    Attributes:
        far_end: for the child; ``listen`` must be called after it was started.
    """

    def __init__(self, context: ForkServerContext | SpawnContext) -> None:
        self._near, self.far_end = context.Pipe(duplex=False)
        self._kept = bytearray()
        self._thread = threading.Thread(target=self._read, name="tail", daemon=True)

    def listen(self) -> None:
        """Let go of the child's end and begin to read."""
        self.far_end.close()
        self._thread.start()

    def close(self) -> str:
        """The last lines, once the child has ended."""
        self._thread.join(JOIN_SECONDS)  # longer only if the child left a process of its own behind
        text = bytes(self._kept).decode("utf-8", "replace")
        if not self._thread.is_alive():
            self._near.close()
        return "\n".join(_UNREADABLE.sub("?", text).strip().split("\n")[-MOST_LINES:])

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while more := os.read(self._near.fileno(), 65_536):
                self._kept += more
                del self._kept[:-MOST_BYTES]

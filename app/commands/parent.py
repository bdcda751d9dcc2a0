"""How a process that was started by another one notices that the other has gone, even by kill -9."""

import os
import signal
import threading

STDIN = 0


def end_with_parent() -> None:
    """Send this process SIGTERM when its standard input ends: the parent holds the other end of that pipe."""

    def watch() -> None:
        # Not through sys.stdin: its lock would be held by this thread while the interpreter shuts down.
        while os.read(STDIN, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()

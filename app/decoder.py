"""Uploaded bytes -> our own copies, in limited child processes.

Pillow never sees foreign bytes in the web process or the worker. A child has 2 GiB of address space and 10 s of
processor time per picture; one that takes longer than 30 s is killed. A child that hangs, crashes or runs out of memory
costs the picture it was working on, which is refused with a reason, and is replaced. There is no second try.

On macOS and Windows the kernel does not enforce the memory limit; the time limit of 30 s and the limits on pixels hold
there too.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

if sys.platform == "linux":
    import fcntl

from app.decoder_child import LENGTH, WALL_SECONDS
from app.domain.errors import BadImage
from app.domain.imaging import Decoded

CHILD = "import sys; sys.path[:] = sys.argv[1:]; from app.decoder_child import main; main()"
# Without -S the interpreter would read every .pth file of the environment at each start.
_FLAGS = ("-S", "-s", "-E", "-B")
PIPE_BYTES = 2**20
AT_ONCE = 16  # pictures that are handed to a process together
_KEPT_VARIABLES = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class _Child:
    """One process and its two pipes; used by one thread at a time."""

    def __init__(self, code: str) -> None:
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # each thread reserves address space
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own program
            [sys.executable, *_FLAGS, "-c", code, *(path or str(Path.cwd()) for path in sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        self._room = _widened(self._to)
        _widened(self._from)
        if not self._header().get("ready"):
            raise RuntimeError("the decoder process did not start")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def decode(self, files: Sequence[bytes], wall_seconds: float) -> list[Decoded | BadImage]:
        """The answers to some pictures, in order; fewer when the process died, of which the last picture is the cause.

        The pictures are sent ahead, so that the process never waits for the next one: at once where its pipe, which is
        empty now, has room for them all, else by a thread of their own.
        """
        sender: threading.Thread | None = None
        if sum(LENGTH.size + len(data) for data in files) <= self._room:
            self._send(files)
        else:
            sender = threading.Thread(target=self._send, args=(files,), daemon=True)
            sender.start()
        watch = _Watch(self._process.kill, wall_seconds)
        answers: list[Decoded | BadImage] = []
        try:
            while len(answers) < len(files) and self.alive:
                answers.append(self._next(watch))
                watch.restart()
        finally:
            watch.end()
            if len(answers) < len(files) or not self.alive:
                self.close()
            if sender is not None:
                sender.join()
        return answers

    def _send(self, files: Sequence[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):  # the process is dead; whoever reads finds that out
            for data in files:
                self._to.write(LENGTH.pack(len(data)))
                self._to.write(data)
                self._to.flush()

    def _next(self, watch: "_Watch") -> Decoded | BadImage:
        try:
            return self._answer()
        except BadImage as refusal:
            return refusal
        except (EOFError, OSError):
            self._process.kill()
            self._process.wait()
            slow = watch.late or self._process.returncode in {-24, -14}  # SIGXCPU, SIGALRM
            return BadImage("image_slow" if slow else "image_crash")

    def _answer(self) -> Decoded:
        header = self._header()
        if "code" in header:
            if header["code"] == "image_memory":
                self._process.kill()  # it is just ending by itself; the next picture must not meet it
                self._process.wait()
            raise BadImage(str(header["code"]), **header["params"])
        sizes = header.pop("sizes")
        canonical, thumbnail = (_read(self._from, size) for size in sizes)
        return Decoded(canonical=canonical, thumbnail=thumbnail or canonical, **header)

    def _header(self) -> dict[str, Any]:
        (length,) = LENGTH.unpack(_read(self._from, LENGTH.size))
        header: dict[str, Any] = json.loads(_read(self._from, length))
        return header

    def close(self) -> None:
        """Kill the process and wait for its end."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._to, self._from):
            with contextlib.suppress(OSError):  # what was not sent cannot be sent any more
                pipe.close()


def _widened(pipe: IO[bytes]) -> int:
    """Make a pipe as wide as anybody may on Linux; how many bytes go into it without waiting, 0 where nobody knows."""
    if sys.platform != "linux":
        return 0
    with contextlib.suppress(OSError):  # the system may allow a person only so much
        return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)


class _Watch:
    """Kills when ``restart`` was not called for ``seconds``; one thread for many pictures."""

    def __init__(self, kill: Callable[[], None], seconds: float) -> None:
        self.late = False
        self._kill, self._seconds = kill, seconds
        self._since = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def restart(self) -> None:
        """The picture is done; the time of the next one begins."""
        self._since = time.monotonic()

    def end(self) -> None:
        """Nothing is killed any more once this has returned."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(max(0.0, self._since + self._seconds - time.monotonic())):
            if time.monotonic() - self._since >= self._seconds:
                self.late = True
                self._kill()
                return


def _read(source: IO[bytes], size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise EOFError
    return data


class Decoder:
    """A pool of child processes; safe to use from any thread.

    Args:
        workers: number of processes, 0 for one for each processor; each starts when it is first needed.
        wall_seconds: after this long a picture is given up.
        code: the program of a child; tests put programs here that hang or crash.
    """

    def __init__(self, workers: int = 2, *, wall_seconds: float = WALL_SECONDS, code: str = CHILD) -> None:
        self.workers = workers if workers > 0 else os.cpu_count() or 1
        self._wall_seconds = wall_seconds
        self._code = code
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(self.workers):
            self._idle.put(None)

    def decode(self, data: bytes) -> Decoded:
        """Decode one file; waits for a free process.

        Raises:
            BadImage: not a picture we accept, or the process that read it hung, crashed or ran out of memory.
        """
        (answer,) = self.decode_some([data])
        if isinstance(answer, BadImage):
            raise answer
        return answer

    def decode_some(self, files: Sequence[bytes]) -> list[Decoded | BadImage]:
        """Decode several files in one process, one after the other; the answers are in the order of ``files``."""
        answers: list[Decoded | BadImage] = []
        while len(answers) < len(files):
            with self._child() as child:
                answers += child.decode(files[len(answers) :], self._wall_seconds)
        return answers

    def decode_many(self, files: Sequence[bytes]) -> list[Decoded | BadImage]:
        """Decode several files in all processes at once; the answers are in the order of ``files``."""
        size = max(1, min(AT_ONCE, -(-len(files) // self.workers)))
        groups = [files[start : start + size] for start in range(0, len(files), size)]
        with ThreadPoolExecutor(self.workers) as threads:
            return [answer for answers in threads.map(self.decode_some, groups) for answer in answers]

    @contextlib.contextmanager
    def _child(self) -> Iterator[_Child]:
        child = self._idle.get()
        try:
            if child is None or not child.alive:
                if child is not None:
                    child.close()
                child = None
                child = _Child(self._code)
            yield child
        finally:
            self._idle.put(child if child is not None and child.alive else None)

    def close(self) -> None:
        """End all processes that are idle; those at work end when their picture is done and the pool is gone."""
        children = [self._idle.get() for _ in range(self.workers)]
        for child in children:
            if child is not None:
                child.close()
            self._idle.put(None)

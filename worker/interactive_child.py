"""The process that stays: it has TensorFlow loaded and models at hand, and answers one question after another.

Nothing is ever forked from it, so it may run operations. Nothing of TensorFlow is imported at the top of this file,
because the worker imports it too.
"""

import contextlib
import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

from worker.child import failure
from worker.files import Filed, FileOrder
from worker.looking_orders import LayerLook, LookOrder
from worker.orders import ExplainOrder, Failed, HeatMaps, Predicted, PredictOrder, Question

if TYPE_CHECKING:
    from worker.answering import Answering

Answer = Predicted | HeatMaps | Filed | LayerLook | Failed | None
MEGABYTE = 2**20
NO_CARD = "-1"  # quick answers need no graphics card, and a process that stays would hold a part of its memory
HARD = 2  # times the soft limit: what the process may take at all
STATM = Path("/proc/self/statm")


@dataclass(frozen=True)
class Reply:
    """The answer to one question, None for "ready", and the memory of the process in bytes (0 where unknown)."""

    answer: Answer
    memory: int


def main(pipe: Connection, memory_mb: int) -> None:
    """Answer until the other end of ``pipe`` or the worker is gone.

    Args:
        memory_mb: half of it may be kept weights; twice of it is what the system gives at most.
    """
    _guard()
    os.environ["CUDA_VISIBLE_DEVICES"] = NO_CARD
    import worker.warm  # noqa: F401, PLC0415 - imports TensorFlow; done already in a copy of the fork server
    from worker.answering import Answering  # noqa: PLC0415 - as above

    desk = Answering(memory_mb * MEGABYTE // 2)
    desk.warm_up()
    _limit(memory_mb * MEGABYTE * HARD)
    pipe.send(Reply(None, memory()))
    while True:
        try:
            question = pipe.recv()
        except EOFError:
            return
        pipe.send(Reply(_answer(desk, question, memory_mb), memory()))


def _answer(desk: "Answering", question: Question, memory_mb: int) -> Answer:
    try:
        return _said(desk, question)
    except Exception as error:
        failed = failure(error, question)
        if failed.code != "out_of_memory":
            return failed
        desk.forget()
        return Failed("answer_memory", {"limit_mb": memory_mb * HARD})


def _said(desk: "Answering", question: Question) -> Answer:
    if isinstance(question, PredictOrder):
        return desk.predict(question)
    if isinstance(question, ExplainOrder):
        return desk.explain(question)
    if isinstance(question, FileOrder):
        return desk.file(question)
    if isinstance(question, LookOrder):
        return desk.look(question)
    desk.prepare(question)
    return None


def memory() -> int:
    """Bytes of this process that are in memory; 0 where the system does not say."""
    try:
        return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _limit(most: int) -> None:
    """Let an allocation beyond ``most`` bytes fail with an error, before the system has to kill somebody."""
    try:
        import resource  # noqa: PLC0415 - Unix only
    except ImportError:
        return
    with contextlib.suppress(ValueError, OSError):  # a stricter limit holds already
        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _guard() -> None:
    """End with the worker, and before the database or the pages when the machine runs out of memory."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the worker, which ends this process
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os._exit(0)

    threading.Thread(target=watch, name="guard", daemon=True).start()

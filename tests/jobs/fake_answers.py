"""Programs in place of the process that answers: one that crashes, one that hangs, one that grows. No TensorFlow."""

import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path
from unittest.mock import patch

from app.config import Settings
from worker import interactive_child
from worker.interactive_child import MEGABYTE, Reply
from worker.orders import Predicted, PredictOrder

ANSWER = Predicted([[0.25, 0.75]], "conv2", [], 0.01)


def order(folder: Path) -> PredictOrder:
    """The question of these tests; ``folder`` is where the programs remember what they did."""
    return PredictOrder(Settings(data_dir=folder).store_address, {}, str(folder), ("weights",), None, 1)


def good(pipe: Connection, _memory_mb: int) -> None:
    _serve(pipe, lambda _folder: None)


def crash_once(pipe: Connection, _memory_mb: int) -> None:
    def crash(folder: Path) -> None:
        if not (folder / "crashed").exists():
            (folder / "crashed").touch()
            os.kill(os.getpid(), signal.SIGSEGV)

    _serve(pipe, crash)


def crash_always(pipe: Connection, _memory_mb: int) -> None:
    _serve(pipe, lambda _folder: os.kill(os.getpid(), signal.SIGSEGV))


def hang_once(pipe: Connection, _memory_mb: int) -> None:
    def hang(folder: Path) -> None:
        if not (folder / "hung").exists():
            (folder / "hung").touch()
            time.sleep(3600)  # a question without an end

    _serve(pipe, hang)


def tell_cards(pipe: Connection, memory_mb: int) -> None:
    """The real program; says first which graphics cards it may see."""
    with patch("worker.answering.Answering.warm_up", lambda _self: pipe.send(os.environ["CUDA_VISIBLE_DEVICES"])):
        interactive_child.main(pipe, memory_mb)


def grow(pipe: Connection, memory_mb: int) -> None:
    _serve(pipe, lambda _folder: None, memory=(memory_mb + 1) * MEGABYTE)


def _serve(pipe, work, memory=MEGABYTE):
    pipe.send(Reply(None, MEGABYTE))
    while True:
        try:
            question = pipe.recv()
        except EOFError:
            return
        work(Path(question.picture))
        pipe.send(Reply(ANSWER, memory))

"""Which workers of the same machine are gone, told by the system and not by a lease."""

import os
import signal
import subprocess
import sys

import pytest

from worker import presence

TELL = "from worker import presence; print(presence.mark(), flush=True); input()"

pytestmark = pytest.mark.skipif(not presence.PROC.joinpath("self/stat").exists(), reason="the system has no /proc")


@pytest.fixture
def other():
    """A process that said who it is, and waits; with its words."""
    with subprocess.Popen([sys.executable, "-c", TELL], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


def test_gone__not_while_it_runs_or_is_stopped(other):
    process, marked = other
    assert not presence.gone(marked)
    process.send_signal(signal.SIGSTOP)
    assert not presence.gone(marked)


def test_gone__once_it_ended_even_before_anybody_asked_how(other):
    process, marked = other
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and can still be asked how
    assert presence.gone(marked)
    process.wait()
    assert presence.gone(marked)


def test_gone__when_its_number_belongs_to_another_process(other):
    _, marked = other
    place, started = marked.rpartition(" ")[0], int(marked.rpartition(" ")[2])
    assert presence.gone(f"{place} {started - 1}")


def test_gone__not_when_the_system_hides_a_process_that_is_there(other, monkeypatch, tmp_path):
    process, marked = other
    presence.mark()  # the place is known before the processes are hidden
    monkeypatch.setattr(presence, "PROC", tmp_path)
    assert not presence.gone(marked)

    def foreign(_number: int, _signal: int) -> None:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(os, "kill", foreign)
        assert not presence.gone(marked)
    process.kill()
    process.wait()
    assert presence.gone(marked)


@pytest.mark.parametrize("marked", ["", "3f1c 4026531836 1 7", "nonsense", "a b", "a b c"])
def test_gone__never_for_another_machine_or_without_words(marked):
    assert not presence.gone(marked)


def test_mark__is_this_process():
    assert presence.mark()
    assert presence.mark() == presence.mark()
    assert not presence.gone(presence.mark())

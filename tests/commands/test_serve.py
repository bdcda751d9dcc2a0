"""The commands as a person types them: real processes, a real training, a real end."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.config import child_environment
from tests import factories, servers
from tests.jobs import processes

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--set", "epochs=2", "--set", "image_size=32", "--set", "patience=0"]

pytestmark = pytest.mark.slow


class Command:
    """One running command with the lines it has printed."""

    def __init__(self, data_dir: Path, *words: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", *words],
            cwd=ROOT,
            env={**child_environment(), "MIWAKE_DATA_DIR": str(data_dir)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def line(self, pattern: str) -> re.Match[str]:
        """Wait for a line that has ``pattern`` in it."""

        def look() -> re.Match[str] | None:
            assert self.process.poll() is None, "\n".join(self.lines)
            return next((found for line in list(self.lines) if (found := re.search(pattern, line))), None)

        return processes.wait_for(pattern, look)

    def stop(self) -> int:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(120)
        self._reader.join(60)  # its last line may still be in the pipe
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextlib.contextmanager
def started(data_dir: Path, *words: str) -> Iterator[Command]:
    command = Command(data_dir, *words)
    try:
        yield command
    finally:
        command.close()


def get(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.status, answer.read().decode()


def test_serve__answers_survives_its_children_and_leaves_no_process(tmp_path):
    with started(tmp_path / "data", "serve", "--port", "0") as serve:
        address = serve.line(r"Miwake is ready: (\S+)").group(1)
        assert get(f"{address}/healthz")[0] == 200
        web = processes.wait_for("the web process", lambda: below_with(serve, " web "))
        worker = processes.wait_for("the worker", lambda: below_with(serve, "-m worker"))
        below = processes.descendants(serve.process.pid)
        processes.send(web, signal.SIGKILL)
        serve.line(r"web \| ended with code -9; starting it again")
        processes.wait_for("the new web process", lambda: _answers(address))
        processes.send(worker, signal.SIGKILL)
        serve.line(r"worker \| ended with code -9; starting it again")
        below |= processes.descendants(serve.process.pid)
        assert serve.stop() == 0
        assert serve.lines[-1] == "Stopped."
        processes.wait_for("the end of all processes", lambda: all(processes.gone(pid) for pid in below))


def test_serve__killed_takes_its_children_with_it(tmp_path):
    with started(tmp_path / "data", "serve", "--port", "0") as serve:
        serve.line("Miwake is ready")
        below = processes.descendants(serve.process.pid)
        assert len(below) >= 2
        serve.process.kill()
        processes.wait_for("the end of all processes", lambda: all(processes.gone(pid) for pid in below))


def test_serve__ends_in_good_order_while_the_broker_cannot_be_reached(tmp_path, monkeypatch):
    monkeypatch.setenv("MIWAKE_BROKER_URL", f"redis://127.0.0.1:{servers.free_port()}/0")
    with started(tmp_path / "data", "serve", "--port", "0") as serve:
        serve.line("Miwake is ready")
        serve.line(r"worker \| .*Cannot connect to redis")
        below = processes.descendants(serve.process.pid)
        assert serve.stop() == 0
        told = "\n".join(serve.lines)
        assert serve.lines[-1] == "Stopped."
        assert ("Traceback" in told, "Error:" in told.split("Stopping")[1]) == (False, False), told
        processes.wait_for("the end of all processes", lambda: all(processes.gone(pid) for pid in below))


@pytest.mark.ml
def test_train__waits_with_a_worker_of_its_own_and_prints_json(tmp_path):
    data_dir, pictures = tmp_path / "data", tmp_path / "pictures"
    for place, name in enumerate(("好中球", "単球")):
        for split, count in (("train", 8), ("test", 3)):
            (pictures / split / name).mkdir(parents=True)
            for number in range(count):
                (pictures / split / name / f"{number}.png").write_bytes(
                    factories.png(100 * place + 10 * count + number)
                )
    assert run(data_dir, "import", "血球", str(pictures), "--json")["new"] == 22
    words = ["train", "血球", "--preset", "wbc", "--folds", "2", *TINY, "--wait", "--json"]
    result = run(data_dir, *words)
    assert (result["state"], result["kind"], len(result["folds"])) == ("done", "kfold", 2)
    assert result["validation"]["images"] == 16
    assert result["test"]["images"] == 6
    assert result["seconds"] > 0
    low, high = result["test"]["accuracy_95"]
    assert 0 <= low <= result["test"]["accuracy"] <= high <= 1
    assert run(data_dir, "report", "血球", "1", "--json")["test"] == result["test"]
    wild = ["--set", "optimizer=sgd", "--set", "learning_rate=10", "--set", "normalisation=none", "--set", "epochs=20"]
    failed = subprocess_of(data_dir, *words, *wild)
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["error"]["code"] == "loss_not_finite"
    assert "learning rate" in failed.stderr


def subprocess_of(data_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**child_environment(), "MIWAKE_DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "app", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def run(data_dir: Path, *words: str) -> Any:
    done = subprocess_of(data_dir, *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def below_with(command: Command, words: str) -> int | None:
    """The process below the command whose command line has these words in it."""
    below = processes.descendants(command.process.pid)
    return next((pid for pid, line in below.items() if words in line), None)


def _answers(address: str) -> bool:
    time.sleep(0.1)
    with contextlib.suppress(OSError):
        return get(f"{address}/healthz")[0] == 200
    return False

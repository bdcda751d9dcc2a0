"""What an installation costs while nothing is done: processor and memory of web, worker and broker.

``python -m benchmarks.idle [seconds]``: once with the embedded broker on SQLite, once with Redis.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Sequence

from app.db.session import Database
from app.services import jobs
from benchmarks.processes import Server, cpu_seconds, family, memory_mb, server, wait_for
from benchmarks.records import Record, machine, write
from tests.chaos import machines

COMMAND = "python -m benchmarks.idle"
SECONDS = 60.0
TARGET_PERCENT = 1.0
READY = "process kept ready for predictions"
PARTS = {
    " web ": "web",
    "-m worker": "worker",
    "forkserver": "fork server with TensorFlow",
    "resource_tracker": "worker's clean-up",
    "app serve": "parent of both",
}


def parts(pid: int) -> dict[int, str]:
    """The processes of an installation and what they are."""
    below = family(pid)
    named = {
        one: next((name for sign, name in PARTS.items() if sign in words), "other") for one, words in below.items()
    }
    for one in [one for one, name in named.items() if name == PARTS["forkserver"]]:
        named |= {copy: READY for copy in family(one) if copy != one}
    return named


def settle(pid: int) -> None:
    """Wait until nothing is imported or prepared any more."""

    def used() -> float:
        return sum(cpu_seconds(one) for one in family(pid))

    def quiet() -> bool:
        before = used()
        time.sleep(5.0)  # what is measured is the use of time
        return used() - before < 0.5

    wait_for("the end of the start", quiet)


def measure(own: Server, seconds: float, more: dict[int, str]) -> list[tuple[str, float, float]]:
    """(part, percent of one core, MB) of all processes of an installation that is left alone for ``seconds``."""
    own.address()
    database = Database(own.settings.database)

    def alive() -> bool:
        with database.read() as session:
            return bool(jobs.workers_alive(session))

    wait_for("a worker", alive, 0.1)
    database.dispose()
    settle(own.process.pid)
    named = parts(own.process.pid) | more
    before = {pid: cpu_seconds(pid) for pid in named}
    begin = time.perf_counter()
    time.sleep(seconds)
    passed = time.perf_counter() - begin
    percent: dict[str, float] = defaultdict(float)
    memory: dict[str, float] = defaultdict(float)
    for pid, name in named.items():
        percent[name] += 100 * (cpu_seconds(pid) - before[pid]) / passed
        memory[name] += memory_mb(pid)
    return [(name, percent[name], memory[name]) for name in percent]


def records(place: str, measured: list[tuple[str, float, float]], seconds: float) -> list[Record]:
    """Figures of one installation; the target holds for each part."""
    found = []
    for name, percent, memory in measured:
        met = percent <= TARGET_PERCENT
        note = f"of one core, over {seconds:.0f} s; {memory:.0f} MB of memory (PSS)"
        found.append(Record(f"{name}, {place}", round(percent, 2), "%", TARGET_PERCENT, met, COMMAND, note))
    whole = sum(memory for _, _, memory in measured)
    found.append(Record(f"Memory of all, {place}", round(whole), "MB", command=COMMAND))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both and write the figures."""
    words = sys.argv[1:] if arguments is None else arguments
    seconds = float(words[0]) if words else SECONDS
    found: list[Record] = []
    with server() as own:
        found += records("SQLite and the embedded broker", measure(own, seconds, {}), seconds)
    with machines.broker() as broker, server({"MIWAKE_BROKER_URL": broker.url}) as own:
        found += records("SQLite and Redis", measure(own, seconds, {broker.pid: "Redis"}), seconds)
    write("idle", found, machine())
    for record in found:
        print(f"{record.name}: {record.value} {record.unit} {record.note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs the benchmarks one after the other: ``python -m benchmarks [name ...]``; ``make bench`` then writes the page.

The real pictures are another command, ``python -m benchmarks.results``: they take much longer.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence

from app.config import child_environment

PROGRAMS = {
    "engine": "five folds beside the post's own program; heat maps",
    "transfer": "frozen epochs beside a peer; from files to a tested transfer classifier",
    "peers": "training beside the posts' programs, PyTorch, scikit-learn, and what the machine can compute",
    "memory": "peak memory with 24,000 and 100,000 pictures",
    "ensemble": "from the click to five models with report and heat maps",
    "demo": "from the first command to the review page",
    "imports": "pictures a second that come into a project",
    "latency": "from the click to the first training step, and small jobs in a second",
    "interactive": "from a question to its answer, on a quiet machine and beside a training",
    "idle": "processor and memory while nothing is done",
    "scale": "server time of each page with 200,000 and 1,000,000 images",
    "compare": "data of the compare page with 20,000 and 200,000 answers",
    "keys": "from a key in label mode to the next picture, with 100,000 images",
    "labels": "10,000 labels by 16 clients at once",
    "streams": "what 200 open pages cost the server",
    "safety": "what repeatability and checkpoints cost a training",
    "storage": "pictures in a folder, in a bucket, and through the cache; moving an installation",
    "features": "what the offline network computes in a second; neighbours, suggestions and the map of 100,000 images",
    "inspecting": "server time of the pages of one run with up to 200,000 answers and 100 classes",
    "label_errors": "planted label errors found by our confident learning and by cleanlab",
    "whitening": "time and memory of fitting ZCA whitening",
    "deletion": "how long a project of 100,000 images takes to go, and what others wait meanwhile",
    "finders": "recall and precision of what the health page finds; how long a check takes",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run each program in a process of its own, so that none measures what another left behind."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("only", nargs="*", choices=[[], *PROGRAMS], help="; ".join(map(": ".join, PROGRAMS.items())))
    names = parser.parse_args(arguments).only or list(PROGRAMS)
    failed = []
    for name in names:
        print(f"--- {name}: {PROGRAMS[name]}", flush=True)
        if subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"], env=child_environment(), check=False
        ).returncode:
            failed.append(name)
    if failed:
        print(f"These ended with an error: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

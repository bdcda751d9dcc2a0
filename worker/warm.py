"""Imports the libraries of a training once, before the first job. No operation of TensorFlow may run here.

Keras looks for two libraries that it can take data from and that we never give it. Where they are installed, for
whatever reason, they would cost a quarter of the time of the import and 80 MB in every process of a worker.

What is loaded stays to the end, and the collector of garbage is told so. To look through it would take a second of a
training whose network has many layers, and would make a copy of 50 MB of it in each process.

TensorFlow writes lines to the standard error output while it is imported, before its log level is read. They tell a
person nothing and are held back; an import that fails says so again, and loudly, in the process of the job.
"""

import contextlib
import gc
import logging
import os
import sys
from collections.abc import Iterator

UNUSED = ("pandas", "sklearn")


@contextlib.contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """As if these libraries were not installed, unless they are loaded already."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # an import of what is None here fails
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def _import_quietly() -> None:
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with _without(UNUSED):
            import keras  # noqa: F401, PLC0415 - as below
        from worker import explaining, training  # noqa: F401, PLC0415 - the import is the purpose
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


_import_quietly()
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its warnings are about the speed of our own code
gc.collect()
gc.freeze()

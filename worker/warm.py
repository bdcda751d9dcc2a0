"""Imports the libraries of a training once, before the first job. No operation of TensorFlow may run here.

TensorFlow writes lines to the standard error output while it is imported, before its log level is read. They tell a
person nothing and are held back; an import that fails says so again, and loudly, in the process of the job.
"""

import logging
import os
import sys


def _import_quietly() -> None:
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        from worker import explaining, training  # noqa: F401, PLC0415 - the import is the purpose
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


_import_quietly()
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its warnings are about the speed of our own code

"""Commands whose module is imported only when they are asked for."""

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import Any

from app.config import Settings

Command = Callable[[Settings, argparse.Namespace], int]


def lazily(module: str, call: Callable[[Any, Settings, argparse.Namespace], int]) -> Command:
    """Import the module of a command only when it is asked for: ``--help`` and ``train`` need no web server."""
    return lambda settings, typed: call(import_module(f"app.commands.{module}"), settings, typed)

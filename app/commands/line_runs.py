"""What can be typed about runs: train them, judge them again, print what came of them."""

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

from app.commands.lazy import lazily
from app.config import Settings
from app.domain import best
from app.domain.presets import PRESETS
from app.domain.views import SEVERAL
from app.services.spreading import Spread

MOST_PRIORITY = 1000


def add(commands: Any) -> None:
    """Add the commands to those of the program."""
    _add_train(commands)
    _add_judge(commands)
    _add_report(commands)


def _add_train(commands: Any) -> None:
    parser = commands.add_parser("train", help="train the best of the ready recipes, or one of them")
    parser.add_argument("project", metavar="PROJECT")
    parser.add_argument("--preset", default=best.NAME, metavar="P", help=", ".join([*PRESETS, best.NAME]))
    parser.add_argument("--folds", type=int, metavar="K", help="K-fold; 0 for hold-out")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a value of the recipe")
    parser.add_argument("--seed", type=int)
    parser.add_argument(
        "--vary", action="append", default=[], metavar="KEY=V,V", help="a training of each value; again: of each pair"
    )
    parser.add_argument("--name", default="", help="name of the run")
    parser.add_argument("--spread", choices=list(Spread), default=Spread.AUTO, help="folds by one worker or by many")
    parser.add_argument("--on", default="", metavar="WHERE", help="gpu, or the name of the host whose worker trains")
    parser.add_argument("--priority", type=int, default=0, metavar="N", help="the greater goes first; 0")
    parser.add_argument("--wait", action="store_true", help="stay until it has ended; starts a worker if none is alive")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(command=_train)


def _train(settings: Settings, typed: argparse.Namespace) -> int:
    module = import_module("app.commands.training")
    wish = module.Wish(
        typed.project, typed.preset, typed.folds, typed.set, typed.seed, typed.name, typed.wait, typed.json,
        typed.vary, Spread(typed.spread), typed.on, max(-MOST_PRIORITY, min(typed.priority, MOST_PRIORITY)),
    )  # fmt: skip
    code: int = module.run(settings, wish)
    return code


def _add_judge(commands: Any) -> None:
    parser = commands.add_parser("judge", help="judge a finished run again with several views of each picture")
    parser.add_argument("project", metavar="PROJECT")
    parser.add_argument("run", metavar="RUN", type=int, help="number of the run")
    parser.add_argument("--views", default="", metavar="KIND", help=f"{', '.join(SEVERAL)}; without it: what there is")
    parser.add_argument("--wait", action="store_true", help="stay until it has ended; starts a worker if none is alive")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def judge(module: Any, settings: Settings, typed: argparse.Namespace) -> int:
        wish = module.Wish(typed.project, typed.run, typed.views, typed.wait, typed.json)
        code: int = module.run(settings, wish)
        return code

    parser.set_defaults(command=lazily("judging", judge))


def _add_report(commands: Any) -> None:
    parser = commands.add_parser("report", help="print the result of a run")
    parser.add_argument("project", metavar="PROJECT")
    parser.add_argument("run", metavar="RUN", type=int, help="number of the run")
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the whole report as one HTML file instead")
    parser.add_argument("--language", choices=("en", "ja"), default="en", help="of the HTML file")

    def call(module: Any, settings: Settings, typed: argparse.Namespace) -> int:
        return int(module.run(settings, typed.project, typed.run, as_json=typed.json))

    def save(module: Any, settings: Settings, typed: argparse.Namespace) -> int:
        return int(module.save(settings, typed.project, typed.run, typed.html, typed.language))

    def chosen(settings: Settings, typed: argparse.Namespace) -> int:
        command = lazily("reporting", call) if typed.html is None else lazily("report_file", save)
        return command(settings, typed)

    parser.set_defaults(command=chosen)

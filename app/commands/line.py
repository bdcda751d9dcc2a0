"""The command line: what can be typed, and which command it is."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from app.commands import line_runs, settings_table
from app.commands.common import Exit, opened, put
from app.commands.ending import ended
from app.commands.lazy import Command, lazily
from app.config import Settings


def main(words: Sequence[str]) -> int:
    """Run the command that ``words`` ask for; return its exit code."""
    typed = _parser().parse_args(words)
    command: Command = typed.command
    return ended(lambda: command(_settings(typed), typed))


def _settings(typed: argparse.Namespace) -> Settings:
    settings = Settings.from_env()
    if getattr(typed, "port", None) is not None:
        settings = replace(settings, port=typed.port)
    return settings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app",
        description="Label images, train a classifier, see where it is wrong. Settings: docs/settings.md.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_servers(commands)
    _add_import(commands)
    _add_export(commands)
    _add_versions(commands)
    _add_photo_times(commands)
    line_runs.add(commands)
    _add_delete(commands)
    _add_weights(commands)
    _add_check(commands)
    _add_migrate_storage(commands)
    migrate = commands.add_parser("migrate", help="bring the database to the newest schema")
    migrate.set_defaults(command=_migrate)
    table = commands.add_parser("settings", help="print the table of settings")
    table.set_defaults(command=_print_settings)
    return parser


def _add_servers(commands: Any) -> None:
    serve = commands.add_parser("serve", help="web pages and a worker with one command")
    serve.set_defaults(command=lazily("serve", lambda module, settings, _: module.run(settings)))
    demo = commands.add_parser("demo", help="the same, with a sample project that trains at once")
    demo.set_defaults(command=lazily("demo", lambda module, settings, _: module.run(settings)))
    web = commands.add_parser("web", help="the web pages alone")
    web.add_argument("--fd", type=int, help=argparse.SUPPRESS)
    web.add_argument("--end-with-parent", action="store_true", help=argparse.SUPPRESS)
    web.set_defaults(
        command=lazily(
            "web", lambda module, settings, typed: module.run(settings, fd=typed.fd, with_parent=typed.end_with_parent)
        )
    )
    for command in (serve, demo, web):
        command.add_argument("--port", type=int, help="port of the pages (MIWAKE_PORT; 8124)")
    worker = commands.add_parser("worker", help="a worker alone")
    worker.set_defaults(command=lazily("serve", lambda module, settings, _: module.work(settings)))


def _add_import(commands: Any) -> None:
    parser = commands.add_parser("import", help="import a folder, a zip or an .npz into a project")
    parser.add_argument("project", metavar="PROJECT", help="name of the project; a new name makes it")
    parser.add_argument("source", metavar="SOURCE", type=Path, help="a folder, a zip or an .npz of NumPy")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    rule = "what a folder means, again for each: FOLDER= for no label, FOLDER=- to leave it out"
    parser.add_argument("--map", action="append", default=[], metavar="FOLDER=CLASS", help=rule)
    parser.add_argument("--class", dest="every", default="", metavar="CLASS", help="one class for all pictures")

    parser.add_argument("--list", type=Path, metavar="FILE", help="CSV with a column path, or JSON of Label Studio")
    parser.add_argument("--from", dest="origin", default="", metavar="TEXT", help="where the pictures come from")
    parser.add_argument("--licence", default="", metavar="TEXT", help="their licence")
    parser.add_argument("--publish", default="", choices=("yes", "no"), help="whether they may be published")

    def run(module: Any, settings: Settings, typed: argparse.Namespace) -> int:
        rights = module.rights_of(typed.origin, typed.licence, typed.publish)
        about = module.About(module.rules_of(typed.map, typed.every), typed.list, rights)
        code: int = module.run(settings, typed.project, typed.source, as_json=typed.json, about=about)
        return code

    parser.set_defaults(command=lazily("importing", run))


def _add_export(commands: Any) -> None:
    parser = commands.add_parser("export", help="write a data set into a file: folders in a zip, CSV or JSON")
    parser.add_argument("project", metavar="PROJECT")
    parser.add_argument("--to", required=True, type=Path, metavar="FILE", help="the file, which must not exist yet")
    parser.add_argument("--format", default="", choices=("folders", "csv", "json"), help="otherwise as FILE ends")
    parser.add_argument("--allowed", action="store_true", help="only images that may be published")
    parser.add_argument("--excluded", action="store_true", help="excluded images too, in a folder of their own")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def export(module: Any, settings: Settings, typed: argparse.Namespace) -> int:
        wish = module.Wish(typed.project, typed.to, typed.format, typed.allowed, typed.excluded, typed.json)
        code: int = module.run(settings, wish)
        return code

    parser.set_defaults(command=lazily("exporting", export))


def _add_versions(commands: Any) -> None:
    parser = commands.add_parser("versions", help="list, freeze and compare numbered data versions")
    parser.add_argument("project", metavar="PROJECT")
    parser.add_argument("--freeze", metavar="NAME", help="freeze the data as it is now; NAME may be empty")
    parser.add_argument("--compare", nargs=2, type=int, default=(), metavar=("A", "B"), help="what lies between two")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def versions(module: Any, settings: Settings, typed: argparse.Namespace) -> int:
        code: int = module.run(settings, module.Wish(typed.project, typed.freeze, typed.compare, typed.json))
        return code

    parser.set_defaults(command=lazily("versions", versions))


def _add_photo_times(commands: Any) -> None:
    parser = commands.add_parser("photo-times", help="read when pictures were taken that came before this was read")
    parser.add_argument("project", metavar="PROJECT", nargs="?", default="", help="one project; without it all")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def photo_times(module: Any, settings: Settings, typed: argparse.Namespace) -> int:
        code: int = module.run(settings, module.Wish(typed.project, typed.json))
        return code

    parser.set_defaults(command=lazily("photo_times", photo_times))


def _add_delete(commands: Any) -> None:
    parser = commands.add_parser("delete", help="delete a project for good, with its images, labels and runs")
    parser.add_argument("project", metavar="PROJECT")
    parser.add_argument("--yes", action="store_true", help="without it only what would go is printed")
    parser.add_argument("--json", action="store_true", help="print it as JSON")

    def delete(module: Any, settings: Settings, typed: argparse.Namespace) -> int:
        return int(module.run(settings, typed.project, sure=typed.yes, as_json=typed.json))

    parser.set_defaults(command=lazily("deleting", delete))


def _add_weights(commands: Any) -> None:
    parser = commands.add_parser("weights", help="list or download the files of weights of pretrained networks")
    parser.add_argument("name", metavar="NAME", nargs="?", default="", help="one network; without it all")
    parser.add_argument("--download", action="store_true", help="download what is missing; without it nothing is")
    parser.add_argument("--json", action="store_true", help="print the list as JSON")

    def weights(module: Any, settings: Settings, typed: argparse.Namespace) -> int:
        code: int = module.run(settings, module.Wish(typed.name, typed.download, typed.json))
        return code

    parser.set_defaults(command=lazily("weights", weights))


def _add_check(commands: Any) -> None:
    parser = commands.add_parser("check", help="name every inconsistency between rows, files and queue")
    parser.add_argument("--fix", action="store_true", help="put right what can be without any loss")
    parser.add_argument("--quick", action="store_true", help="leave the bytes of the files unread")
    parser.add_argument("--json", action="store_true", help="print what is found as JSON")

    def check(module: Any, settings: Settings, typed: argparse.Namespace) -> int:
        code: int = module.run(settings, fix=typed.fix, as_json=typed.json, quick=typed.quick)
        return code

    parser.set_defaults(command=lazily("check", check))


def _add_migrate_storage(commands: Any) -> None:
    parser = commands.add_parser("migrate-storage", help="move to another database and another store of files")
    parser.add_argument(
        "--to-database", default="", metavar="URL", help="such as postgresql+psycopg://name@host/miwake"
    )
    parser.add_argument("--to-storage", default="", metavar="URL", help="such as s3://bucket/prefix or file:///folder")
    parser.add_argument(
        "--to-env", type=Path, metavar="FILE", help="the settings of the new place, one NAME=VALUE a line"
    )
    parser.add_argument("--verify", action="store_true", help="read every file back and compare its SHA-256")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(command=_migrate_storage)


def _migrate_storage(settings: Settings, typed: argparse.Namespace) -> int:
    module = import_module("app.commands.migrate_storage")
    wish = module.Wish(typed.to_database, typed.to_storage, typed.to_env, typed.verify, typed.json)
    code: int = module.run(settings, wish)
    return code


def _migrate(settings: Settings, _typed: argparse.Namespace) -> int:
    with opened(settings):
        put("The database has the newest schema.")
    return Exit.OK


def _print_settings(_settings: Settings, _typed: argparse.Namespace) -> int:
    put(settings_table.page().rstrip())
    return Exit.OK

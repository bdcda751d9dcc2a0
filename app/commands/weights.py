"""``python -m app weights``: files of weights of pretrained networks, listed, or downloaded to this machine."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.commands.common import Exit, put, put_json, say
from app.config import Settings
from app.domain import backbones, sizes, weight_files
from app.domain.backbones import Backbone
from app.services import weight_download, weight_jobs

TELL_SECONDS = 1.0


@dataclass(frozen=True)
class Wish:
    """What was typed; ``name`` "" means all networks whose weights are a file."""

    name: str
    download: bool
    as_json: bool


def run(settings: Settings, wish: Wish) -> int:
    """Download what is missing if that is asked for, then say which files are there."""
    wanted = [weight_jobs.by_name(wish.name)] if wish.name else [one for one in backbones.KNOWN.values() if one.file]
    if wish.download:
        for about in wanted:
            _download(settings, about)
    found = [_values(settings, about) for about in wanted]
    if wish.as_json:
        put_json(found)
    else:
        _print(found, settings)
    return Exit.OK


def _download(settings: Settings, about: Backbone) -> None:
    if weight_files.sound(about, settings.weights_folder):
        return
    say(f"{about.title}: {weight_files.address(about, settings.weights_url)}")
    weight_download.download(about, settings.weights_url, settings.weights_folder, _teller(), lambda: False)


def _teller() -> Callable[[int, int], None]:
    told = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if done < total and (now - told < TELL_SECONDS or not sys.stderr.isatty()):
            return
        told = now
        say(f"{sizes.in_units(done)} of {sizes.in_units(total)}")

    return tell


def _values(settings: Settings, about: Backbone) -> dict[str, Any]:
    path = settings.weights_folder / about.file
    there = weight_files.sound(about, settings.weights_folder)
    return {
        "name": about.name,
        "title": about.title,
        "state": "there" if there else "wrong" if path.is_file() else "missing",
        "bytes": path.stat().st_size if there else about.size,
        "file": str(path),
        "url": weight_files.address(about, settings.weights_url),
        "licence": about.licence,
        "source": about.source,
    }


def _print(found: Sequence[dict[str, Any]], settings: Settings) -> None:
    put(f"folder: {settings.weights_folder}")
    for one in found:
        put(
            f"{one['name']:<20} {one['state']:<8} {sizes.in_units(one['bytes']):>8}  {one['licence']:<10}  {one['url']}"
        )

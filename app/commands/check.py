"""``python -m app check``: names every inconsistency between rows, files and queue."""

import sys
from dataclasses import replace

from app.commands.common import Exit, opened, put, put_json, say
from app.config import Settings
from app.services.checks import all as checks
from app.services.checks.found import Found
from app.storage import open_store
from app.web import messages


def run(settings: Settings, *, fix: bool, as_json: bool, quick: bool) -> int:
    """0 when everything is as it should be or was put right, else 1; one line for each finding."""
    found: list[Found] = []
    with opened(settings) as parts:
        store = open_store(replace(settings.store_address, cache_bytes=0))  # the bytes of the bucket itself
        for one in checks.run(settings, parts.database, store, settings.data_dir, _tell, read=not quick):
            if fix:
                one.mend()
            found.append(one)
            if not as_json:
                put(line(one))
    left = [one for one in found if not one.fixed]
    if as_json:
        put_json({"ok": not left, "found": [_values(one) for one in found]})
    else:
        put(_summary(found, left, fix=fix))
    return Exit.FAILED if left else Exit.OK


def line(one: Found) -> str:
    """One finding as a sentence with its code."""
    mark = "mended" if one.fixed else "can be mended" if one.fix else "found"
    return f"{mark}: {messages.say(one.code, one.params)} [{one.code}]"


def _values(one: Found) -> dict[str, object]:
    text = messages.say(one.code, one.params)
    return {
        "code": one.code,
        "message": text,
        "params": one.params,
        "can_be_mended": one.fix is not None,
        "mended": one.fixed,
    }


def _summary(found: list[Found], left: list[Found], *, fix: bool) -> str:
    if not found:
        return "Everything is as it should be."
    if fix:
        return f"{len(found)} found, {len(found) - len(left)} mended, {len(left)} left."
    mendable = sum(one.fix is not None for one in found)
    return f"{len(found)} found; {mendable} can be mended with --fix."


def _tell(done: int, total: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done} of {total} files read")
        sys.stderr.flush()
        if done == total:
            say("")

"""Label Studio's JSON export: tasks with a picture and choices; the newest choice of a task is its label."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from app.domain.filenames import shown_path
from app.domain.lists import BadList, Fault, Given, Listing, Row, class_name, decode, listing

_COLUMNS = frozenset({"path", "class"})
_UPLOAD = re.compile(r"^[0-9a-f]{8}-(?=.)")  # what an upload puts in front of the name of a file
_FIELDS = ("image", "img", "picture", "photo", "url")


def parse(data: bytes) -> Listing:
    """Read an export of the format JSON or JSON-MIN. A task that cannot be used is kept with the reason.

    Raises:
        BadList: it is neither of them.
    """
    try:
        tasks = json.loads(decode(data))
    except (ValueError, RecursionError):
        raise BadList("list_json") from None
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise BadList("list_json")
    return listing(list(_rows(tasks)))


def _rows(tasks: list[dict[str, Any]]) -> Iterator[Row]:
    """``line`` is the number of the task in the file."""
    for number, task in enumerate(tasks, start=1):
        held = task.get("data") if isinstance(task.get("data"), dict) else task
        address = _address(held if isinstance(held, dict) else {})
        if not address:
            yield Row(number, f"({number})", Fault("list_row_no_path"))
            continue
        path = _path(address)
        choices = _choices(task)
        if len(choices) > 1:
            yield Row(number, path, Fault("list_choices", {"choices": ", ".join(choices)[:200]}))
            continue
        yield Row(number, path, Given(_COLUMNS, class_name=class_name(choices[0]) if choices else None))


def _address(held: dict[str, Any]) -> str:
    """Where the picture of a task is: under one of the usual names, or the only text that looks like a file."""
    for name in _FIELDS:
        if isinstance(held.get(name), str) and held[name]:
            return str(held[name])
    texts = [value for value in held.values() if isinstance(value, str) and re.search(r"\.\w{3,4}($|\?)", value)]
    return texts[0] if len(texts) == 1 else ""


def _path(address: str) -> str:
    """The path of a file out of an address: an upload, a local file, a bucket or a plain path."""
    try:
        parts = urlsplit(address) if "://" in address or address.startswith("/data/") else None
    except ValueError:  # "http://[": a bracket that is not closed
        parts = None
    if parts is None:
        return shown_path(address)
    local = parse_qs(parts.query).get("d")
    path = shown_path(local[0] if local else unquote(parts.path))
    if "/data/upload/" in f"/{path}":
        return _UPLOAD.sub("", path.rpartition("/")[2])
    return path


def _choices(task: dict[str, Any]) -> list[str]:
    """The choices of the newest annotation that was not cancelled; of JSON-MIN those of the task."""
    annotations = task.get("annotations", task.get("completions"))
    if not isinstance(annotations, list):
        plain = task.get("choice", task.get("label", []))
        if isinstance(plain, dict):
            plain = plain.get("choices", [])
        return [plain] if isinstance(plain, str) else _texts(plain)
    kept = [one for one in annotations if isinstance(one, dict) and not one.get("was_cancelled")]
    for annotation in sorted(kept, key=lambda one: str(one.get("updated_at", "")), reverse=True):
        results = annotation.get("result")
        found = [
            text
            for result in (results if isinstance(results, list) else [])
            if isinstance(result, dict) and isinstance(result.get("value"), dict)
            for text in _texts(result["value"].get("choices"))
        ]
        if found:
            return found
    return []


def _texts(held: object) -> list[str]:
    return [text for text in held if isinstance(text, str)] if isinstance(held, list) else []

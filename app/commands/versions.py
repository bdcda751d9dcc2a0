"""``python -m app versions``: numbered data versions, frozen and compared without a browser."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.commands.common import Exit, find_project, opened, put, put_json
from app.config import Settings
from app.domain.errors import NotFound
from app.services import projects, version_changes, versions
from app.web.deps import login_name


@dataclass(frozen=True)
class Wish:
    """What was typed. ``freeze``: a name for the data as it is now, perhaps ""; ``compare``: two numbers or none."""

    project: str
    freeze: str | None
    compare: Sequence[int]
    as_json: bool


def run(settings: Settings, wish: Wish) -> int:
    """Freeze if that is asked for, then print the versions, or what lies between two."""
    with opened(settings) as parts, parts.write() as session:
        project = find_project(session, wish.project)
        if project is None:
            raise NotFound("project_missing", slug=wish.project)
        if wish.freeze is not None:
            versions.freeze(session, project.id, actor=settings.user or login_name(), name=wish.freeze)
        found: Any
        if wish.compare:
            a, b = wish.compare
            names = {item.id: item.name for item in projects.by_slug(session, project.slug).classes}
            found = version_changes.as_json(session, project.id, names, a, b)
        else:
            found = [line.as_json() for line in versions.listed(session, project.id)]
    if wish.as_json:
        put_json(found)
    elif wish.compare:
        _print_changes(found)
    else:
        _print_versions(found)
    return Exit.OK


def _print_versions(found: list[dict[str, Any]]) -> None:
    for one in found:
        runs = ", ".join(map(str, one["runs"])) or "none"
        put(f"{one['number']:>4}  {one['images']:>8} images, {one['labelled']} labelled; runs: {runs}  {one['name']}")


def _print_changes(found: dict[str, Any]) -> None:
    for kind in version_changes.Kind:
        put(f"{kind:<10} {found[kind]:>8}")
    for one in found["labels"]:
        put(f"  {one['from'] or 'no label'} -> {one['to'] or 'no label'}: {one['count']}")
    put(f"{'renamed':<10} {len(found['renamed']):>8}")
    for one in found["renamed"]:
        put(f"  {one['from']} -> {one['to']}")

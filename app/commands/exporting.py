"""``python -m app export``: a data set into a file, without a browser."""

from dataclasses import dataclass
from pathlib import Path

from app.commands.common import Exit, find_project, opened, put, put_json
from app.config import Settings
from app.domain.errors import Conflict, Invalid, NotFound
from app.services import exports
from app.services.exports import Format
from app.services.gallery import ImageFilter
from app.storage import sync


@dataclass(frozen=True)
class Wish:
    """What was typed. ``form`` "" follows the ending of ``to``; ``excluded``: excluded images go along."""

    project: str
    to: Path
    form: str
    allowed: bool
    excluded: bool
    as_json: bool


def run(settings: Settings, wish: Wish) -> int:
    """Write the file; it has its name only once it is whole. A file that is there already is not replaced."""
    form = _form(wish)
    if wish.to.exists():
        raise Conflict("file_exists", file=str(wish.to))
    if not wish.to.absolute().parent.is_dir():
        raise Invalid("folder_missing", folder=str(wish.to.absolute().parent))
    with opened(settings) as parts:
        with parts.database.read() as session:
            project = find_project(session, wish.project)
            if project is None:
                raise NotFound("project_missing", slug=wish.project)
            chosen = ImageFilter(state=None) if wish.excluded else ImageFilter()
            left_out = 0 if wish.excluded else exports.amount(session, project.id, chosen).excluded
            export = exports.prepare(session, project, chosen, allowed=wish.allowed)
        part = wish.to.with_name(wish.to.name + ".part")
        try:
            with part.open("wb") as file:
                file.writelines(exports.written(export, form, parts.store))
            sync(part)
            part.rename(wish.to)
        finally:
            part.unlink(missing_ok=True)
    return _told(wish, form, export, left_out)


def _told(wish: Wish, form: Format, export: exports.Export, left_out: int) -> int:
    result = {"project": export.about["project"], "images": export.count, "format": str(form), "file": str(wish.to)}
    if wish.as_json:
        put_json(result | {"excluded_left_out": left_out, "bytes": wish.to.stat().st_size})
        return Exit.OK
    put(f"{export.count} images of {result['project']} are in {wish.to}.")
    if left_out:
        put(f"{left_out} excluded images were left out; --excluded takes them along.")
    return Exit.OK


def _form(wish: Wish) -> Format:
    if wish.form:
        return Format(wish.form)
    by_ending = {f".{form.ending}": form for form in Format}
    return by_ending.get(wish.to.suffix.lower(), Format.FOLDERS)

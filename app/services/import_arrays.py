"""The ``.npz`` files of a folder: each stands for its pictures, which are read one after the other."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from app.domain.archive import BadArchive
from app.domain.errors import BadImage
from app.domain.filenames import shown_path
from app.domain.npz import ENDING, Npz, beside, stem_of
from app.services.imports import Incoming


def is_npz(path: str) -> bool:
    """True for a file that is one by its name."""
    return path.lower().endswith(ENDING)


def count(folder: Path, path: str) -> int:
    """How many pictures it stands for; one that cannot be used stands for itself."""
    with suppress(BadArchive, OSError), Npz(folder / path, stem_of(path)) as archive:
        return len(archive.entries)
    return 1


def pictures(folder: Path, path: str, known: set[str]) -> Iterator[Incoming]:
    """The pictures that are not ``known`` by their paths, or the file itself with the reason why it is refused."""
    try:
        with Npz(folder / path, stem_of(path)) as archive:
            for entry in archive.entries:
                here = beside(path, entry.path)
                if shown_path(here) in known:
                    continue
                taken = Incoming(here, None, entry.code, archive.params(entry), entry.skipped, entry.given)
                if not entry.code:
                    try:
                        taken = replace(taken, data=archive.read(entry))
                    except BadImage as error:
                        taken = replace(taken, code=error.code)
                yield taken
    except BadArchive as error:
        yield Incoming(path, None, error.code, dict(error.params))

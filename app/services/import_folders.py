"""The folders of what somebody is about to import, with the class and the split that each of them seems to mean."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from app.db.models import Project
from app.domain.filenames import common_root, place, without_root
from app.domain.folder_rules import folder_of, plain_folder
from app.domain.npz import opened
from app.domain.zipnames import Encoding
from app.services.class_names import KnownNames

SHOWN = 500


@dataclass(frozen=True)
class Meaning:
    """One folder. ``known``: its class is there. ``near``: another class that may be meant, and ``why`` (see
    ``class_names.KnownNames``), "" for none.
    """

    folder: str
    count: int
    class_name: str
    known: bool
    near: str
    why: str
    split: str


def meanings(
    session: Session,
    project: Project,
    folders: Mapping[str, int],
    *,
    labels: bool,
    splits: bool,
    root: str | None = None,
) -> list[Meaning]:
    """The folders in the order of their names, at most 500.

    Args:
        session: reads.
        project: whose classes are offered.
        folders: path -> number of files.
        labels: folder names are classes.
        splits: folders may be named after splits.
        root: the folder that holds everything; found from the paths when None.
    """
    counts: Counter[str] = Counter()
    for path, count in folders.items():
        counts[plain_folder(path)] += count
    if root is None:
        root = common_root(f"{path}/x" for path in counts)
    known = KnownNames(session, project)
    found = []
    for path in sorted(counts)[:SHOWN]:
        says = place(without_root(f"{path}/x".lstrip("/"), root), labels=labels, splits=splits)
        said = says.class_name or ""
        there = known.find(said)
        found.append(Meaning(path, counts[path], there or said, bool(there), *known.other(said), says.split or ""))
    return found


@dataclass(frozen=True)
class Contents:
    """What a zip holds. ``folders``: number of files of each. ``root``: the folder that holds everything.

    ``lists``: names of tables and JSON at its top, which may say what the pictures are.
    """

    folders: Mapping[str, int]
    root: str
    lists: Sequence[str]
    encoding: str


def of_zip(path: Path, max_file_bytes: int, encoding: Encoding | None) -> Contents:
    """What a zip holds, and how its names were read.

    Raises:
        BadArchive: the zip is refused as a whole.
    """
    with opened(path, max_file_bytes, encoding) as archive:
        paths = [entry.path for entry in archive.entries if not entry.skipped and not entry.code]
        top = [name for one in paths if "/" not in (name := without_root(one, archive.root))]
        lists = sorted(name for name in top if name.lower().endswith((".csv", ".tsv", ".json")))
        return Contents(dict(Counter(map(folder_of, paths))), archive.root, lists, str(archive.encoding))

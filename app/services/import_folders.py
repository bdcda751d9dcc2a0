"""The folders of what somebody is about to import, with the class and the split that each of them seems to mean."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from app.db.models import Project
from app.domain.filenames import common_root, place, without_root
from app.domain.folder_rules import alike, folder_of, plain_folder
from app.domain.npz import opened
from app.domain.zipnames import Encoding
from app.services import classes

SHOWN = 500


@dataclass(frozen=True)
class Meaning:
    """One folder. ``known``: its class is there. ``near``: a class whose name is much like it, "" for none."""

    folder: str
    count: int
    class_name: str
    known: bool
    near: str
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
    there = {key: item.name for item in classes.listed(session, project) for key in _keys(item.name, item.second_name)}
    found = []
    for path in sorted(counts)[:SHOWN]:
        says = place(without_root(f"{path}/x".lstrip("/"), root), labels=labels, splits=splits)
        key = classes.name_key(says.class_name or "")
        name = there.get(key, says.class_name or "")
        near = there[close] if key and key not in there and (close := alike(key, there)) else ""
        found.append(Meaning(path, counts[path], name, key in there, near, says.split or ""))
    return found


def of_zip(path: Path, max_file_bytes: int, encoding: Encoding | None) -> tuple[dict[str, int], str, str]:
    """Folder -> number of files of a zip, the folder that holds everything, and how its names were read.

    Raises:
        BadArchive: the zip is refused as a whole.
    """
    with opened(path, max_file_bytes, encoding) as archive:
        paths = [entry.path for entry in archive.entries if not entry.skipped]
        return dict(Counter(map(folder_of, paths))), archive.root, str(archive.encoding)


def _keys(*names: str) -> Iterable[str]:
    return (classes.name_key(name) for name in names if name)

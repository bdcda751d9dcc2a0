"""The list of an import: kept in the store, read once for many files, and applied to what comes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from app.domain import label_studio, lists
from app.domain.filenames import Place, shown_path
from app.domain.lists import BadList, Fault, Given, Listing, Row
from app.storage import Store

REFUSED = "bad_lists"  # key in the options of an import: path -> code and parameters of the reason


class Kind(StrEnum):
    """How a list is written."""

    CSV = "csv"
    LABEL_STUDIO = "label_studio"


@dataclass(frozen=True)
class ListFile:
    """Where the list of an import is. ``path``: of the file itself, where it came among the others."""

    digest: str
    kind: Kind
    path: str

    def to_options(self) -> dict[str, Any]:
        """As it is kept with the import."""
        return {"digest": self.digest, "kind": str(self.kind), "path": self.path}


def of_options(options: dict[str, Any]) -> ListFile | None:
    """The list that an import was given, if any."""
    kept = options.get("list")
    return ListFile(kept["digest"], Kind(kept["kind"]), kept["path"]) if kept else None


def kind_of(data: bytes, path: str) -> Kind | None:
    """What kind of list a file is, judged by its beginning and its name; None for no list of ours."""
    ending = path.lower().rpartition(".")[2]
    if ending == "json":
        return Kind.LABEL_STUDIO if data.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"[" else None
    if ending not in {"csv", "tsv", "txt"}:
        return None
    try:
        columns, _between = lists.heading(lists.decode(data))
    except BadList:
        return None
    return Kind.CSV if "path" in columns else None


def parse(kind: Kind, data: bytes) -> Listing:
    """Read a list.

    Raises:
        BadList: it cannot be used at all.
    """
    if len(data) > lists.MAX_LIST_BYTES:
        raise BadList("list_too_large", limit_mb=lists.MAX_LIST_BYTES // 2**20)
    return lists.parse_csv(data) if kind == Kind.CSV else label_studio.parse(data)


def kept(store: Store, data: bytes, path: str = "", kind: Kind | None = None) -> ListFile:
    """Put a list into the store. ``path``: where it lies among the files of the import, if it does.

    Raises:
        BadList: it cannot be used at all.
    """
    found = kind or kind_of(data, path) or (Kind.LABEL_STUDIO if data.lstrip()[:1] in (b"[", b"{") else Kind.CSV)
    parse(found, data)
    return ListFile(store.put(data), found, shown_path(path) if path else "")


@lru_cache(maxsize=2)
def _parsed(kind: Kind, data: bytes) -> Listing:
    return parse(kind, data)


def load(store: Store, file: ListFile) -> Listing:
    """The rows of a list; reading it again and again for the parts of one import costs little."""
    return _parsed(file.kind, store.get(file.digest))


def refused(row: Row, fault: Fault) -> dict[str, Any]:
    """The parameters of the sentence about a row that cannot be used."""
    return {"line": row.line, **fault.params}


def told(place: Place, given: Given) -> Place:
    """Where a file belongs, with what a list says of class and split; folders stand for what it leaves out."""
    if "class" in given.columns:
        place = replace(place, class_name=given.class_name)
    return replace(place, split=given.split) if "split" in given.columns else place


def missing(listing: Listing, recorded: Sequence[str]) -> list[tuple[Row, Fault]]:
    """The rows that no recorded file was found for, and those that could not be used, with the reason of each."""
    used = {id(row) for path in recorded if (row := listing.find(path))}
    left = []
    for row in listing.rows:
        if isinstance(row.says, Fault):
            if id(row) not in used:
                left.append((row, row.says))
        elif id(row) not in used:
            left.append((row, Fault("list_file_missing")))
    return left


def is_list(file: ListFile | None, path: str) -> bool:
    """True for the path of the list itself."""
    return file is not None and bool(file.path) and shown_path(path) == file.path

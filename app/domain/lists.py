"""Lists that say what pictures are: a table (CSV) with a heading, our own export, or Label Studio's JSON.

A list is text from outside. It names files; nothing is ever opened by such a name: it is only compared with the paths
of the files that came.
"""

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from app.domain.enums import Split
from app.domain.errors import AppError
from app.domain.filenames import MAX_CLASS_NAME, SPLIT_NAMES, clean, shown_path, split_path

MAX_LIST_BYTES = 256 * 2**20
MAX_SENT_BYTES = 64 * 2**20  # of a list that the browser finds among the files; see static/js/upload-files.js
MAX_ROWS = 1_000_000
_COLUMNS = {
    "path": "path file filename file_name filepath image image_path image_file パス ファイル ファイル名 画像",
    "class": "class class_name label category クラス ラベル 分類 クラス名 ラベル名",
    "split": "split set subset partition 分割 データ分割 用途",
    "excluded": "excluded 除外",
    "reason": "reason 理由",
    "unsure": "unsure 保留",
    "skipped": "skipped",
    "checked": "checked label_checked 確認済み",
    "note": "note notes comment remark メモ 備考 コメント",
    "source": "source origin attribution 出典",
    "licence": "licence license ライセンス",
    "may_be_published": "may_be_published publish publishable 公開 公開可",
    "original_path": "original_path",
}
COLUMNS = {alias: name for name, aliases in _COLUMNS.items() for alias in aliases.split()}
YES = frozenset({"yes", "true", "1", "y", "はい", "可", "○"})
NO = frozenset({"no", "false", "0", "n", "いいえ", "不可", "×"})
NO_SPLIT = frozenset({"", "none", "なし", "-"})
_YES_OR_NO = ("excluded", "unsure", "skipped", "checked", "may_be_published")
_ENCODINGS = ("utf-8-sig", "utf-16", "cp932")
_GUARDED = ("=", "+", "-", "@", "\t", "\r", "'")


class BadList(AppError):
    """A list that is refused as a whole."""

    status = 422


@dataclass(frozen=True, slots=True)
class Given:
    """What a list says of one picture. ``columns`` are those that the list has: of the others it says nothing."""

    columns: frozenset[str]
    path: str = ""  # the path under which it was imported first; "" for that of the file
    class_name: str | None = None
    split: Split | None = None
    excluded: str | None = None  # the reason, perhaps ""; None: not excluded
    unsure: bool = False
    skipped: bool = False
    checked: bool = False
    note: str = ""
    origin: str = ""
    licence: str = ""
    publish: str = ""  # "yes", "no" or ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that cannot be used, and why."""

    code: str
    params: dict[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line of the file where it begins, the path as the list has it, and what it says."""

    line: int
    path: str
    says: Given | Fault


@dataclass(frozen=True)
class Listing:
    """All rows of a list, found by the paths of files."""

    rows: Sequence[Row]
    by_name: dict[str, list[int]]

    def find(self, path: str) -> Row | None:
        """The row that means the file: its path is the end of the file's path, or the other way round."""
        parts = shown_path(path).split("/")
        best: Row | None = None
        depth = 0
        for number in self.by_name.get(parts[-1], ()):
            row = self.rows[number]
            named = row.path.split("/")
            length = min(len(parts), len(named))
            if length > depth and parts[-length:] == named[-length:]:
                best, depth = row, length
        return best


def listing(rows: Sequence[Row]) -> Listing:
    """Rows with a register of their file names; a path that comes twice is a fault of the second row."""
    by_name: dict[str, list[int]] = {}
    kept: list[Row] = []
    first: dict[str, int] = {}
    for row in rows:
        if row.path in first:
            kept.append(Row(row.line, f"{row.path} ({row.line})", Fault("list_twice", {"first": first[row.path]})))
            continue
        first[row.path] = row.line
        by_name.setdefault(row.path.rpartition("/")[2], []).append(len(kept))
        kept.append(row)
    return Listing(kept, by_name)


def decode(data: bytes) -> str:
    """The text of a list: UTF-8 with or without Excel's mark, UTF-16 with one, or Shift_JIS.

    Raises:
        BadList: none of them.
    """
    for encoding in _ENCODINGS:
        if encoding == "utf-16" and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            continue
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadList("list_encoding")


def heading(text: str) -> tuple[list[str], str]:
    """The columns that the first line names ("" for one that is not ours), and what stands between two cells.

    Raises:
        BadList: the line is no heading at all.
    """
    first = text.partition("\n")[0]
    between = max(",;\t", key=first.count)
    try:
        names = next(csv.reader([first.rstrip("\r")], delimiter=between), [])
    except csv.Error:  # a cell of more than 131,072 characters
        raise BadList("list_damaged", line=1) from None
    return [COLUMNS.get(_folded(name).replace(" ", "_"), "") for name in names], between


def parse_csv(data: bytes) -> Listing:
    """Read a table. Columns are found by their heading; a row that cannot be used is kept with the reason.

    Raises:
        BadList: no text, no column of paths, a column twice, or more than a million rows.
    """
    text = decode(data)
    columns, between = heading(text)
    if "path" not in columns:
        raise BadList("list_no_path", columns=text.partition("\n")[0].strip()[:200])
    used = [name for name in columns if name]
    if len(set(used)) < len(used):
        twice = next(name for name in used if used.count(name) > 1)
        raise BadList("list_column_twice", column=twice)
    return listing(list(_rows(text, columns, between)))


def _rows(text: str, columns: Sequence[str], between: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=between)
    known = frozenset(name for name in columns if name)
    line = 1
    try:
        for number, cells in enumerate(reader):
            begin, line = line, reader.line_num + 1
            if number > MAX_ROWS:
                raise BadList("list_too_long", limit=MAX_ROWS)
            if number == 0 or not any(cell.strip() for cell in cells):
                continue
            values = {name: unguarded(cell) for name, cell in zip(columns, cells, strict=False) if name}
            yield _row(begin, values, known)
    except csv.Error:
        raise BadList("list_damaged", line=line) from None


def _row(line: int, values: dict[str, str], known: frozenset[str]) -> Row:
    written = values.get("path", "").strip()
    if not written:
        return Row(line, f"({line})", Fault("list_row_no_path"))
    path = shown_path(written)
    split = values.get("split", "").strip()
    kind = None if _folded(split) in NO_SPLIT else SPLIT_NAMES.get(_folded(split))
    if kind is None and _folded(split) not in NO_SPLIT:
        return Row(line, path, Fault("list_split", {"value": split[:80]}))
    marks = {name: _yes_or_no(values.get(name, "")) for name in _YES_OR_NO}
    for name, value in marks.items():
        if value is None:
            return Row(line, path, Fault("list_yes_no", {"column": name, "value": values[name][:80]}))
    given = Given(
        columns=known,
        path=values.get("original_path", ""),
        class_name=class_name(values.get("class", "")),
        split=kind,
        excluded=clean(values.get("reason", ""))[:200] if marks["excluded"] == "yes" else None,
        unsure=marks["unsure"] == "yes",
        skipped=marks["skipped"] == "yes",
        checked=marks["checked"] == "yes",
        note=one_line(values.get("note", ""), 2000),
        origin=one_line(values.get("source", ""), 500),
        licence=one_line(values.get("licence", ""), 100),
        publish=marks["may_be_published"] or "",
    )
    return Row(line, path, given)


def class_name(text: str) -> str | None:
    """The name of a class as folders give it; None for none."""
    return " ".join(clean(text).split())[:MAX_CLASS_NAME].strip("\u200d\ufe0f ") or None


def one_line(text: str, longest: int) -> str:
    """A text on one line without letters that cannot be seen."""
    return clean(" ".join(text.split()))[:longest].strip()


def _yes_or_no(text: str) -> str | None:
    """ "yes", "no", "" for nothing; None for anything else."""
    folded = _folded(text)
    if not folded:
        return ""
    return "yes" if folded in YES else "no" if folded in NO else None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def guarded(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe in front, which ``unguarded`` takes off again."""
    return "'" + text if text.startswith(_GUARDED) else text


def unguarded(text: str) -> str:
    """What ``guarded`` was given."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_GUARDED) else text


def file_name(path: str) -> str:
    """The last part of a path, however it is written."""
    return split_path(path)[-1]

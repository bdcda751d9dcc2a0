"""Files against rows: every blob that a row needs is there and is what its name says; none lies about without need.

The bytes are read from the store itself, not from a cache. What can be made again without loss (thumbnails, our copies
of pictures) is made again; what nothing needs is moved into the folder ``quarantine`` and put back from there when a
row turns out to need it.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image, Project
from app.db.run_models import Explanation, Run, RunItem
from app.db.session import Database
from app.domain.errors import AppError
from app.domain.imaging import decode
from app.services import maintenance, references, uploads
from app.services.checks.found import Found
from app.services.references import Reference
from app.storage import Store, sha256

THREADS = 8
AT_ONCE = 64
QUARANTINE = "quarantine"
MADE = ("copy", "thumbnail", "run_item")  # what the original of a picture can give again

Tell = Callable[[int, int], None]  # how many blobs are read, of how many


class Blobs:
    """The comparison of one store with one database.

    Args:
        database: whose rows need the blobs.
        store: without a cache.
        data_dir: its folder ``quarantine`` takes what nothing needs.
        tell: is told from time to time how far the reading is.
        read: False leaves the bytes unread: missing files and wrong sizes are found, changed bytes are not.
    """

    def __init__(self, database: Database, store: Store, data_dir: Path, tell: Tell, *, read: bool) -> None:
        self._database, self._store, self._tell, self._read = database, store, tell, read
        self._quarantine = data_dir / QUARANTINE

    def check(self) -> Iterator[Found]:
        """Everything, the worst first."""
        listed = {entry.digest: entry for entry in self._store.entries()}
        needed: dict[str, Reference] = {}
        with self._database.read() as session:
            for reference in references.everything(session):
                needed.setdefault(reference.digest, reference)
            sizes = {row.sha256: row.file_bytes for row in session.execute(sa.select(Image.sha256, Image.file_bytes))}
        present = [reference for digest, reference in needed.items() if digest in listed]
        for digest, reference in needed.items():
            if digest not in listed and not self._store.exists(digest):  # it may have come since the list was made
                yield from self._bad("check_blob_missing", reference)
        for reference in present:
            size = sizes.get(reference.digest)
            if size is not None and size != listed[reference.digest].size:
                yield from self._bad("check_blob_size", reference)
        if self._read:
            yield from self._damaged(present)
        before = maintenance.grace(self._database)
        for digest, entry in listed.items():
            if digest not in needed and entry.modified < before:
                yield Found(
                    "check_blob_unneeded", {"hash": digest, "size": entry.size}, self._setting_aside(digest, before)
                )

    def _damaged(self, present: list[Reference]) -> Iterator[Found]:
        rest = iter(present)
        done = 0
        with ThreadPoolExecutor(THREADS) as threads:
            while part := list(islice(rest, AT_ONCE)):
                for reference, well in zip(part, threads.map(self._is_well, part), strict=True):
                    if not well:
                        yield from self._bad("check_blob_damaged", reference)
                done += len(part)
                self._tell(done, len(present))

    def _is_well(self, reference: Reference) -> bool:
        try:
            return sha256(self._store.get(reference.digest)) == reference.digest
        except (AppError, OSError):  # the store itself may refuse bytes that are not what their name says
            return False

    def _bad(self, code: str, reference: Reference) -> Iterator[Found]:
        """What is wrong with a blob, unless no row needs it any more: a training replaces its state all the time."""
        with self._database.read() as session:
            if reference.digest not in references.still_needed(session, [reference.digest]):
                return
            what = subject(session, reference)
        possible = reference.role in MADE or (self._quarantine / reference.digest).is_file()
        fix = (lambda: self._made_again(reference)) if possible else None
        yield Found(code, {"hash": reference.digest, "what": what}, fix)

    def _made_again(self, reference: Reference) -> bool:
        """From the quarantine, or from the picture that it was made of; never with other bytes than its name says."""
        aside = self._quarantine / reference.digest
        if aside.is_file() and sha256(data := aside.read_bytes()) == reference.digest:
            return self._put(reference.digest, data)
        with self._database.read() as session:
            image = session.scalar(_image_of(reference)) if reference.role in MADE else None
        return image is not None and self._from_original(reference, image)

    def _from_original(self, reference: Reference, image: Image) -> bool:
        try:
            made = decode(self._store.get(image.sha256))
        except (AppError, OSError):  # the original is gone or damaged too
            return False
        wanted = {sha256(made.canonical): made.canonical, sha256(made.thumbnail): made.thumbnail}
        if reference.digest in wanted:
            return self._put(reference.digest, wanted[reference.digest])
        if reference.role != "thumbnail":
            return False
        digest = self._store.put(made.thumbnail)  # another version of the program scales a little differently
        with self._database.write() as session:
            session.execute(sa.update(Image).where(Image.id == image.id).values(thumbnail_sha256=digest))
        return True

    def _put(self, digest: str, data: bytes) -> bool:
        self._store.delete(digest)  # a damaged one would be taken for the blob
        return self._store.put(data) == digest

    def _setting_aside(self, digest: str, before: float) -> Callable[[], bool]:
        def aside() -> bool:
            self._quarantine.mkdir(exist_ok=True)
            target = self._quarantine / digest
            target.write_bytes(self._store.get(digest))
            with self._database.read() as session:
                if digest in references.still_needed(session, [digest]):
                    return False
            return self._store.drop_old(digest, before)

        return aside

    def uploads(self) -> Iterator[Found]:
        """Uploads that no job needs and that are no longer coming."""
        for upload in uploads.unneeded(self._database, self._store):

            def drop(name: str = upload.name) -> bool:
                self._store.drop_upload(name)
                return True

            yield Found("check_upload_left", {"name": upload.name, "size": upload.size}, drop)


def _image_of(reference: Reference) -> sa.Select[Image]:
    column = Image.thumbnail_sha256 if reference.role == "thumbnail" else Image.canonical_sha256
    return sa.select(Image).where(column == reference.digest, Image.sha256 != reference.digest).limit(1)


def subject(session: Session, reference: Reference) -> str:
    """What the blob is, with names that a person knows: "thumbnail of a.png, image 7 of 血球"."""
    role, number = reference.role, reference.row_id
    if role in ("original", "copy", "thumbnail", "run_item"):
        query = sa.select(Image.name, Image.id, Project.name).join(Project, Project.id == Image.project_id)
        if role == "run_item":
            query = query.join(RunItem, RunItem.image_id == Image.id).where(RunItem.id == number)
        else:
            query = query.where(Image.id == number)
        row = session.execute(query).first()
        name = {"original": "original", "copy": "copy", "thumbnail": "thumbnail"}.get(role, "copy for a training")
        return f"{name} of {row[0]}, image {row[1]} of {row[2]}" if row else f"{name} of image {number}"
    if role in ("weights", "checkpoint", "heat_map", "answers", "views"):
        run = sa.select(Run.number, Project.name).join(Project, Project.id == Run.project_id)
        if role == "heat_map":
            run = run.join(Explanation, Explanation.run_id == Run.id).where(Explanation.id == number)
        else:
            run = run.where(Run.id == number)
        found = session.execute(run).first()
        names = {"weights": "model", "checkpoint": "saved state", "answers": "packed answers", "views": "several views"}
        name = names.get(role, "heat map")
        return f"{name} of run {found[0]} of {found[1]}" if found else f"{name} of run {number}"
    return f"{role} {number}"

"""The transaction of an import: images, labels, verdicts and counts of one batch are written together."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from dataclasses import field as with_default
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db.models import Image, ImportBatch, ImportEntry, LabelClass, Project
from app.domain.enums import EntryVerdict, Field, LabelSource
from app.domain.errors import Conflict
from app.domain.filenames import Place, shown_path
from app.domain.lists import Given
from app.services import classes, labels, marks, projects
from app.services.images import Added, Newcomer, Prepared, Rights, add_many

MADE = "classes"  # key in the options of an import


@dataclass(frozen=True)
class Judged:
    """A file after decoding: NEW with its picture and place, or refused or skipped with the reason.

    ``given``: what a list says of it besides class and split, which stand in ``place``. ``sent``: see ``Incoming``.
    """

    path: str
    verdict: EntryVerdict
    code: str = ""
    params: dict[str, Any] = with_default(default_factory=dict)
    place: Place | None = None
    prepared: Prepared | None = None
    given: Given | None = None
    sent: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of one file: the row of the report."""

    path: str
    verdict: EntryVerdict
    code: str
    params: dict[str, Any]
    image_id: int | None


@dataclass(frozen=True)
class _Known:
    """An image that has the content of a duplicate."""

    name: str
    class_name: str | None
    split: str | None


def record(
    session: Session, import_id: int, judged: Sequence[Judged], *, request_id: str, repeats: bool = True
) -> list[Outcome]:
    """Write a batch.

    Args:
        session: a transaction that writes.
        import_id: the import.
        judged: the files in order.
        request_id: names the change of labels.
        repeats: the client may send files again that it has sent before; those keep their first outcome.

    Raises:
        Conflict: the import has ended meanwhile.
    """
    batch = session.get_one(ImportBatch, import_id, with_for_update=True)
    if batch.finished:
        raise Conflict("import_finished", number=batch.number)
    projects.lock(session, batch.project_id)  # two imports with the same pictures could block each other
    before = _recorded(session, batch.project_id, import_id, judged) if repeats else {}
    fresh = [file for file in judged if _key(file) not in before]
    made = iter(_add(session, batch, fresh, request_id))
    return [before[key] if (key := _key(file)) in before else next(made) for file in judged]


def _key(file: Judged) -> tuple[str, str]:
    digest = file.prepared.sha256 if file.prepared else str(file.params.get("hash", ""))
    return file.path, digest


def _recorded(
    session: Session, project_id: int, import_id: int, judged: Sequence[Judged]
) -> dict[tuple[str, str], Outcome]:
    """Outcomes of this import by path and content, for a client that did not hear the first answer.

    A picture that the project does not have cannot have come before, so the entries are not searched for it.
    """
    digests = [file.prepared.sha256 for file in judged if file.prepared]
    here = sa.select(Image.sha256).where(Image.project_id == project_id, Image.sha256.in_(digests))
    known = set(session.scalars(here)) if digests else set()
    paths = {file.path for file in judged if file.prepared is None or file.prepared.sha256 in known}
    if not paths:
        return {}
    query = (
        sa.select(ImportEntry, Image.sha256)
        .outerjoin(Image, Image.id == ImportEntry.image_id)
        .where(ImportEntry.import_id == import_id, ImportEntry.path.in_(paths))
    )
    found = {}
    for entry, digest in session.execute(query):
        outcome = Outcome(entry.path, EntryVerdict(entry.verdict), entry.code, entry.params, entry.image_id)
        found[entry.path, digest or str(entry.params.get("hash", ""))] = outcome
    return found


def _add(session: Session, batch: ImportBatch, judged: Sequence[Judged], request_id: str) -> list[Outcome]:
    pictures = [file for file in judged if file.prepared is not None and file.place is not None]
    added = add_many(session, batch.project_id, batch.id, [_newcomer(batch, file) for file in pictures])
    labelled = _label(session, batch, list(zip(pictures, added, strict=True)), request_id)
    _mark(session, batch, list(zip(pictures, added, strict=True)), request_id)
    known = _known(session, {item.image_id for item in added if not item.is_new})
    late = labelled - {item.image_id for item in added if item.is_new}
    places = iter(added)
    outcomes = [_outcome(file, next(places) if file.prepared else None, known, late) for file in judged]
    outcomes = [_with_sent(outcome, file.sent) for outcome, file in zip(outcomes, judged, strict=True)]
    _write(session, batch, outcomes)
    return outcomes


def _newcomer(batch: ImportBatch, file: Judged) -> Newcomer:
    assert file.prepared is not None
    assert file.place is not None
    given = file.given or Given(frozenset())
    rights = Rights.of(batch.options)
    return Newcomer(
        file.prepared,
        shown_path(given.path) if given.path else file.path,
        file.place.split,
        Rights(given.origin or rights.origin, given.licence or rights.licence, given.publish or rights.publish),
    )


def _mark(session: Session, batch: ImportBatch, pairs: Sequence[tuple[Judged, Added]], request_id: str) -> None:
    """Give new images the marks that a list says."""
    given = {item.image_id: file.given for file, item in pairs if file.given and item.is_new}
    values: dict[Field, dict[int, str]] = {
        Field.EXCLUDED: {image_id: one.excluded for image_id, one in given.items() if one.excluded is not None},
        Field.UNSURE: {image_id: "" for image_id, one in given.items() if one.unsure},
        Field.SKIPPED: {image_id: "" for image_id, one in given.items() if one.skipped},
        Field.CHECKED: {image_id: "" for image_id, one in given.items() if one.checked},
        Field.NOTE: {image_id: one.note for image_id, one in given.items() if one.note},
    }
    for field, wanted in values.items():
        if wanted:
            who: marks.Who = {
                "source": LabelSource.IMPORT,
                "actor": batch.actor,
                "request_id": f"{request_id}-{field}"[:64],
            }
            marks.put_values(session, batch.project_id, field, wanted, **who)


def _known(session: Session, image_ids: set[int]) -> dict[int, _Known]:
    query = (
        sa.select(Image.id, Image.name, LabelClass.name, Image.split)
        .outerjoin(LabelClass, LabelClass.id == Image.class_id)
        .where(Image.id.in_(image_ids))
    )
    return {row[0]: _Known(*row[1:]) for row in session.execute(query)} if image_ids else {}


def _label(session: Session, batch: ImportBatch, pairs: Sequence[tuple[Judged, Added]], request_id: str) -> set[int]:
    """Give new images the class of their folder, and duplicates that never had a label; return who got one."""
    query = sa.select(Image.id).where(Image.id.in_({item.image_id for _, item in pairs}), Image.label_version == 0)
    never_labelled = set(session.scalars(query)) if pairs else set()
    wanted: dict[int, str] = {}
    for file, item in pairs:
        if file.place and file.place.class_name and item.image_id in never_labelled:
            wanted.setdefault(item.image_id, file.place.class_name)
    if not wanted:
        return set()
    project = session.get_one(Project, batch.project_id)
    found, made = classes.ensured(session, project, sorted(set(wanted.values())))
    remember_made(batch, [item.id for item in made])
    changes = [labels.LabelChange(image_id, found[name].id) for image_id, name in wanted.items()]
    labels.assign(session, project.id, changes, source=LabelSource.IMPORT, actor=batch.actor, request_id=request_id)
    return set(wanted)


def remember_made(batch: ImportBatch, class_ids: Sequence[int]) -> None:
    """Keep with an import which classes it made: they may go when it is taken back."""
    if class_ids:
        batch.options = {**batch.options, MADE: [*batch.options.get(MADE, []), *class_ids]}


def _outcome(file: Judged, added: Added | None, known: dict[int, _Known], late: set[int]) -> Outcome:
    if added is None or file.place is None:
        return Outcome(file.path, file.verdict, file.code, file.params, None)
    if added.is_new:
        return Outcome(file.path, EntryVerdict.NEW, "", {}, added.image_id)
    other = known[added.image_id]
    code, params = _compare(file.place, other, late=added.image_id in late)
    return Outcome(file.path, EntryVerdict.DUPLICATE, code, {"first": other.name} | params, added.image_id)


def _with_sent(outcome: Outcome, sent: str) -> Outcome:
    return replace(outcome, params=outcome.params | {"sent": sent}) if sent else outcome


def _compare(here: Place, other: _Known, *, late: bool) -> tuple[str, dict[str, Any]]:
    """Say where a duplicate contradicts the image that is there: another class, or another split."""
    if here.class_name and other.class_name and _fold(here.class_name) != _fold(other.class_name):
        return "duplicate_class", {"folder": here.class_name, "label": other.class_name}
    if here.split and other.split and other.split != here.split:
        return "duplicate_split", {"folder": str(here.split), "split": other.split}
    if late and here.class_name:
        return "duplicate_labelled", {"label": here.class_name}
    return "duplicate", {}


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _write(session: Session, batch: ImportBatch, outcomes: Sequence[Outcome]) -> None:
    if not outcomes:
        return
    rows = [
        {
            "import_id": batch.id,
            "path": outcome.path,
            "verdict": outcome.verdict,
            "code": outcome.code,
            "params": outcome.params,
            "image_id": outcome.image_id,
        }
        for outcome in outcomes
    ]
    session.connection().execute(cast("sa.Table", ImportEntry.__table__).insert(), rows)  # no objects are needed
    counts = Counter(outcome.verdict for outcome in outcomes)
    batch.new_count += counts[EntryVerdict.NEW]
    batch.duplicate_count += counts[EntryVerdict.DUPLICATE]
    batch.refused_count += counts[EntryVerdict.REFUSED]
    batch.skipped_count += counts[EntryVerdict.SKIPPED]

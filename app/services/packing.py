"""Puts the answers of a finished run into files of arrays, with all that their pages would compute of them."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from app.db.run_models import Run
from app.domain.enums import PredictionRole
from app.services import (
    answers,
    border_looks,
    fold_answers,
    manifest,
    packs,
    relabelled,
    report,
    review,
    sureness,
    weak_groups,
)
from app.services.answers import Answers
from app.services.packs import Made
from app.storage import Store
from app.storage.arrays import Arrays
from app.storage.packed import pack

MOST_BYTES = 2 * 2**30  # of the answers of all models of a run; larger ones are read from their rows


def make(session: Session, store: Store, run: Run) -> list[Made]:
    """The files of ``run``, which are in the store when this returns; seconds for hundreds of thousands of answers."""
    kept = answers.Kept(most=MOST_BYTES)  # without a store: what is packed comes from the rows
    models, borders = _models(session, kept, store, run), _borders(session, store, run)
    return [*_roles(session, kept, store, run), *models, *borders, _images(session, store, run)]


def _roles(session: Session, kept: answers.Kept, store: Store, run: Run) -> Iterator[Made]:
    classes = len(review.classes(session, run))
    for role in (PredictionRole.VALIDATION, PredictionRole.TEST):
        if review.has(session, run, role):
            said = sureness.look(session, kept, run, role).said
            if role is PredictionRole.VALIDATION:
                _ = said.suspicions
            yield _role(session, store, run, role, None, said)
            yield _weak(session, kept, store, run, role)
    for fold in fold_answers.models(session, run):
        role = PredictionRole.TEST_FOLD
        yield _role(session, store, run, role, fold, answers.load(session, kept, run, role, classes, fold))


def _role(session: Session, store: Store, run: Run, role: PredictionRole, fold: int | None, said: Answers) -> Made:
    data = pack(*answers.packed(said))
    state = packs.state(session, run, role, fold)
    return Made(role, packs.ALL if fold is None else fold, state, store.put(data), len(data))


def _weak(session: Session, kept: answers.Kept, store: Store, run: Run, role: PredictionRole) -> Made:
    now = weak_groups.basis(session, run, role)
    data = pack(*weak_groups.packed(weak_groups.find(session, kept, Arrays(store), run, role), now))
    return Made(weak_groups.PACKED[role], packs.ALL, packs.state(session, run, role), store.put(data), len(data))


def _models(session: Session, kept: answers.Kept, store: Store, run: Run) -> Iterator[Made]:
    found = fold_answers.find(session, kept, run)
    if found is not None:
        data = pack({name: getattr(found, name) for name in fold_answers.NAMES})
        state = packs.state(session, run, PredictionRole.TEST_FOLD)
        yield Made(packs.MODELS, packs.ALL, state, store.put(data), len(data))


def _images(session: Session, store: Store, run: Run) -> Made:
    count, fingerprint = manifest.fingerprint(session, run)
    blocks = relabelled.by_block(session, run)
    note = {"count": count, "fingerprint": fingerprint, "blocks": blocks, "splits": report.splits(session, run)}
    data = pack({}, note)
    state = packs.state(session, run, PredictionRole.TEST)
    return Made(packs.IMAGES, packs.ALL, state, store.put(data), len(data))


def _borders(session: Session, store: Store, run: Run) -> Iterator[Made]:
    looked = border_looks.measured(session, store, run)
    if looked is not None:
        data = pack(looked)
        state = packs.state(session, run, PredictionRole.TEST)
        yield Made(packs.BORDERS, packs.ALL, state, store.put(data), len(data))

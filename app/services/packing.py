"""Puts the answers of a finished run into files of arrays, with all that their pages would compute of them."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from app.db.run_models import Run
from app.domain.enums import PredictionRole
from app.services import answers, border_looks, fold_answers, packs, review, sureness
from app.services.answers import Answers
from app.services.packs import Made
from app.storage import Store
from app.storage.packed import pack

MOST_BYTES = 2 * 2**30  # of the answers of all models of a run; larger ones are read from their rows


def make(session: Session, store: Store, run: Run) -> list[Made]:
    """The files of ``run``, which are in the store when this returns; seconds for hundreds of thousands of answers."""
    kept = answers.Kept(most=MOST_BYTES)  # without a store: what is packed comes from the rows
    return [*_roles(session, kept, store, run), *_models(session, kept, store, run), *_borders(session, store, run)]


def _roles(session: Session, kept: answers.Kept, store: Store, run: Run) -> Iterator[Made]:
    classes = len(review.classes(session, run))
    for role in (PredictionRole.VALIDATION, PredictionRole.TEST):
        if review.has(session, run, role):
            said = sureness.look(session, kept, run, role).said
            if role is PredictionRole.VALIDATION:
                _ = said.suspicions
            yield _role(session, store, run, role, None, said)
    for fold in fold_answers.models(session, run):
        role = PredictionRole.TEST_FOLD
        yield _role(session, store, run, role, fold, answers.load(session, kept, run, role, classes, fold))


def _role(session: Session, store: Store, run: Run, role: PredictionRole, fold: int | None, said: Answers) -> Made:
    data = pack(*answers.packed(said))
    state = packs.state(session, run, role, fold)
    return Made(role, packs.ALL if fold is None else fold, state, store.put(data), len(data))


def _models(session: Session, kept: answers.Kept, store: Store, run: Run) -> Iterator[Made]:
    found = fold_answers.find(session, kept, run)
    if found is not None:
        data = pack({name: getattr(found, name) for name in fold_answers.NAMES})
        state = packs.state(session, run, PredictionRole.TEST_FOLD)
        yield Made(packs.MODELS, packs.ALL, state, store.put(data), len(data))


def _borders(session: Session, store: Store, run: Run) -> Iterator[Made]:
    looked = border_looks.measured(session, store, run)
    if looked is not None:
        data = pack(looked)
        state = packs.state(session, run, PredictionRole.TEST)
        yield Made(packs.BORDERS, packs.ALL, state, store.put(data), len(data))

"""The sentence of every error code: what happened, what was expected, how to fix it.

``%(name)s`` stands for the parameter of that name. The sentences themselves are in ``app.web.sentences``, one
module for each area.
"""

from collections.abc import Callable

from app.domain.errors import AppError
from app.web.sentences import (
    checks,
    engine,
    features,
    health,
    imports,
    jobs,
    labels,
    projects,
    requests,
    review,
    runs,
    storage,
)

AREAS = (checks, storage, health, requests, projects, imports, labels, jobs, engine, runs, review, features)
SENTENCES: dict[str, str] = {code: text for area in AREAS for code, text in area.SENTENCES.items()}


def sentence(error: AppError, gettext: Callable[[str], str] = str) -> str:
    """The sentence of ``error`` in the language of ``gettext``; English without one."""
    return say(error.code, dict(error.params), gettext)


def say(code: str, params: dict[str, object], gettext: Callable[[str], str] = str) -> str:
    """The sentence of a stored code and its parameters, such as those of a job or of an import entry."""
    return gettext(SENTENCES[code]) % params

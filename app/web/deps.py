"""What a route asks for: the parts of the process, a session, the project of the address, the person."""

import getpass
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from app.config import Settings
from app.db.models import Project
from app.db.session import Database
from app.decoder import Decoder
from app.queue import Queue
from app.services import answers, projects, weight_places
from app.services.projects import clean_line
from app.storage import Store
from app.storage.arrays import Arrays

READER = "reader"  # cookie with the name that somebody entered in this browser


@dataclass(frozen=True)
class AppState:
    """The parts that live as long as the process; built by ``app.main`` and by nobody else."""

    settings: Settings
    database: Database
    store: Store
    arrays: Arrays
    decoder: Decoder
    queue: Queue
    judged: answers.Kept  # answers of runs that were looked at


async def get_state(request: Request) -> AppState:
    """The parts of this process."""
    state: AppState = request.app.state.miwake
    return state


StateDep = Annotated[AppState, Depends(get_state)]


def read_session(state: StateDep) -> Iterator[Session]:
    """A session that only reads."""
    with state.database.read() as session:
        session.info[weight_places.FOLDER] = state.settings.weights_folder
        yield session


def write_session(state: StateDep) -> Iterator[Session]:
    """A transaction that is durable before the answer is sent.

    FastAPI runs the end of a dependency after the answer by default; ``scope="function"`` below moves it before, so
    that a commit that fails is a 500 and never a redirect to something that does not exist.
    """
    with state.database.write() as session:
        session.info["queue"] = state.queue
        session.info[weight_places.FOLDER] = state.settings.weights_folder
        yield session


ReadSession = Annotated[Session, Depends(read_session, scope="function")]
WriteSession = Annotated[Session, Depends(write_session, scope="function")]


def release(session: Session) -> None:
    """Give the connection back before slow work; what was read stays readable and the session may be used again.

    An upload of minutes would otherwise keep one of the few connections, and its old view of the database, all along.
    """
    session.expunge_all()
    session.rollback()


def get_project(slug: str, session: ReadSession) -> Project:
    """The project of the address with its classes.

    Raises:
        NotFound: there is no such project.
    """
    return projects.by_slug(session, slug)


async def get_actor(request: Request, state: StateDep) -> str:
    """The name written into the label history: what the reader entered, else that of the server."""
    entered = clean_line(unquote(request.cookies.get(READER, ""))).strip()[:100]
    return entered or state.settings.user or login_name()


def login_name() -> str:
    """The name of the person who started the process, or "user" where the system knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container may run under a number without a name
        return "user"


ProjectDep = Annotated[Project, Depends(get_project)]
ActorDep = Annotated[str, Depends(get_actor)]

"""Importing a folder of the server: what lies there, what its folders mean, and having a worker import it."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.db.models import Project
from app.services import import_folders, imports, server_folders
from app.services.images import Rights
from app.services.imports import Options
from app.web.bundles import SentRules
from app.web.deps import ActorDep, ProjectDep, ReadSession, StateDep, WriteSession
from app.web.templating import address, redirect

router = APIRouter(prefix="/p/{slug}/import/server")
Path = Annotated[str, Query(max_length=4000)]


class ServerImport(BaseModel):
    """A folder below the root and what is said of it."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(default="", max_length=4000)
    labels: bool = True
    splits: bool = True
    rules: SentRules = SentRules()
    origin: str = Field(default="", max_length=1000)
    licence: str = Field(default="", max_length=1000)
    publish: str = Field(default="", pattern="^(yes|no|)$")

    def options(self) -> Options:
        """The options of the import."""
        rights = Rights.said(self.origin, self.licence, self.publish)
        return Options(labels=self.labels, splits=self.splits, rules=self.rules.rules(), rights=rights)


class PlainForm(BaseModel):
    """The same without JavaScript: a box that is not ticked is not sent."""

    path: str = Field(default="", max_length=4000)
    labels: bool = False
    splits: bool = False


@router.get("/folders", name="import_server_folders")
def folders(
    project: ProjectDep,
    session: ReadSession,
    state: StateDep,
    path: Path = "",
    labels: bool = True,
    splits: bool = True,
) -> dict[str, Any]:
    """What the folders below a folder seem to mean, with the number of files in each."""
    found = server_folders.counts(state.settings.import_dir, path)
    rows = import_folders.meanings(session, project, found, labels=labels, splits=splits, root="")
    return {"folders": [asdict(row) for row in rows], "total": sum(found.values())}


@router.post("", name="import_server", status_code=202)
def start(
    request: Request, project: ProjectDep, session: WriteSession, state: StateDep, actor: ActorDep, sent: ServerImport
) -> dict[str, str]:
    """Have a worker import a folder; answers where its report is."""
    number = begin(session, project, state.settings.import_dir, sent, actor)
    return {"report": address(request.app, "import_report", slug=project.slug, number=number)}


@router.post("/form", name="import_form_server")
def start_by_form(
    request: Request,
    project: ProjectDep,
    session: WriteSession,
    state: StateDep,
    actor: ActorDep,
    sent: Annotated[PlainForm, Form()],
) -> Response:
    """The same as a plain form."""
    wanted = ServerImport(path=sent.path, labels=sent.labels, splits=sent.splits)
    number = begin(session, project, state.settings.import_dir, wanted, actor)
    return redirect(request, "import_report", slug=project.slug, number=number)


def begin(session: Session, project: Project, root: str, sent: ServerImport, actor: str) -> int:
    """Begin the import and queue its job; returns the number of the import.

    Raises:
        Invalid: there are no folders of the server here.
        NotFound: there is no such folder below the root.
    """
    folder = server_folders.inside(root, sent.path)
    name = sent.path.strip("/") or folder.name
    batch = imports.create(session, project, source="folder", name=name, actor=actor, options=sent.options())
    server_folders.enqueue(session, batch.id, sent.path.strip("/"))
    return batch.number

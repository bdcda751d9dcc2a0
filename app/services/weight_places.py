"""Where the files of weights lie: what the workers say of their folders, and what a training needs of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.domain import backbones, weight_files
from app.domain.backbones import Backbone
from app.domain.enums import Lane
from app.domain.errors import Invalid
from app.domain.recipe import Recipe
from app.services import jobs

TOLD = "weights"  # key of ``Worker.info``
FOLDER = "weights_folder"  # key of ``session.info``: that of this process, for the time in which no worker is alive


@dataclass(frozen=True)
class Place:
    """The folder of one machine, "" for that of this process; ``names``: networks whose files are right."""

    host: str
    folder: str
    names: frozenset[str]


def told(folder: Path) -> dict[str, Any]:
    """What a worker says of its folder with each sign of life."""
    return {"folder": str(folder), "names": weight_files.names(folder)}


def places(session: Session, needs: str) -> list[Place]:
    """The folders of the machines whose workers may take a training that ``needs`` this; each machine once.

    Without such a worker it is that of this process, if the session knows it: most often both are one machine.
    """
    found: dict[str, Place] = {}
    for worker in jobs.workers_alive(session):
        able, info = jobs.able(worker), worker.info.get(TOLD)
        if info and needs in able.needs and worker.info.get("slots", {}).get(str(Lane.GPU), 1):
            names = frozenset(info["names"]) | (found[able.host].names if able.host in found else frozenset())
            found[able.host] = Place(able.host, str(info["folder"]), names)
    folder = session.info.get(FOLDER)
    if not found and isinstance(folder, Path):
        found[""] = Place("", str(folder), frozenset(weight_files.names(folder)))
    return list(found.values())


def lacking(session: Session, about: Backbone, needs: str) -> tuple[list[Place], list[Place]]:
    """All places, and those of them without the file of a network; both are empty where nobody says."""
    known = places(session, needs)
    return known, [one for one in known if about.file and about.name not in one.names]


def missing(session: Session, recipe: Recipe, needs: str) -> Invalid | None:
    """Why a training would fail on every worker that may take it: none has the file of weights of its network."""
    if not recipe.pretrained:
        return None
    about = backbones.KNOWN[recipe.architecture]
    known, without = lacking(session, about, needs)
    if not without or len(without) < len(known):
        return None
    return Invalid("backbone_file_missing", name=about.title, file=about.file, folder=without[0].folder)

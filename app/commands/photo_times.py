"""``python -m app photo-times``: reads when pictures were taken that came before imports did that."""

from dataclasses import asdict, dataclass

from app.commands.common import Exit, find_project, opened, put, put_json, say
from app.config import Settings
from app.decoder import Decoder
from app.domain.errors import NotFound
from app.services import photo_times
from app.services.photo_times import Done

STEP = 500  # images between two lines of progress


@dataclass(frozen=True)
class Wish:
    """What was typed; ``project`` "" means all."""

    project: str
    as_json: bool


def run(settings: Settings, wish: Wish) -> int:
    """Look at the pictures and say how many have a time."""
    decoder = Decoder(settings.decode_workers)
    try:
        with opened(settings) as parts:
            project_id = None
            if wish.project:
                with parts.database.read() as session:
                    project = find_project(session, wish.project)
                if project is None:
                    raise NotFound("project_missing", slug=wish.project)
                project_id = project.id
            done = photo_times.fill(parts.database, parts.store, decoder, project_id, _progress())
    finally:
        decoder.close()
    if wish.as_json:
        put_json(asdict(done))
    else:
        put(f"{done.looked} images looked at, {done.found} say when they were taken, {done.unreadable} unreadable")
    return Exit.OK


def _progress() -> photo_times.Progress:
    said = 0

    def tell(done: Done) -> None:
        nonlocal said
        if done.looked >= said + STEP or done.looked == done.total:
            said = done.looked
            say(f"{done.looked} of {done.total} images, {done.found} with a time")

    return tell

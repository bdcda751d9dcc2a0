"""The weights of a model as a file that Keras alone can read, made by a worker when somebody asks for it."""

from dataclasses import dataclass
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from app.services import best_weights, jobs, projects, runs
from app.web import ends
from app.web.deps import AppState, StateDep
from app.web.own_copies import ASK, SANDBOX, attachment

router = APIRouter()
LONGEST = 90.0  # seconds that a request waits: the first file of a worker has to load TensorFlow


@dataclass(frozen=True)
class Asked:
    """A model of a run, from 1, after one of the epochs that were kept."""

    slug: str
    number: int
    model: Annotated[int, Form(ge=1, le=1000)]
    epoch: Annotated[int, Form(ge=1, le=1_000_000)]


@router.post("/p/{slug}/runs/{number}/weights", name="run_weights")
async def weights(request: Request, state: StateDep, asked: Annotated[Asked, Depends(Asked)]) -> Response:
    """The file; it is made now, or taken from the store when somebody asked for it before."""
    job_id = await to_thread.run_sync(_order, state, asked)
    await ends.ends_of(request.app, state.database).wait(job_id, LONGEST)
    return await to_thread.run_sync(_file, state, asked, job_id)


def _order(state: AppState, asked: Asked) -> int:
    with state.database.write() as session:
        session.info[jobs.QUEUE] = state.queue
        run = runs.by_number(session, projects.by_slug(session, asked.slug).id, asked.number)
        kept = best_weights.one(run, asked.model - 1, asked.epoch)
        return best_weights.order(session, state.store, run, kept)


def _file(state: AppState, asked: Asked, job_id: int) -> Response:
    with state.database.read() as session:
        content = best_weights.made(session, state.store, job_id)
    name = f"{asked.slug}-run-{asked.number}-model-{asked.model}-epoch-{asked.epoch}.zip"
    headers = {**SANDBOX, "Content-Disposition": attachment(name), "Cache-Control": ASK}
    return Response(content, media_type="application/zip", headers=headers)

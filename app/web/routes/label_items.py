"""What the module of label mode asks for while somebody labels: the next images of a queue."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Request
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlalchemy.orm import Session

from app.services import leases, queues
from app.web import suggested
from app.web.deps import ActorDep, ProjectDep, StateDep
from app.web.queues import AHEAD, Queue, labeller, read_queue, remember, replaced
from app.web.selection import Strict

router = APIRouter(prefix="/p/{slug}/label")

Id = Annotated[int, Field(ge=1, le=2**53)]
MOST_KNOWN, MOST_HELD = 2000, 500


class Ask(Strict):
    """What a page needs of its queue: ``limit`` more images behind ``after``, other than ``without``.

    ``hold`` names those that it goes on to show, ``release`` those that it is done with. ``since`` is the newest change
    set that it knows of: the answer says who replaced labels of this person behind it.
    """

    after: Annotated[int, Field(ge=0, le=2**53)] = 0
    without: Annotated[list[Id], Field(max_length=MOST_KNOWN)] = []
    hold: Annotated[list[Id], Field(max_length=MOST_HELD)] = []
    release: Annotated[list[Id], Field(max_length=MOST_HELD)] = []
    limit: Annotated[int, Field(ge=0, le=200)] = AHEAD
    since: Annotated[int, Field(ge=0, le=2**53)] | None = None


@router.post("/items", name="label_items")
def items(
    request: Request,
    project: ProjectDep,
    actor: ActorDep,
    state: StateDep,
    tasks: BackgroundTasks,
    body: Ask,
) -> JSONResponse:
    """The next images of the queue for this browser, which nobody else gets as long as it has them."""
    queue, holder = read_queue(request, project), labeller(request)
    kept: set[int] = set()
    if body.hold or body.release:
        renew = partial(renewed, project_id=project.id, holder=holder, queue=queue, body=body)
        kept = state.database.write_together(renew)
    rows = suggested.drawn(state, project, queue, queues.Wish(holder, body.limit, body.after, frozenset(body.without)))
    tasks.add_task(suggested.keep_fresh, state, project.id)
    with state.database.read() as session:
        answer = JSONResponse(
            {
                "items": suggested.items(request, session, project, queue, rows),
                "lost": [image_id for image_id in body.hold if image_id not in kept],
                "elsewhere": 0 if rows else queues.with_others(session, project.id, queue, holder),
                **replaced(session, project.id, actor, body.since),
            }
        )
    remember(request, answer, holder)
    return answer


def renewed(session: Session, *, project_id: int, holder: str, queue: Queue, body: Ask) -> set[int]:
    """Give back what the page is done with and hold what it goes on to show; those that it still has."""
    leases.one_at_a_time(session, project_id)  # first: whoever draws may wait for one of the rows given back here
    leases.release(session, holder, body.release)
    if queue.order not in queues.SHARED:
        return set(body.hold)
    return set(leases.take(session, project_id, body.hold, holder))

"""Signs of life for supervisors and containers."""

import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from app.web.deps import ReadSession, StateDep

router = APIRouter()


@router.get("/healthz", name="healthz")
def healthz() -> PlainTextResponse:
    """The process answers."""
    return PlainTextResponse("ok\n")


@router.get("/readyz", name="readyz")
def readyz(state: StateDep, session: ReadSession) -> PlainTextResponse:
    """The process can work: the database answers and the store takes files. Errors are 503 and 507."""
    session.execute(sa.text("SELECT 1"))
    state.store.check_space()
    return PlainTextResponse("ready\n")

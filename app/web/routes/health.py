"""Signs of life for supervisors, containers and Prometheus."""

import logging
import time
from collections.abc import Callable, Mapping

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from app.db import migrate
from app.domain.errors import OutOfSpace
from app.services import figures
from app.web.deps import AppState, StateDep
from app.web.figures import Meters

router = APIRouter()
log = logging.getLogger(__name__)
NO_BLOB = "0" * 64  # a name that no blob has: asking for it shows that the store answers


@router.get("/healthz", name="healthz")
def healthz() -> JSONResponse:
    """The process answers."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", name="readyz")
def readyz(state: StateDep) -> JSONResponse:
    """The process can work: database, its schema, the store and free space, each with how long the answer took.

    503 when one of them fails, 507 when it is the space alone. What went wrong is in the log, not in the answer.
    """
    found = {name: _tried(name, look, state) for name, look in CHECKS.items()}
    failed = [name for name, result in found.items() if not result["ok"]]
    status = 200 if not failed else 507 if failed == ["space"] else 503
    return JSONResponse({"status": "ready" if not failed else "not ready", "checks": found}, status_code=status)


def _tried(name: str, look: Callable[[AppState], bool], state: AppState) -> dict[str, object]:
    begun = time.perf_counter()
    try:
        well = look(state)
    except Exception:  # whatever it is, the answer is that this part does not work
        log.exception("Not ready: %s.", name)
        well = False
    return {"ok": well, "milliseconds": round((time.perf_counter() - begun) * 1000, 1)}


def _database(state: AppState) -> bool:
    with state.database.read() as session:
        return bool(session.scalar(sa.text("SELECT 1")) == 1)


def _migrations(state: AppState) -> bool:
    return migrate.at_head(state.database)


def _store(state: AppState) -> bool:
    return not state.store.exists(NO_BLOB)


def _space(state: AppState) -> bool:
    try:
        state.store.check_space()
    except OutOfSpace:
        log.warning("Not ready: the disk is full.")
        return False
    return True


CHECKS: Mapping[str, Callable[[AppState], bool]] = {
    "database": _database,
    "migrations": _migrations,
    "store": _store,
    "space": _space,
}


@router.get("/metrics", name="metrics")
def metrics(request: Request, state: StateDep) -> Response:
    """Figures in the text format of Prometheus. Without the database there are those of the process alone."""
    try:
        with state.database.read() as session:
            now = figures.now(session, state.settings.data_dir)
    except SQLAlchemyError:
        log.exception("The figures of the database could not be read.")
        now = None
    meters: Meters = request.app.state.meters
    return Response(meters.page(now), media_type=CONTENT_TYPE_LATEST)

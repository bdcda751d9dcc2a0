"""Turns every error into a page, or into JSON for a caller that asks for it. No answer shows a trace, SQL or a path."""

import json
import logging
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import IntegrityError, NoResultFound, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.errors import AppError, NotFound, OutOfSpace, Unusable
from app.services import projects
from app.web import i18n
from app.web.messages import sentence
from app.web.templating import render

logger = logging.getLogger(__name__)

CODES = {
    400: "request_unreadable",
    403: "request_foreign",
    404: "page_missing",
    405: "method_refused",
    413: "body_too_large",
    415: "content_type_refused",
    422: "request_invalid",
    503: "database_busy",
}
CLIENT_GONE = 499
DOUBLE = "23505"  # unique_violation in PostgreSQL; SQLite has one writer at a time
BUSY_SIGNS = ("locked", "deadlock", "connect", "queuepool")  # of SQLite, PostgreSQL and the pool


@dataclass(frozen=True)
class ErrorPage:
    """The page of an error."""

    status: int
    code: str
    message: str
    error_id: str


def register(app: FastAPI) -> None:
    """Install the handlers; errors that nobody expects are caught by ``UnexpectedErrors``."""
    app.add_exception_handler(AppError, on_app_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid_request)
    app.add_exception_handler(OperationalError, on_database_error)
    app.add_exception_handler(PoolTimeout, on_database_error)
    app.add_exception_handler(IntegrityError, on_database_error)
    app.add_exception_handler(NoResultFound, on_missing_row)
    app.add_exception_handler(ClientDisconnect, on_lost_client)


def wants_json(request: Request) -> bool:
    """True for a caller that sends or asks for JSON; a browser that opens a page gets a page."""
    accept = request.headers.get("accept", "")
    if "text/html" in accept:
        return False
    return "application/json" in accept or request.headers.get("content-type", "").startswith("application/json")


class Refusal(JSONResponse):
    """JSON that may repeat what was sent, even half a pair of surrogates, which no UTF-8 can hold."""

    def render(self, content: Any) -> bytes:
        """A question mark stands for it."""
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(errors="replace")


def answer(request: Request, error: AppError, status: int, error_id: str = "") -> Response:
    """The answer to ``error`` as a page or as JSON."""
    message = sentence(error, i18n.translations(i18n.choose(request)).gettext)
    if wants_json(request):
        body: dict[str, Any] = {"code": error.code, "message": message, "params": plain(dict(error.params))}
        if fields := getattr(error, "fields", {}):
            gettext = i18n.translations(i18n.choose(request)).gettext
            body["fields"] = {
                name: {"code": item.code, "message": sentence(item, gettext)} for name, item in fields.items()
            }
        if error_id:
            body["id"] = error_id
        return Refusal({"error": body}, status_code=status, headers={"Vary": "Accept-Language, Cookie"})
    return render(request, "error.html", ErrorPage(status, error.code, message, error_id), status_code=status)


def plain(value: Any) -> Any:
    """``value`` with everything that JSON does not know written as text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def on_app_error(request: Request, error: Exception) -> Response:
    """A refusal with a reason."""
    assert isinstance(error, AppError)
    if isinstance(error, OutOfSpace):  # where the folder lies is for the log, not for the page
        logger.error("disk_full path=%r folder=%r", request.url.path, error.params.get("folder"))
        error = OutOfSpace()
    if isinstance(error, Unusable) and request.method == "GET":  # an id that nothing can have
        return answer(request, AppError("page_missing", path=request.url.path), HTTPStatus.NOT_FOUND)
    return answer(request, error, error.status)


def on_http_error(request: Request, error: Exception) -> Response:
    """What the framework refuses: unknown address, wrong method, body too large."""
    assert isinstance(error, HTTPException)
    status = error.status_code
    code = CODES.get(status, "request_unreadable" if status < 500 else "internal_error")
    params = {"path": request.url.path, "method": request.method}
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        params["limit_mb"] = error.detail
    elif code == "internal_error":
        params["id"] = ""
    response = answer(request, AppError(code, **params), status)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def on_invalid_request(request: Request, error: Exception) -> Response:
    """A value of the wrong kind. In the address that means that there is no such page."""
    assert isinstance(error, RequestValidationError)
    places = [item["loc"] for item in error.errors()]
    if any(place and place[0] == "path" for place in places):
        return answer(request, AppError("page_missing", path=request.url.path), 404)
    names = sorted({".".join(str(part) for part in place[1:]) or str(place[0]) for place in places})
    return answer(request, AppError("request_invalid", fields=", ".join(names)[:200]), 422)


def on_database_error(request: Request, error: Exception) -> Response:
    """A database that is full or busy can be told from one that is broken."""
    text = str(getattr(error, "orig", error)).lower()
    if "disk is full" in text or "no space left" in text:
        logger.error("database_full path=%s", request.url.path)
        return answer(request, OutOfSpace(), HTTPStatus.INSUFFICIENT_STORAGE)
    # Every name is looked for before it is written, so that a double one was written by another at the same moment.
    double = getattr(getattr(error, "orig", None), "sqlstate", "") == DOUBLE
    if double or any(sign in text for sign in BUSY_SIGNS):
        logger.error("database_busy path=%s", request.url.path)
        return answer(request, AppError("database_busy"), HTTPStatus.SERVICE_UNAVAILABLE)
    return unexpected(request, error)


def on_missing_row(request: Request, error: Exception) -> Response:
    """A row that must be there is not: its project was removed while the request was answered, or we are wrong."""
    slug = request.path_params.get("slug")
    try:
        if slug is not None:
            with request.app.state.miwake.database.read() as session:
                projects.id_of(session, slug)
    except NotFound as gone:
        logger.info("project_gone method=%s path=%r", request.method, request.url.path)
        return on_app_error(request, gone)
    return unexpected(request, error)


def on_lost_client(request: Request, _error: Exception) -> Response:
    """The tab was closed, or the line broke, in the middle of a request: nothing was done, and nobody hears the answer.

    The status is the one by which nginx counts such requests.
    """
    logger.info("client_gone method=%s path=%r", request.method, request.url.path)
    return Response(status_code=CLIENT_GONE)


def unexpected(request: Request, error: Exception) -> Response:
    """An error of ours: the page shows an id, the log has the trace under the same id."""
    error_id = secrets.token_hex(4)
    logger.error("unexpected_error id=%s method=%s path=%r", error_id, request.method, request.url.path, exc_info=error)
    return answer(request, AppError("internal_error", id=error_id), HTTPStatus.INTERNAL_SERVER_ERROR, error_id)


class UnexpectedErrors:
    """Catches what no handler knows, inside the middlewares that add the headers, so that a 500 has them too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; answer with the page of an unexpected error unless the answer has begun."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, note_start)
        except Exception as error:
            if started:
                raise
            await unexpected(Request(scope), error)(scope, receive, send)

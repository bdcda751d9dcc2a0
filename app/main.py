"""The web application: the one place where its parts are put together."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount

from app.config import Settings
from app.db.migrate import upgrade
from app.db.session import Database
from app.decoder import Decoder
from app.queue import Queue
from app.services import uploads
from app.services.answers import Kept
from app.storage import open_store
from app.storage.arrays import Arrays
from app.web import errors, security
from app.web.deps import AppState
from app.web.figures import Meters
from app.web.head import HeadAsGet
from app.web.observe import Observe
from app.web.static import HashedStatic
from app.web.templating import STATIC, Templates

# The order decides where two paths fit: /p/{slug}/images/ids must be asked before /p/{slug}/images/{image_id}.
ROUTES = (
    "health",
    "help",
    "projects",
    "project_delete",
    "classes",
    "media",
    "imports",
    "import_sending",
    "exports",
    "gallery",
    "labels",
    "opinions",
    "views",
    "pace",
    "images",
    "confirming",
    "labelling",
    "label_items",
    "splits",
    "split_moves",
    "move_page",
    "import_server",
    "versions",
    "health_page",
    "similar",
    "map_page",
    "health_lists",
    "train",
    "rates",
    "searches",
    "runs",
    "run_classes",
    "run_folds",
    "run_labels",
    "run_sureness",
    "run_borders",
    "run_diary",
    "run_layers",
    "manifest",
    "weights",
    "weight_files",
    "run_report",
    "run_more",
    "run_judged",
    "run_weak",
    "groups",
    "laboratory",
    "replays",
    "shrinking",
    "review",
    "review_acts",
    "compare",
    "predict",
    "jobs",
)


def create_app(settings: Settings) -> FastAPI:
    """The application for ``settings``; it opens database, store, decoder and queue when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.miwake = state = open_state(settings)
        try:
            yield
        finally:
            state.decoder.close()
            state.database.dispose()

    app = FastAPI(
        title="Miwake", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, lifespan=lifespan,
        routes=_routes(),
    )  # fmt: skip
    app.state.templates = Templates(app)
    app.state.meters = Meters()
    errors.register(app)
    app.add_middleware(HeadAsGet)
    security.install(app, settings)
    app.add_middleware(Observe, meters=app.state.meters)
    return app


def _routes() -> list[BaseRoute]:
    """What answers each address: the routes of all modules, which are made when these are imported.

    To include their routers in the application would make them all anew, at its first request: a third of a second.
    """
    static = Mount("/static", HashedStatic(directory=STATIC), name="static")
    return [static, *(route for name in ROUTES for route in import_module(f"app.web.routes.{name}").router.routes)]


def open_state(settings: Settings) -> AppState:
    """Open everything the pages need, with the database brought to the newest schema."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    upgrade(database)
    store = open_store(settings.store_address)
    uploads.sweep(database, store, settings.data_dir)
    logging.getLogger(__name__).info("opened database=%s store=%s", database.engine.url, settings.storage)
    return AppState(
        settings=settings,
        database=database,
        store=store,
        arrays=Arrays(store),
        judged=Kept(store),
        decoder=Decoder(settings.decode_workers),
        queue=Queue(settings.broker_url, settings.broker_ca_file, settings.max_queued),
    )

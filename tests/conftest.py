"""What all tests share: settings, databases, the application's client, servers, real pictures."""

import gc
import logging
import os
import re
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
import sqlalchemy as sa
from playwright.sync_api import BrowserContext, Page, expect

from app.commands import logs
from app.config import Settings
from app.db.migrate import upgrade
from app.db.models import Project
from app.db.session import Database
from app.main import create_app
from app.storage import LocalStore
from tests import factories, servers
from tests.checks import check_answer, check_no_trace

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette announces a successor of httpx; the lock file has httpx
    from starlette.testclient import TestClient

# A shared machine may pause at any moment: an example has no time limit of its own, nor has drawing one; the whole test
# has. The usual run draws the same examples each time, so that it says something of a change; `make test-all` draws
# many new ones.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
UNTIMED = hypothesis.settings.get_profile("untimed")
hypothesis.settings.register_profile("usual", UNTIMED, derandomize=True, database=None)
hypothesis.settings.register_profile("thorough", UNTIMED, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "usual"))

expect.set_options(timeout=20_000)  # milliseconds; the usual five seconds are short where training tests run beside

ORIGIN = "http://127.0.0.1:8124"
ROOT = Path(__file__).resolve().parents[1]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that asks a whole application is no unit test: ``make unit`` leaves it out."""
    for item in items:
        if "client" in getattr(item, "fixturenames", ()):
            item.add_marker("page")


def pytest_collection_finish() -> None:
    """The garbage collector need not look at thousands of tests and at all modules again and again."""
    gc.collect()
    gc.freeze()


class Client(TestClient):
    """A client that checks the headers of each answer and fails on an error nobody expected.

    ``errors_expected`` lets a test look at a page of status 500.
    """

    errors_expected = False

    def request(self, *args: Any, **kwargs: Any) -> httpx.Response:
        answer: httpx.Response = super().request(*args, **kwargs)
        for step in [*answer.history, answer]:
            check_answer(step)
        if answer.status_code >= 400:
            check_no_trace(answer)
        assert self.errors_expected or answer.status_code != 500, "an unexpected error: its trace is in the log"
        return answer


@pytest.fixture(autouse=True)
def log_of_the_test_run() -> Iterator[None]:
    """A command that runs in this process sets up the log of the whole process; later tests get back what was."""
    root = logging.getLogger()
    known = set(root.handlers)
    levels = {name: logging.getLogger(name).level for name in ("", *logs.CHATTY, *logs.SILENT, logs.REQUESTS)}
    yield
    for handler in [one for one in root.handlers if type(one) is logging.StreamHandler and one not in known]:
        root.removeHandler(handler)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a data folder of their own."""
    return Settings(data_dir=tmp_path / "data", user="tester")


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file without rows: copying it takes a millisecond, migrating a third of a second."""
    path = tmp_path_factory.mktemp("schema") / "empty.sqlite3"
    made = Database(f"sqlite:///{path}")
    upgrade(made)
    with made.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    made.dispose()
    return path


@pytest.fixture
def database(settings: Settings, empty_sqlite: Path) -> Iterator[Database]:
    """An empty SQLite database in the data folder of ``settings``, so that ``client`` sees the same rows."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(empty_sqlite, settings.data_dir / "miwake.sqlite3")
    made = Database(settings.database)
    yield made
    made.dispose()


@pytest.fixture
def store(settings: Settings) -> LocalStore:
    """The store of ``settings``."""
    return LocalStore(settings.data_dir / "store")


@pytest.fixture
def client(settings: Settings, database: Database) -> Iterator[Client]:
    """A browser on the pages of ``settings``; what it gets is checked."""
    with Client(create_app(settings), base_url=ORIGIN, headers={"Origin": ORIGIN}) as made:
        yield made


@pytest.fixture
def project(database: Database) -> Project:
    """A project without images: 血球 with the classes 好中球, 好酸球 and 単球."""
    with database.write() as session:
        return factories.make_project(session)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a PostgreSQL of our own."""
    try:
        server = servers.postgres()
        with server as url:
            yield url
    except servers.Missing as missing:
        pytest.skip(f"NOT TESTED ON POSTGRESQL: {missing}")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The address of a Redis-protocol server of our own."""
    try:
        with servers.redis() as url:
            yield url
    except servers.Missing as missing:
        pytest.skip(f"NOT TESTED WITH REDIS: {missing}")


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of an S3-compatible server of our own."""
    with servers.s3() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """The name of a migrated database without rows."""
    admin = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE empty")
    admin.dispose()
    made = Database(_named(postgres_url, "empty"))
    upgrade(made)
    made.dispose()
    return "empty"


@pytest.fixture
def postgres_database(postgres_url: str, postgres_template: str) -> Iterator[Database]:
    """An empty PostgreSQL database for one test."""
    admin = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE IF EXISTS one WITH (FORCE)")
        connection.exec_driver_sql(f"CREATE DATABASE one TEMPLATE {postgres_template}")
    admin.dispose()
    made = Database(_named(postgres_url, "one"))
    yield made
    made.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_database(request: pytest.FixtureRequest) -> Database:
    """The test runs on SQLite and, marked "postgres", on PostgreSQL."""
    made: Database = request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database")
    return made


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures beside the checkout."""
    folder = Path(os.environ.get("SHARED_PICTURES", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"NOT TESTED ON REAL PICTURES: there is no folder {folder}; set SHARED_PICTURES")
    return folder


def _named(url: str, name: str) -> str:
    return sa.make_url(url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def base_url() -> None:
    """No common address; the plugin's own fixture of this name uses a form that pytest will drop."""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The Chromium of the system; Playwright would download one of its own.

    The one without windows opens and closes a page in a quarter of the time.
    """
    known = ("chromium-headless-shell", "chromium", "google-chrome")
    program = os.environ.get("CHROMIUM") or next((path for name in known if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip("NOT TESTED IN A BROWSER: Chromium is not installed: apt-get install chromium")
    return {**browser_type_launch_args, "executable_path": program}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """A quiet English browser."""
    size = {"width": 1280, "height": 900}
    return {**browser_context_args, "locale": "en-US", "viewport": size, "reduced_motion": "reduce"}


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """A page that allows no console message, no error and no violation of the content security policy."""
    seen: list[str] = []
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation',"
        " e => console.error('CSP ' + e.violatedDirective + ' ' + e.blockedURI))"
    )
    page.on("console", lambda message: seen.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: seen.append(f"error: {error}"))
    yield page
    # Chromium reports every answer of 4xx; a refused form or a conflict is what a test may be about.
    refused = re.compile(r"error: Failed to load resource: .* status of 4(09|22) ")
    assert [text for text in seen if not refused.match(text)] == []


@pytest.fixture
def rough_page(context: BrowserContext) -> Iterator[Page]:
    """A page on which requests may fail; anything else that the browser reports is an error of ours."""
    page = context.new_page()
    seen: list[str] = []
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective))"
    )
    page.on("console", lambda message: seen.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: seen.append(f"error: {error}"))
    page.on("dialog", lambda dialog: dialog.accept())  # "leave the page?" while something is not saved
    yield page
    assert [text for text in seen if not re.match("error: Failed to load resource", text)] == []
    page.close()


@pytest.fixture
def live_server(settings: Settings, database: Database) -> Iterator[str]:
    """The application on a free port; yields its address. It works on ``settings`` and ``database`` of the test."""
    with servers.web(settings) as url:
        yield url

"""What must be true of an installation after any fault: nothing is spoiled, and what was acknowledged is there."""

import hashlib
import json
import sqlite3
import subprocess
import sys

import sqlalchemy as sa

from app.config import child_environment
from app.db.models import Image
from tests.chaos.site import Site, environment
from tests.jobs import processes


def check_whole(made: Site) -> None:
    """The database is whole, every picture is there with its hash, and the product's own check finds nothing."""
    with sqlite3.connect(str(made.database.engine.url.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    with made.database.read() as session:
        digests = session.scalars(sa.select(Image.canonical_sha256)).all()
    for digest in digests:
        assert hashlib.sha256(made.store.get(digest)).hexdigest() == digest
    done = subprocess.run(
        [sys.executable, "-m", "app", "check", "--json"],
        cwd=processes.ROOT,
        env={**child_environment(), **environment(made.settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)


def images(made: Site) -> int:
    with made.database.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Image)) or 0

"""The addresses of database, store and broker: which can be used at all.

They are looked at before anything is opened, because each library says in its own way that it cannot read one. An
error names the setting and never its value, which may hold a password.
"""

import re
from urllib.parse import urlsplit

from app.domain.errors import AppError

# As SQLAlchemy reads them: a password may hold "/" and "#".
_SERVER = re.compile(
    r"(?:[^:/]*(?::[^@]*)?@)?"  # name and password
    r"(?:\[[^/?]+\]|[^/:?@]+)?(?::\d{1,5})?"  # host and port
    r"(?:/[^?]*)?(?:\?.*)?",
    re.DOTALL,
)
_PASSWORD = re.compile(r"[^:/]*://[^:/]*:([^@]*)@", re.DOTALL)
_FILE = re.compile(r"/(?!:memory:)[^?]+(?:\?.*)?", re.DOTALL)  # what is in memory only, no other process sees
_DATABASES = {
    "sqlite": _FILE,
    "sqlite+pysqlite": _FILE,
    "postgresql": _SERVER,
    "postgresql+psycopg": _SERVER,
}
_FOLDER = re.compile(r"file://(?:localhost)?/[^?#]*")
_BUCKET = re.compile(r"s3://[^/?#@:\s]+(?:/[^?#]*)?")
_WEB = re.compile(r"https?://[^/?#@\s]+(?:/[^?#\s]*)?")
_NUMBER_OR_NOTHING = re.compile(r"[0-9]*")  # which database of a Redis


def database(address: str) -> str:
    """``address`` as SQLAlchemy wants it: ``postgres://``, as many others write it, means PostgreSQL."""
    scheme, between, rest = address.partition("://")
    return f"postgresql{between}{rest}" if scheme == "postgres" else address


def password(address: str) -> str:
    """The password in the address of a database as it stands there, or ""."""
    found = _PASSWORD.match(address)
    return found[1] if found else ""


def check_database(name: str, address: str) -> None:
    """Refuse what is no address of SQLite or PostgreSQL; ``name`` is the setting it comes from. Raises AppError."""
    scheme, _, rest = database(address).partition("://")
    if scheme not in _DATABASES or not _DATABASES[scheme].fullmatch(rest):
        raise AppError("setting_database", name=name)


def check_storage(name: str, address: str) -> None:
    """Refuse what is neither a folder nor a bucket. Raises AppError."""
    if not _FOLDER.fullmatch(address) and not _BUCKET.fullmatch(address):
        raise AppError("setting_storage", name=name)


def check_broker(name: str, address: str) -> None:
    """Refuse what is neither the broker inside each worker nor a Redis. Raises AppError."""
    if address.startswith("memory:"):
        return
    if not address.startswith(("redis://", "rediss://")) or not _is_redis(address):
        raise AppError("setting_broker", name=name)


def check_weights(name: str, address: str) -> None:
    """Refuse what is no address of files on a web server, or one with a password. Raises AppError."""
    if not _WEB.fullmatch(address) or not _can_be_split(address):
        raise AppError("setting_weights_url", name=name)


def _is_redis(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.port != 0 and _NUMBER_OR_NOTHING.fullmatch(parts.path.strip("/")) is not None
    except ValueError:  # a port that is no number, or a bracket alone
        return False


def _can_be_split(address: str) -> bool:
    """False for a bracket alone, which nothing that opens an address can read."""
    try:
        urlsplit(address)
    except ValueError:
        return False
    return True

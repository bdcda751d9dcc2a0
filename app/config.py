"""The settings, read once from the environment at the entry points."""

import math
import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from app.domain import addresses, backbones
from app.domain.errors import AppError

PREFIX = "MIWAKE_"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


_NUMBERS = {int: "setting_whole", float: "setting_number"}  # what is said when it is none


def _setting(default: Any, doc: str, *, secret: bool = False, least: int = 0) -> Any:
    """One setting.

    Args:
        default: its value when nothing is set; its kind is the kind of all values.
        doc: what it means.
        secret: the value is or may hold a password, so it is left out where the settings are printed.
        least: the smallest value of a number.
    """
    return field(default=default, repr=not secret, metadata={"doc": doc, "secret": secret, "least": least})


@dataclass(frozen=True)
class StoreAddress:
    """Where pictures and models lie and how to get at them; travels to the processes that compute.

    ``cache``: folder for copies of what a bucket holds, or None; ``cache_bytes``: its largest size. ``patience``: after
    so many seconds without an answer a bucket is given up.
    """

    url: str
    endpoint: str = ""
    region: str = ""
    key_id: str = ""
    secret: str = field(default="", repr=False)
    ca_file: str = ""
    cache: Path | None = None
    cache_bytes: int = 0
    patience: float = 15.0  # while a person waits for a page


@dataclass(frozen=True)
class Settings:
    """Everything that can be set from outside; one environment variable ``MIWAKE_<NAME>`` for each field."""

    data_dir: Path = _setting(Path("data"), "Folder for the database, pictures and models.")
    host: str = _setting("127.0.0.1", "Address to listen on. Only this machine's own until there are accounts.")
    port: int = _setting(8124, "Port of the web pages.")
    allowed_hosts: str = _setting("", "More host names that a browser may use, separated by commas.")
    database_url: str = _setting(
        "", "SQLAlchemy address of the database; empty: SQLite in the data folder.", secret=True
    )
    broker_url: str = _setting(
        "memory://",
        "Celery broker; memory:// needs no server, redis:// or, with TLS, rediss:// serves many workers.",
        secret=True,
    )
    broker_ca_file: str = _setting(
        "", "Certificates (PEM) that a rediss:// broker is checked against; empty: the system's."
    )
    storage_url: str = _setting("", "Where pictures and models lie; empty: the data folder, or s3://bucket/prefix.")
    s3_endpoint: str = _setting("", "Address of an S3-compatible server, such as https://minio:9000; empty: Amazon's.")
    s3_region: str = _setting("", "Region of the bucket; empty: us-east-1.")
    s3_key_id: str = _setting("", "Name of the key for the bucket; empty: what the machine is given (AWS_*, its role).")
    s3_secret: str = _setting("", "The key's secret.", secret=True)
    s3_ca_file: str = _setting("", "Certificates (PEM) that the S3 server is checked against, besides the system's.")
    weights_dir: str = _setting(
        "", "Folder for files of weights of pretrained networks; empty: the folder weights in the data folder."
    )
    weights_url: str = _setting(
        backbones.PUBLIC,
        "Where such files are downloaded from when somebody asks for it: http(s), or a mirror with the same folders.",
    )
    cache_mb: int = _setting(4096, "Copies of pictures and models of a bucket on this host's disk; 0: none.")
    worker_host: str = _setting("", "Name of this machine among the workers; empty: its host name.")
    worker_gpu_slots: int = _setting(1, "Trainings at the same time in one worker; 0: none.")
    worker_cpu_slots: int = _setting(1, "Imports and sets of heat maps at the same time in one worker; 0: none.")
    worker_interactive_slots: int = _setting(
        1, "Answers that somebody waits for at the same time in one worker; 0: none."
    )
    warm: int = _setting(
        1, "1: a process with TensorFlow stays ready, so that a prediction takes a moment; 0: one is started for each."
    )
    warm_memory_mb: int = _setting(1536, "Memory that this process may keep; a larger one is replaced by a new one.")
    answer_seconds: float = _setting(60.0, "After this long a prediction is given up, and its process replaced.")
    job_memory_mb: int = _setting(
        0, "Memory that one training may take; 0: a share of the machine's, without a graphics card."
    )
    start_method: str = _setting(
        "", "How training processes start: forkserver or spawn; empty: the best for this system."
    )
    lease_seconds: float = _setting(30.0, "After this long without a sign of life a job is taken from its worker.")
    job_seconds: float = _setting(0.0, "A job that takes longer fails, with what it has kept so far; 0: no limit.")
    max_queued: int = _setting(500, "Jobs of one project that may wait at the same time; 0: no limit.")
    resend_seconds: float = _setting(10.0, "After this long without a start a job is announced again.")
    decode_workers: int = _setting(0, "Processes that decode uploaded pictures; 0: one for each processor.")
    max_file_mb: int = _setting(25, "Largest picture file.", least=1)
    max_zip_mb: int = _setting(2048, "Largest zip file.", least=1)
    import_dir: str = _setting(
        "",
        "Folder of the server whose folders the import page offers; empty: none. Web process and workers must see it "
        "at the same place.",
    )
    user: str = _setting("", "Name written into the label history; empty: the login name.")
    log_level: str = _setting("INFO", "DEBUG, INFO, WARNING or ERROR.")
    log_format: str = _setting("text", "text for people, or json: one object for each line, with every request.")

    @property
    def database(self) -> str:
        """The address of the database with the default filled in."""
        return addresses.database(self.database_url) or f"sqlite:///{(self.data_dir / 'miwake.sqlite3').absolute()}"

    @property
    def weights_folder(self) -> Path:
        """Where the files of weights are expected; it need not exist."""
        return Path(self.weights_dir) if self.weights_dir else self.data_dir.absolute() / "weights"

    @property
    def storage(self) -> str:
        """The address of the store with the default filled in."""
        return self.storage_url or (self.data_dir / "store").absolute().as_uri()

    @property
    def store_address(self) -> StoreAddress:
        """The store and what is needed to get at it."""
        return StoreAddress(
            url=self.storage,
            endpoint=self.s3_endpoint,
            region=self.s3_region,
            key_id=self.s3_key_id,
            secret=self.s3_secret,
            ca_file=self.s3_ca_file,
            cache=(self.data_dir / "cache").absolute(),
            cache_bytes=self.cache_mb * 2**20,
        )

    @property
    def patient_store_address(self) -> StoreAddress:
        """The same for workers: a training of hours does not fail because the store is started again."""
        return replace(self.store_address, patience=300.0)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must appear in no log and on no page: passwords, as they are and as they are written in an address."""
        found = {self.s3_secret, urlsplit(self.broker_url).password, addresses.password(self.database_url)}
        return tuple(sorted({form for text in found if text for form in (text, unquote(text))}, key=len, reverse=True))

    def masked(self, text: str) -> str:
        """``text`` without the passwords of the settings."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    @property
    def embedded_broker(self) -> bool:
        """True when each worker has its own in-process broker and finds its work in the job table."""
        return self.broker_url.startswith("memory:")

    @property
    def host_names(self) -> list[str]:
        """Host headers that are answered."""
        more = [name.strip() for name in self.allowed_hosts.split(",") if name.strip()]
        return [*LOOPBACK, "[::1]", *more]

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, more: Mapping[str, str] | None = None) -> "Settings":
        """Read ``MIWAKE_*`` from ``environ`` (by default that of this process), overruled by ``more``.

        Raises:
            AppError: a variable has an unknown name or a value that cannot be used.
        """
        environ = {**(os.environ if environ is None else environ), **(more or {})}
        known = {PREFIX + item.name.upper(): item for item in fields(cls)}
        values: dict[str, Any] = {}
        for name, text in environ.items():
            if not name.startswith(PREFIX):
                continue
            if name not in known:
                raise AppError("setting_unknown", name=name, known=", ".join(sorted(known)))
            values[known[name].name] = _value(known[name], text)
        settings = cls(**values)
        settings.check_addresses()
        return settings

    def check_addresses(self) -> None:
        """Refuse addresses of database, store and broker that nothing could be opened at. Raises AppError."""
        addresses.check_database(f"{PREFIX}DATABASE_URL", self.database)
        addresses.check_storage(f"{PREFIX}STORAGE_URL", self.storage)
        addresses.check_broker(f"{PREFIX}BROKER_URL", self.broker_url)
        addresses.check_weights(f"{PREFIX}WEIGHTS_URL", self.weights_url)


def _value(setting: Field[Any], text: str) -> Any:
    name = PREFIX + setting.name.upper()
    kind: type[Any] = type(setting.default)
    try:
        value = kind(text)
    except ValueError:
        raise AppError(_NUMBERS[kind], name=name, value=text) from None
    if isinstance(value, float) and not math.isfinite(value):
        raise AppError(_NUMBERS[kind], name=name, value=text)
    least = setting.metadata["least"]
    if kind in _NUMBERS and setting.name != "port" and value < least:  # ports are refused where they are opened
        raise AppError("setting_small", name=name, value=text, least=least)
    return value


def child_environment() -> dict[str, str]:
    """The environment for a process that we start: ours, with output that is not held back.

    NumPy's products use one thread, if nothing else is said: beside other work its threads wait for each other, and
    what takes a second alone takes ten.
    """
    return {"OPENBLAS_NUM_THREADS": "1", **os.environ, "PYTHONUNBUFFERED": "1"}

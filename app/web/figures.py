"""Figures for Prometheus: what this process counts itself, and what the database says at the moment of asking."""

import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from app.services import figures
from app.services.figures import Figures

REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Meters:
    """What one process counts. Labels have a small, fixed number of values: names of routes, never addresses."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "miwake_http_request_duration_seconds",
            "Time until the answer was sent, without event streams.",
            ("method", "route", "status"),
            buckets=REQUEST_BUCKETS,
            registry=self.registry,
        )
        self.errors = Counter("miwake_http_errors", "Answers with a status of 500 or more.", registry=self.registry)
        self.streams = Gauge("miwake_event_streams", "Open event streams.", registry=self.registry)
        self.started = Gauge("miwake_start_time_seconds", "When the process began.", registry=self.registry)
        self.started.set(time.time())

    def seen(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self.requests.labels(method if method in METHODS else "OTHER", route, str(status)).observe(seconds)
        if status >= 500:
            self.errors.inc()

    def page(self, now: Figures | None) -> bytes:
        """Everything in the text format of Prometheus; ``now`` is None when the database does not answer."""
        database = CollectorRegistry()
        database.register(_Fixed(_families(now)))
        return generate_latest(self.registry) + generate_latest(database)


class _Fixed(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _families(now: Figures | None) -> Iterable[Metric]:
    up = GaugeMetricFamily("miwake_database_up", "1 when the database answered, otherwise 0.")
    up.add_metric([], float(now is not None))
    yield up
    if now is None:
        return
    count = GaugeMetricFamily("miwake_jobs", "Jobs by what they are doing.", labels=("lane", "state"))
    for (lane, state), number in now.jobs.items():
        count.add_metric([lane, state], number)
    yield count
    oldest = GaugeMetricFamily(
        "miwake_oldest_queued_seconds", "How long the oldest queued job has waited.", labels=("lane",)
    )
    for lane, seconds in now.oldest.items():
        oldest.add_metric([lane], seconds)
    yield oldest
    places = GaugeMetricFamily("miwake_worker_places", "Places of all workers that are alive.", labels=("lane",))
    for lane, number in now.places.items():
        places.add_metric([lane], number)
    yield places
    for name, text, value in (
        ("miwake_workers", "Workers that are alive.", now.workers),
        ("miwake_images", "Images of all projects.", now.images),
        ("miwake_checkpoint_bytes", "Size of the saved states of unfinished trainings.", now.checkpoint_bytes),
        ("miwake_database_bytes", "Size of the database.", now.database_bytes),
        ("miwake_disk_free_bytes", "Free space where the data folder lies.", now.free_bytes),
    ):
        family = GaugeMetricFamily(name, text)
        family.add_metric([], value)
        yield family
    yield _durations(now)


def _durations(now: Figures) -> Metric:
    family = HistogramMetricFamily("miwake_run_duration_seconds", "How long finished trainings took.")
    buckets = [(f"{bound:g}", float(number)) for bound, number in zip(figures.RUN_BUCKETS, now.run_counts, strict=True)]
    family.add_metric([], [*buckets, ("+Inf", float(now.runs))], now.run_seconds)
    return family

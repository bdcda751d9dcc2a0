"""Celery as this worker uses it: threads that wait for wake-up messages, no result backend, JSON only."""

from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_ready, worker_shutdown, worker_shutting_down

from app.domain.enums import Lane
from app.queue import TASK, configure, queue_name
from worker import interactive_jobs, local_broker, tasks
from worker.keeper import Keeper
from worker.packing import Packing
from worker.parts import Parts


def make(parts: Parts) -> Celery:
    """A Celery application whose one task looks at jobs with ``parts``; its keeper lives as long as the worker."""
    app = Celery("miwake", broker=parts.settings.broker_url, backend=None)
    configure(app, parts.settings.broker_url, parts.settings.broker_ca_file)
    app.conf.update(
        task_acks_late=False,  # the table is the truth: a message that is lost or comes twice does no harm
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=not parts.settings.embedded_broker,  # for Flower and the like
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
    )
    if parts.settings.embedded_broker:
        app.conf.broker_transport = "worker.local_broker:Transport"

    @app.task(name=TASK, ignore_result=True)  # type: ignore[untyped-decorator]
    def look_at(job_id: int) -> None:
        tasks.look_at(parts, int(job_id))

    def send(job_id: int, lane: Lane, needs: str) -> None:
        # By the queue of those that can meet the needs: any other worker would throw the message away.
        look_at.apply_async((job_id,), queue=queue_name(lane, needs), retry=False)

    _connect(parts, Keeper(parts, send), Packing(parts))
    return app


def _connect(parts: Parts, keeper: Keeper, packing: Packing) -> None:
    """Tie keeper and packing to the life of the worker."""

    def ready(**_kw: Any) -> None:
        keeper.start()
        packing.start()
        interactive_jobs.prepare_newest(parts)

    def shutting_down(**_kw: Any) -> None:
        parts.stopping.set()
        local_broker.end()

    def shutdown(**_kw: Any) -> None:
        packing.stop()
        keeper.stop()

    def keep_log(**_kw: Any) -> None:
        """The log is set up already; that somebody listens keeps Celery from setting its own level and handlers."""

    setup_logging.connect(keep_log, weak=False)
    worker_ready.connect(ready, weak=False)
    worker_shutting_down.connect(shutting_down, weak=False)
    worker_shutdown.connect(shutdown, weak=False)


def serve(parts: Parts, app: Celery) -> int:
    """Work until a signal ends it; return the exit code."""
    worker = app.Worker(
        hostname=f"{parts.name.replace(':', '-')}@miwake",
        pool="threads",
        concurrency=sum(parts.slots.sizes.values()) + 1,  # one more, to turn messages away while all places are taken
        queues=[queue_name(lane, needs) for lane in Lane for needs in parts.able.needs],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)

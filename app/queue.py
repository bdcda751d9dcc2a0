"""Announces jobs to the workers: a Celery client that knows a task name and sends ids as JSON.

The row in the job table is the truth. A message only says "look at job N", so a message that cannot be sent is logged
and nothing else: the keeper of a worker announces every queued row again until it is taken. With the embedded broker
(``memory://``) each worker finds its rows itself, and the web process sends nothing at all.
"""

import logging
import ssl
from typing import Any

from celery import Celery

TASK = "miwake.job"
log = logging.getLogger(__name__)


def configure(celery: Celery, broker_url: str, ca_file: str = "") -> None:
    """The settings that client and worker share: JSON only, no result backend, no retry that would block a request.

    With ``rediss://`` the server must prove its name by a certificate of ``ca_file``, or of the system without one.
    """
    embedded = broker_url.startswith("memory:")
    redis = {"socket_timeout": 5, "socket_connect_timeout": 2, "visibility_timeout": 3600}
    celery.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_default_queue="gpu",
        task_publish_retry=False,
        broker_connection_timeout=2,
        broker_transport_options={} if embedded else redis,
    )
    if broker_url.startswith("rediss:"):
        checked: dict[str, Any] = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
        celery.conf.broker_use_ssl = checked | ({"ssl_ca_certs": ca_file} if ca_file else {})


def queue_name(lane: str, needs: str = "") -> str:
    """The queue of the broker for the jobs of a lane that need the same kind of worker."""
    return f"{lane}/{needs}" if needs else lane


class Queue:
    """The sending side of the broker at ``broker_url``; ``max_queued`` jobs of a project may wait (0: any number)."""

    def __init__(self, broker_url: str, ca_file: str = "", max_queued: int = 0) -> None:
        self.max_queued = max_queued
        self.embedded = broker_url.startswith("memory:")
        self._celery: Any = Celery("miwake", broker=broker_url, backend=None, set_as_current=False)
        configure(self._celery, broker_url, ca_file)
        # One try: kombu would go on trying to connect for seconds, while a person waits for the answer of a page.
        patience = {"max_retries": 1, "interval_start": 0, "interval_max": 0, "socket_timeout": 2}
        self._celery.conf.broker_transport_options |= patience

    def announce(self, job_id: int, lane: str, needs: str = "") -> None:
        """Tell the workers of ``lane`` that can meet ``needs`` that job ``job_id`` waits.

        Never raises: the row is already committed.
        """
        if self.embedded:
            return
        try:
            self._celery.send_task(TASK, args=[job_id], queue=queue_name(lane, needs), retry=False)
        except Exception as error:  # any broker error means the same: a keeper announces the job later
            log.warning("Job %s could not be announced (%s); a worker will find it in the table.", job_id, error)

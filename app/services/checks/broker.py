"""The queue against the job table: messages about jobs that do not exist, and whether the broker answers at all."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import redis
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.config import Settings
from app.db.run_models import Job
from app.domain.enums import Lane
from app.services.checks.found import Found

SECONDS = 5.0
MOST = 10_000


def messages(session: Session, settings: Settings) -> Iterator[Found]:
    """With the embedded broker there is nothing to look at: a worker finds its jobs in the table."""
    if settings.embedded_broker:
        return
    try:
        waiting = _waiting(settings)
    except (redis.RedisError, OSError, ValueError) as error:
        yield Found("check_broker_silent", {"reason": type(error).__name__})
        return
    known = set(session.scalars(sa.select(Job.id).where(Job.id.in_(sorted(waiting))))) if waiting else set()
    for job_id in sorted(waiting - known)[:200]:
        yield Found("check_message_unknown", {"job": job_id})


def _waiting(settings: Settings) -> set[int]:
    """The ids of the jobs that messages are about."""
    secure: dict[str, Any] = {}
    if settings.broker_url.startswith("rediss:") and settings.broker_ca_file:
        secure = {"ssl_ca_certs": settings.broker_ca_file}
    client = redis.Redis.from_url(settings.broker_url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, **secure)
    found: set[int] = set()
    try:
        names = [name for lane in Lane for name in client.scan_iter(match=f"{lane}*", _type="list")]
        for name in sorted(set(names)):
            found |= {job_id for text in client.lrange(name, 0, MOST) if (job_id := _job(text)) is not None}
    finally:
        client.close()
    return found


def _job(text: bytes | str) -> int | None:
    """The job of one message as Celery writes it; None for a message that is none of ours."""
    try:
        message = json.loads(text)
        arguments = json.loads(base64.b64decode(message["body"]))[0]
        return int(arguments[0])
    except (ValueError, KeyError, IndexError, TypeError):
        return None

"""The job table: every step of a job is one conditional UPDATE, on the clock of the database.

States and steps are drawn in docs/jobs.md. This package is used as ``jobs.create``, ``jobs.claim``, ...; its parts:
``making`` (new jobs), ``line`` (who is next), ``claims`` (one attempt), ``family`` and ``sharing`` (parents and
children), ``lost`` (workers that are gone) and ``workers`` (those that are there).
"""

from app.services.jobs.claims import (
    Claim,
    Peek,
    claim,
    end_cancelled,
    fail,
    fence,
    finish,
    peek,
    release,
    renew,
    set_progress,
    set_result,
)
from app.services.jobs.family import ancestors, any_parent_due, cancel, descendants, retry, settle, wake_parents
from app.services.jobs.line import (
    in_order,
    lanes_due,
    move_up,
    needs_of,
    place_in_line,
    put_back,
    set_priority,
    take_due,
    waiting_lane,
)
from app.services.jobs.lost import Held, held, reap
from app.services.jobs.making import announce, create, refuse_full
from app.services.jobs.rows import ACTIVE, QUEUE, LeaseLost
from app.services.jobs.sharing import await_children, children, share_out
from app.services.jobs.workers import SILENT_SECONDS, Able, able, heartbeat, sign_off, workers_alive

__all__ = [
    "ACTIVE",
    "QUEUE",
    "SILENT_SECONDS",
    "Able",
    "Claim",
    "Held",
    "LeaseLost",
    "Peek",
    "able",
    "ancestors",
    "announce",
    "any_parent_due",
    "await_children",
    "cancel",
    "children",
    "claim",
    "create",
    "descendants",
    "end_cancelled",
    "fail",
    "fence",
    "finish",
    "heartbeat",
    "held",
    "in_order",
    "lanes_due",
    "move_up",
    "needs_of",
    "peek",
    "place_in_line",
    "put_back",
    "reap",
    "refuse_full",
    "release",
    "renew",
    "retry",
    "set_priority",
    "set_progress",
    "set_result",
    "settle",
    "share_out",
    "sign_off",
    "take_due",
    "waiting_lane",
    "wake_parents",
    "workers_alive",
]

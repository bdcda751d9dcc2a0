"""``python -m worker``: the process that runs jobs. ``python -m app worker`` starts it after its checks."""

import sys
import warnings

from celery.platforms import SecurityWarning

from app.commands import logs
from app.commands.ending import ended
from app.commands.parent import end_with_parent
from app.config import Settings
from worker import celery_app, parts


def main() -> int:
    """Work until the process is told to end, or say in a sentence why that cannot be."""
    return ended(_work)


def _work() -> int:
    settings = Settings.from_env()
    logs.set_up(settings.log_level, settings.log_format, settings.masked)
    # Celery warns of running as root because of pickle; we accept JSON only, and containers run as another user.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    if "--end-with-parent" in sys.argv:
        end_with_parent()
    own = parts.assemble(settings)
    code = celery_app.serve(own, celery_app.make(own))
    own.warm.close()
    own.database.dispose()
    return code


if __name__ == "__main__":
    sys.exit(main())

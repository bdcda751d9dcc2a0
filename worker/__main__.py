"""``python -m worker``: the process that runs jobs. ``python -m app worker`` starts it after its checks."""

import logging
import sys

from app.commands.parent import end_with_parent
from app.config import Settings
from worker import celery_app, parts


def main() -> int:
    """Work until the process is told to end."""
    settings = Settings.from_env()
    logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("celery").setLevel(logging.WARNING)
    logging.getLogger("kombu").setLevel(logging.WARNING)
    if "--end-with-parent" in sys.argv:
        end_with_parent()
    own = parts.assemble(settings)
    code = celery_app.serve(own, celery_app.make(own))
    own.database.dispose()
    return code


if __name__ == "__main__":
    sys.exit(main())

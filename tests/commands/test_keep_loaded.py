"""What a web process has loaded is no work for the collector of garbage."""

import gc

from app.commands.common import keep_loaded
from app.main import create_app


def test_keep_loaded__full_passes_leave_out_what_is_there(settings):
    app = create_app(settings)
    try:
        keep_loaded()
        kept = gc.get_freeze_count()
        assert kept > 100_000
        assert len(gc.get_objects()) < kept / 10
    finally:
        gc.unfreeze()
    assert any(one is app for one in gc.get_objects())

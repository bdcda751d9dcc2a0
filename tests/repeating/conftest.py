"""A project with pictures and finished runs, as for the pages of runs."""

from tests.inspect.conftest import holdout, kfold, made, prepared, restore

__all__ = ["holdout", "kfold", "made", "prepared", "restore"]

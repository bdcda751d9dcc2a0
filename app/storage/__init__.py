"""Content-addressed files: the name of a blob is the SHA-256 of its bytes. Beside them: uploads, under names of ours.

``local`` is the default, a folder. ``bucket`` keeps the same layout in an S3-compatible bucket and reads through a
``cache`` in the data folder, so that no disk is shared between hosts.
"""

from app.storage.base import Batch, Entry, Store, Upload, key, sha256
from app.storage.local import FLOOR_BYTES, LocalStore
from app.storage.opening import open_store
from app.storage.syncing import sync

__all__ = ["FLOOR_BYTES", "Batch", "Entry", "LocalStore", "Store", "Upload", "key", "open_store", "sha256", "sync"]

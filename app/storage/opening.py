"""From the address of a store to the store."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.config import StoreAddress
from app.domain.errors import AppError
from app.storage.base import Store
from app.storage.bucket import ObjectStore
from app.storage.local import LocalStore


def open_store(address: StoreAddress | str) -> Store:
    """The store at ``file:///folder`` or in a bucket such as ``s3://bucket/prefix``; nothing is asked of it yet."""
    if isinstance(address, str):
        address = StoreAddress(address)
    parts = urlsplit(address.url)
    if parts.scheme == "file":
        folder = Path(unquote(parts.path))
        try:
            return LocalStore(folder)
        except OSError as error:
            reason = error.strerror or str(error)
            raise AppError("setting_storage_folder", folder=str(folder), reason=reason) from None
    return ObjectStore(address)

"""Our own style sheets and modules."""

from pathlib import Path

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.web.templating import STATIC, asset_hash

FOREVER = "public, max-age=31536000, immutable"
ASK = "no-cache"  # kept, but asked for by its ETag each time


class HashedStatic(StaticFiles):
    """Files under ``static``: kept for ever when asked for with the hash of their content, checked otherwise.

    Modules import each other by plain relative names, without a hash; those requests are answered by ETag.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        wanted = QueryParams(scope["query_string"]).get("v")
        current = wanted is not None and wanted == _hash_of(path)
        response.headers["cache-control"] = FOREVER if current else ASK
        return response


def _hash_of(path: str) -> str:
    if not (STATIC / Path(path)).is_file():
        raise HTTPException(404)
    return asset_hash(path)

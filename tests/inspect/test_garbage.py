"""Every route with values that no page sends, on a project with finished runs: refused, never an unexpected error.

The client of the suite fails on any status of 500.
"""

import asyncio
import contextlib
import random
import re
from urllib.parse import quote

import pytest

from app.web import events

VALUES = (
    "", "0", "-1", "1", "77", "9223372036854775808", "1" + "0" * 30, "１２", "²", "nan", "1e999", "none", "all",
    "test", "../", "..\\", "%", "%s", "a\x00b", "\udcff", "<script>", "';--", "{{7*7}}", "__class__", "日本", "a" * 999,
)  # fmt: skip
NAMES = (
    "page", "lang", "on", "fold", "true", "pred", "show", "sort", "seed", "at", "cam", "layer", "scale", "class",
    "split", "state", "import", "q", "view", "kept", "moved", "form", "draw", "image", "only", "preset", "from",
    "limit", "offset", "image_size", "folds", "augmentation.zoom_low", "before", "v", "position", "opaque", "part",
)  # fmt: skip
BODY = ("do", "request_id", "image", "item", "changes", "filter", "name", "total", "epochs", "augmentation", "step",
        "class_id", "image_ids", "share", "by", "per_class", "back", "description", "color", "key")  # fmt: skip
JSON: tuple[object, ...] = (
    None,
    True,
    -1,
    2**63,
    10**30,
    1.5,
    "",
    "x",
    "\x00",
    [],
    [None],
    [[]],
    {},
    {"a": None},
    [{"image_id": 2**64}],
)
SKIPPED = {"sample_create"}  # slow, and it takes no value but the name of a set
STREAMS = {"/jobs/events", "/p/{slug}/runs/{number}/events"}


class OneRound(events.Hub):
    """Its streams say what there is to say now, and end instead of waiting for more."""

    @contextlib.contextmanager
    def watching(self, look, key):
        self.stopping, hub = False, self

        class Bell(asyncio.Event):
            async def wait(self):
                hub.stopping = True
                return True

        yield Bell()


@pytest.fixture
def client(client):
    """Event streams end by themselves, so that they get the same values as every other route."""
    client.app.state.events = OneRound(client.app.state.miwake.database)
    return client


def routes(app):
    """(method, path) of every route."""
    own = [route for route in app.routes if getattr(route, "methods", None) and route.name not in SKIPPED]
    return sorted((method, route.path) for route in own for method in route.methods - {"HEAD"})


def text(rng):
    return quote(rng.choice(VALUES).encode("utf-8", "surrogateescape"))


def filled(rng, path):
    def value(match):
        if match[1] == "slug":
            return "blood"
        return "1" if rng.random() < 0.5 else text(rng) or "1"

    return re.sub(r"\{(\w+)(?::\w+)?\}", value, path)


@pytest.mark.parametrize("seed", range(3))
def test_garbage__is_refused_by_every_route(client, kfold, holdout, seed):
    rng = random.Random(seed)
    found = routes(client.app)
    assert len(found) > 50
    assert {path for _, path in found} >= STREAMS
    for method, path in found:
        for _ in range(3):
            query = "&".join(f"{name}={text(rng)}" for name in rng.sample(NAMES, rng.randint(0, 5)))
            sent = {}
            if method == "POST" and rng.random() < 0.5:
                sent["json"] = {name: rng.choice(JSON) for name in rng.sample(BODY, 4)}
            elif method == "POST":
                words = [value for value in VALUES if value.isprintable()]
                sent["data"] = {name: rng.choice(words) for name in rng.sample(BODY, 6)}
            newest = re.sub(r"[^ -~]", "?", rng.choice(VALUES))  # of an event stream that goes on
            headers = {"Accept-Language": rng.choice(("en", "ja")), "Last-Event-ID": newest}
            address = f"{filled(rng, path)}?{query}"
            answer = client.request(method, address, headers=headers, follow_redirects=False, **sent)
            assert answer.status_code < 500, f"{method} {address} {sent}"

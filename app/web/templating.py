"""Pages: one Jinja environment for each language, addresses, static files with their hash."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket

from app.domain.fields import plain
from app.web import i18n, run_names

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "static"
THEMES = ("auto", "light", "dark")
COOKIE_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True)
class LanguageLink:
    """One entry of the language switch."""

    code: str
    name: str
    href: str


class Compiled(BytecodeCache):
    """Keeps compiled templates in memory: every language uses the same code."""

    def __init__(self) -> None:
        self.codes: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.codes:
            bucket.bytecode_from_string(self.codes[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.codes[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()


class Templates:
    """The templates of one application in every language."""

    def __init__(self, app: FastAPI) -> None:
        app.state.patterns = {}
        self.url = partial(address, app)
        self.environments = {language: self._environment(language) for language in i18n.LANGUAGES}

    def _environment(self, language: str) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(ROOT / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
            bytecode_cache=COMPILED,
        )
        environment.policies["ext.i18n.trimmed"] = True
        # The i18n extension adds this method to the environment when it is loaded.
        environment.install_gettext_translations(i18n.translations(language), newstyle=True)  # type: ignore[attr-defined]
        environment.globals |= {"url": self.url, "asset": asset, "locale": language}
        environment.filters |= {
            "datetime": partial(i18n.show_datetime, language=language),
            "relative": partial(i18n.show_relative, language=language),
            "percent": partial(_with_digits, i18n.show_percent, language),
            "number": partial(_with_digits, i18n.show_number, language),
            "points": partial(i18n.show_points, language=language),
            "plain": plain,
            "filesize": partial(i18n.show_filesize, language=language),
            "run_name": partial(run_names.shown, gettext=i18n.translations(language).gettext),
        }
        return environment


def _with_digits(show: Any, language: str, value: Any, *digits: int) -> str:
    """Let a filter take its digits as the first argument in the template: ``{{ x|percent(2) }}``."""
    text: str = show(value, language, *digits)
    return text


def address(app: FastAPI, name: str, /, *, query: Mapping[str, object] | None = None, **path: object) -> str:
    """The path of the route ``name``; values that are None are left out of the query string."""
    found = "".join(_filled(_pattern(app, name, tuple(path)), path))
    pairs = [(key, value) for key, value in (query or {}).items() if value is not None]
    if not pairs:
        return found
    if all(key.isidentifier() and key.isascii() and _plain(value) for key, value in pairs):
        return f"{found}?{'&'.join(f'{key}={value}' for key, value in pairs)}"
    return f"{found}?{urlencode(pairs, doseq=True)}"


def _plain(value: object) -> bool:
    """True for what stands in an address as it is. ``urlencode`` took a fifth of the time of a page of 100 classes."""
    return type(value) is int or (type(value) is str and value.isalnum() and value.isascii())


def _pattern(app: FastAPI, name: str, fields: tuple[str, ...]) -> list[str]:
    """The address of a route as text, field, text, field ... Looking through all routes for each of the two hundred
    links of a page took most of its time."""
    patterns: dict[tuple[str, ...], list[str]] = app.state.patterns
    key = (name, *fields)
    if key not in patterns:
        marked = str(app.url_path_for(name, **{field: f"\x00{field}\x00" for field in fields}))
        parts = marked.split("\x00")
        patterns[key] = [part if place % 2 else quote(part, safe="/~@:") for place, part in enumerate(parts)]
    return patterns[key]


def _filled(pattern: Sequence[str], path: Mapping[str, object]) -> Iterator[str]:
    for place, part in enumerate(pattern):
        text = str(path[part]) if place % 2 else ""
        if place % 2 and (not text or "/" in text):
            raise ValueError(f"{part}: {text!r} cannot stand in an address")
        yield part if not place % 2 else text if _plain(text) else quote(text, safe="~@:")


def redirect(
    request: Request, name: str, /, *, query: Mapping[str, object] | None = None, **path: object
) -> RedirectResponse:
    """The answer to a successful form: see the page of route ``name``."""
    return RedirectResponse(address(request.app, name, query=query, **path), status_code=303)


def asset(name: str) -> str:
    """The address of ``static/<name>`` with the hash of its content, so that browsers may keep it for ever."""
    return f"/static/{name}?v={asset_hash(name)}"


def asset_hash(name: str) -> str:
    """The first half of the SHA-256 of a static file."""
    path = STATIC / name
    return _hash(path, path.stat().st_mtime_ns)


@cache
def _hash(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]


def render(request: Request, name: str, context: "DataclassInstance", status_code: int = 200) -> HTMLResponse:
    """The page ``name`` in the reader's language.

    Args:
        context: a dataclass; each of its fields is a variable of the template.
    """
    language = i18n.choose(request)
    templates: Templates = request.app.state.templates
    values = {item.name: getattr(context, item.name) for item in fields(context)}
    theme = request.cookies.get("theme", "auto")
    html = (
        templates.environments[language]
        .get_template(name)
        .render(
            **values,
            request=request,
            theme=theme if theme in THEMES else "auto",
            languages=language_links(request, language),
        )
    )
    response = HTMLResponse(html, status_code=status_code, headers={"Vary": "Accept-Language, Cookie"})
    if request.query_params.get("lang") == language:
        response.set_cookie(i18n.COOKIE, language, max_age=COOKIE_SECONDS, samesite="lax")
    return response


def language_links(request: Request, current: str) -> list[LanguageLink]:
    """The same address in each of the other languages."""
    kept = [(key, value) for key, value in request.query_params.multi_items() if key != "lang"]
    # "//name/" would lead to another site: a browser reads what follows two slashes as a host.
    path = "/" + quote(request.url.path, safe="/~@:").lstrip("/")
    return [
        LanguageLink(code, name, f"{path}?{urlencode([*kept, ('lang', code)])}")
        for code, name in i18n.LANGUAGES.items()
        if code != current
    ]

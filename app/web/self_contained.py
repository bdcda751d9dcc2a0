"""Turns a page into one file that needs nothing else: styles and pictures inside, no script, no link to the program."""

import base64
import re
from collections.abc import Mapping, Sequence
from html import escape

from app.web.templating import STATIC, asset

STYLES = '<link rel="stylesheet" href="styles">'  # stands in the template where the styles go
PICTURE = "picture:"  # begins the address of a picture by its name
_LINK = re.compile(r"<a\b[^>]*>(.*?)</a>", re.DOTALL)
_ADDRESS = re.compile(rf'src="{PICTURE}([^"]+)"')
_COLOR = re.compile(r'data-color="(#[0-9a-fA-F]{6})"')
_FOLDED = re.compile(r"<details\b[^>]*>")
_PNG, _JPEG = "image/png", "image/jpeg"


def inline(html: str, sheets: Sequence[str], pictures: Mapping[str, bytes]) -> str:
    """The page as one file.

    Args:
        html: made from a template of ours, with ``STYLES`` in its head; links become plain text.
        sheets: names of style sheets in ``static/css``, in order.
        pictures: PNG or JPEG files by the names that the page uses (``src="picture:<name>"``).
    """
    styles = "\n".join((STATIC / "css" / f"{sheet}.css").read_text(encoding="utf-8") for sheet in sheets)
    html = _LINK.sub(r"\1", html)
    html = _COLOR.sub(r'style="background-color:\1"', html)
    html = _FOLDED.sub("<details open>", html)
    html = _ADDRESS.sub(lambda found: f'src="{_data(pictures[found.group(1)])}"', html)
    return html.replace(STYLES, f"<style>\n{styles}</style>")


def linked(html: str, sheets: Sequence[str], addresses: Mapping[str, str]) -> str:
    """The same page as one of the program: styles, colours and pictures by their addresses, links as they are."""
    styles = "\n".join(f'<link rel="stylesheet" href="{escape(asset(f"css/{sheet}.css"))}">' for sheet in sheets)
    styles += f'\n<link rel="icon" href="{escape(asset("favicon.svg"))}" type="image/svg+xml">'
    styles += f'\n<script type="module" src="{escape(asset("js/report.js"))}"></script>'
    html = _ADDRESS.sub(lambda found: f'src="{escape(addresses[found.group(1)])}"', html)
    return html.replace(STYLES, styles)


def _data(picture: bytes) -> str:
    kind = _PNG if picture.startswith(b"\x89PNG") else _JPEG
    return f"data:{kind};base64,{base64.b64encode(picture).decode('ascii')}"

"""The help page: the chain in short, the keys, the words."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.web.templating import render

router = APIRouter()


@dataclass(frozen=True)
class HelpPage:
    """The help page has no data of its own."""


@router.get("/help", name="help")
def help_page(request: Request) -> HTMLResponse:
    """Show the help page."""
    return render(request, "help/index.html", HelpPage())

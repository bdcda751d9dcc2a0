"""What the tests of the pages share: forms as a browser sends them, errors as a reader sees them."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.db.models import Project
from app.db.run_models import Job, Run
from app.db.session import Database
from app.domain.recipe import FIELDS, Recipe
from app.web.forms import TrainForm
from tests.train.rows import project_of

JSON = {"Accept": "application/json"}


def sent_by_browser(form: TrainForm) -> dict[str, str]:
    """What a browser sends for an untouched form: no tick box that is off."""
    values = {key: value for key, value in form.values.items() if FIELDS[key].kind != "bool" or value == "1"}
    return dict(parse_qsl(urlencode(values | {"form": "1", "name": form.name}), keep_blank_values=True))


def rows_of(database: Database, *args: Any, **kwargs: Any) -> Project:
    with database.write() as session:
        return project_of(session, *args, **kwargs)


def runs_in(database: Database) -> list[Run]:
    with database.read() as session:
        return list(session.scalars(sa.select(Run).order_by(Run.id)))


def errors_of(html: str) -> dict[str, str]:
    return dict(re.findall(r'<p class="field-error" id="([\w-]+)-error">\s*([^<]+?)\s*</p>', html))


def form_of(recipe: Recipe = Recipe(), **values: str) -> dict[str, str]:  # noqa: B008 - a frozen value
    return sent_by_browser(TrainForm.of(recipe)) | values


def read_form(html: str) -> dict[str, str]:
    """The values of the form with id "recipe" as a browser without scripts sends them."""
    html = html[html.index('id="recipe"') :]
    values = {}
    for tag in re.findall(r"<input\b[^>]*>", html):
        found = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        off = found.get("type") in ("checkbox", "radio") and not re.search(r"\schecked\b", tag)
        if "name" in found and not off:
            values[found["name"]] = found["value"]
    for name, body in re.findall(r'<select id="[^"]*" name="([^"]+)".*?>(.*?)</select>', html, re.S):
        values[name] = re.findall(r'<option value="([^"]*)"[^>]* selected>', body)[0]
    return values


def the_one_refusal(client: TestClient, database: Database, path: str, sent: dict[str, Any], field: str) -> str:
    """What a program is told of the only field that is wrong; no job may have been made."""
    answer = client.post(path, json=sent, headers=JSON)
    assert answer.status_code == 422
    errors = answer.json()["error"]["fields"]
    assert list(errors) == [field]
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Job)) == 0
    return str(errors[field]["message"])

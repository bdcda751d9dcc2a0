"""What the documentation of an installation promises exists."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.commands import line
from app.config import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ("docker-compose.yml", "docker-compose.worker.yml")
SETTINGS = {PREFIX + field.name.upper() for field in fields(Settings)}
PASSWORDS = {"MIWAKE_DB_PASSWORD", "MIWAKE_REDIS_PASSWORD"}  # of the compose files, not of the program


@pytest.mark.parametrize("name", COMPOSE)
def test_compose__sets_only_what_there_is(name):
    services: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())["services"]
    ours = {key: one for key, one in services.items() if "MIWAKE_STORAGE_URL" in one["environment"]}
    assert {one["command"][-1] for one in ours.values()} <= {"web", "worker"}
    for one in ours.values():
        assert set(one["environment"]) <= SETTINGS
        assert one["network_mode"] == "host"
        assert one["cap_drop"] == ["ALL"]
        assert "ports" not in one


@pytest.mark.parametrize("name", [*COMPOSE, "docs/deployment.md"])
def test_names__are_settings(name):
    found = set(re.findall(r"MIWAKE_[A-Z0-9_]+[A-Z0-9]\b(?!\*)", (ROOT / name).read_text()))
    assert found - SETTINGS - PASSWORDS <= {"MIWAKE_WORKER", "MIWAKE_S3"}


def test_guide__names_commands_and_options_that_there_are(capsys):
    text = (ROOT / "docs" / "deployment.md").read_text()
    for command, options in re.findall(r"python -m app ([a-z-]+)([^`\n#]*)", text):
        with pytest.raises(SystemExit):
            line.main([command, "--help"])
        said = capsys.readouterr().out
        assert all(option in said for option in re.findall(r"--[a-z-]+", options))


@pytest.mark.parametrize("name", ["MIWAKE_DB_PASSWORD", "MIWAKE_REDIS_PASSWORD"])
def test_compose__starts_nothing_without_a_password(name):
    text = (ROOT / "docker-compose.yml").read_text()
    assert f"${{{name}:?" in text
    assert f"${{{name}:-" not in text

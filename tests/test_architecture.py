"""Rules of the house that a program can check."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.config import PREFIX, Settings
from app.web import vendor

ROOT = Path(__file__).resolve().parents[1]
# Sorted: each process of pytest must collect the same tests in the same order.
SOURCES = sorted(path for folder in ("app", "worker", "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py"))
MAX_FUNCTION = 40
MAX_FILE = 300
# Two packages are used as one thing (``jobs.claim``, ``from app.storage import Store``) and only grew too large for one
# file. Their front lists names of their parts and does nothing else; all other packages have none.
FACADES = (ROOT / "app" / "services" / "jobs", ROOT / "app" / "storage")
HEAVY = ("tensorflow", "keras", "sklearn", "scipy", "matplotlib", "worker")
# A few words are put together here so that this file does not contain what it looks for.
REGISTRY = re.compile(
    "|".join(
        (
            "py" + r"pi\.org",
            r"files\.python" + "hosted",
            r"registry\.np" + "mjs",
            "--index" + "-url",
            "--extra-index" + "-url",
        )
    )
)
MACHINE = re.compile(r"(?<![\w.])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me/\w+)/")


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("NOT CHECKED: this is no git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_web_process__loads_no_machine_learning():
    program = f"import sys, app.main; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_layers__contracts_are_kept():
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_source__functions_and_files_stay_small(path):
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_FILE
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    long = {name: length for name, length in lengths.items() if length > MAX_FUNCTION}
    assert not long


@pytest.mark.parametrize("path", sorted((ROOT / "app").rglob("__init__.py")), ids=lambda path: path.parent.name)
def test_packages__are_empty(path):
    if path.parent in FACADES:
        body = ast.parse(path.read_text()).body
        imported = {alias.name for node in body if isinstance(node, ast.ImportFrom) for alias in node.names}
        (names,) = (ast.literal_eval(node.value) for node in body if isinstance(node, ast.Assign))
        assert all(isinstance(node, ast.Expr | ast.ImportFrom | ast.Assign) for node in body)
        assert set(names) == imported
    else:
        assert path.read_text() == ""


def test_environment__is_read_in_one_place():
    allowed = {"app/config.py", "app/decoder.py"}
    readers = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "app").rglob("*.py")
        if re.search(r"os\.environ|os\.getenv", path.read_text())
    }
    assert readers <= allowed


def test_settings__are_all_documented():
    text = (ROOT / "docs" / "settings.md").read_text()
    names = [PREFIX + name.upper() for name in Settings.__dataclass_fields__]
    assert not [name for name in names if name not in text]


def test_files__name_no_registry_and_no_machine():
    wrong = []
    for path in tracked():
        if path.suffix in (".png", ".jpg", ".npz") or "vendor" in path.parts or not path.is_file():
            continue
        text = path.read_text(errors="replace")
        wrong += [
            f"{path.relative_to(ROOT)}: {found.group(0)}"
            for found in (REGISTRY.search(text), MACHINE.search(text))
            if found
        ]
    assert not wrong


def test_vendor__files_are_as_their_manifest_says():
    assert vendor.problems() == []
    for package in vendor.read()["packages"]:
        assert package["integrity"].startswith("sha512-")
        assert package["licence"] in ("BSD-0-Clause", "0BSD", "MIT", "ISC")
        assert any("LICENSE" in file["to"] for file in package["files"])


def test_vendor__changed_missing_and_unlisted_files_are_found(tmp_path):
    files = [{"to": "a.js", "sha256": "0" * 64}, {"to": "b.js", "sha256": "0" * 64}]
    (tmp_path / "manifest.json").write_text(json.dumps({"packages": [{"files": files}]}))
    (tmp_path / "a.js").write_text("changed")
    (tmp_path / "c.js").write_text("new")
    assert vendor.problems(tmp_path) == ["changed: a.js", "missing: b.js", "not in the manifest: c.js"]

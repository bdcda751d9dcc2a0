"""Every error code in the program has its sentence, and every sentence has what it needs."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from app.domain.errors import Conflict
from app.web.messages import AREAS, SENTENCES, sentence

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@cache
def trees():
    return {path: ast.parse(path.read_text()) for folder in ("app", "worker") for path in (ROOT / folder).rglob("*.py")}


@cache
def error_classes():
    """The names of AppError and of all classes derived from it."""
    known, grown = {"AppError"}, True
    bases = {
        node.name: {getattr(base, "id", getattr(base, "attr", "")) for base in node.bases}
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    while grown:
        more = {name for name, parents in bases.items() if parents & known} - known
        grown = bool(more)
        known |= more
    return known


def literals(node):
    """The strings that an expression can be, as far as the source shows them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    if isinstance(node, ast.IfExp):
        return literals(node.body) | literals(node.orelse)
    return set()


def raised():
    """(code, parameters or None when they are not written out, place) of every error made with a literal code."""
    found = []
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name not in error_classes():
                continue
            names = {item.arg for item in node.keywords}
            given = None if None in names or len(node.args) > 1 else names
            found += [(code, given, f"{path.name}:{node.lineno}") for code in literals(node.args[0])]
    return found


def prefixes():
    """How the codes begin that are put together, such as f"field_{kind}"."""
    calls = (node for tree in trees().values() for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    joined = (call.args[0] for call in calls if isinstance(call.args[0], ast.JoinedStr))
    starts = {next(iter(literals(text.values[0])), "") for text in joined if text.values}
    return {start for start in starts if CODE.fullmatch(start.removesuffix("_")) and start.endswith("_")}


def stored():
    """(code, place) of codes that are kept with a job or an import entry instead of being raised."""
    found = []
    for path, tree in trees().items():
        for node in ast.walk(tree):
            for item in getattr(node, "keywords", []):
                if item.arg in ("code", "error_code"):
                    found += [(code, f"{path.name}:{item.value.lineno}") for code in literals(item.value) if code]
    return found


@pytest.mark.slow
def test_scan__finds_the_errors():
    codes = {code for code, _, _ in raised()}
    assert {"class_name_taken", "image_broken", "blob_missing", "body_too_large"} <= codes
    assert "BadImage" in error_classes()


def test_sentences__every_code_has_one():
    missing = {f"{code} ({place})" for code, _, place in raised() if code not in SENTENCES}
    missing |= {f"{code} ({place})" for code, place in stored() if code not in SENTENCES}
    assert not missing


def test_sentences__no_code_is_in_two_areas():
    assert len(SENTENCES) == sum(len(area.SENTENCES) for area in AREAS)


def test_sentences__have_the_parameters_they_name():
    wrong = []
    for code, given, place in raised():
        needed = set(re.findall(r"%\((\w+)\)", SENTENCES.get(code, "")))
        if given is not None and not needed <= given:
            wrong.append(f"{code} ({place}) lacks {sorted(needed - given)}")
    assert not wrong


def test_sentences__none_is_left_over():
    text = "\n".join(path.read_text() for path in trees() if path.parent.name != "sentences")
    built = tuple(prefixes())
    assert not [code for code in SENTENCES if f'"{code}"' not in text and not code.startswith(built)]


@pytest.mark.parametrize("code", SENTENCES)
def test_sentence__is_a_whole_sentence(code):
    text = SENTENCES[code]
    assert CODE.fullmatch(code), code
    assert text.rstrip("”)").endswith((".", "?", "!")), code
    assert text[0].isupper() or text.startswith(("“", "%(")), code
    text % dict.fromkeys(re.findall(r"%\((\w+)\)", text), "x")


def test_sentence__shows_the_parameters():
    assert sentence(Conflict("class_in_use", name="猫", count=3)).startswith("The class “猫” cannot be deleted")

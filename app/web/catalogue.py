"""The sentences to translate: ``python -m app.web.catalogue update`` collects them, ``check`` says what is missing.

``update`` writes messages.pot and merges it into the .po file of each language; translations are kept by their exact
English sentence and never guessed from a similar one.
"""

import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from app.web.i18n import DEFAULT, FOLDER, LANGUAGES
from app.web.templating import ROOT

POT = FOLDER / "messages.pot"
SOURCES: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("app", "**.py", "python", {}),
    ("worker", "**.py", "python", {}),
    (
        "templates",
        "**.html",
        "jinja2.ext:babel_extract",
        {"trim_blocks": "true", "lstrip_blocks": "true", "trimmed": "true", "silent": "false"},
    ),
)
KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "gettext": None, "N_": None, "ngettext": (1, 2)}
# A date of today would make two extractions of the same program differ.
FIXED = datetime(2026, 1, 1, tzinfo=UTC)


def extract(root: Path = ROOT) -> Catalog:
    """All sentences of the program, each with the files it stands in."""
    catalog = Catalog(
        header_comment="# Sentences of Miwake.",
        project="Miwake",
        version="",
        last_translator="Miwake",
        language_team="Miwake",
        msgid_bugs_address="none",
        charset="utf-8",
        creation_date=FIXED,
        revision_date=FIXED,
        fuzzy=False,
    )
    for folder, pattern, method, options in SOURCES:
        found = extract_from_dir(
            root / folder,
            method_map=[(pattern, method)],
            options_map={pattern: options},
            keywords=KEYWORDS,
            directory_filter=lambda _path: True,  # the usual one leaves out folders such as _macros
        )
        for filename, _line, message, _comments, context in found:
            catalog.add(message, None, [(f"{folder}/{filename}", 0)], context=context)
    return catalog


def text(catalog: Catalog) -> bytes:
    """The catalogue as a file; lines are left out, so that it changes only when a sentence does."""
    file = BytesIO()
    write_po(file, catalog, width=120, sort_output=True, include_lineno=False, ignore_obsolete=True)
    return file.getvalue()


def po_path(language: str) -> Path:
    """The catalogue of one language."""
    return FOLDER / language / "LC_MESSAGES" / "messages.po"


def read(language: str) -> Catalog:
    """The translations of one language."""
    with po_path(language).open("rb") as file:
        return read_po(file, locale=language)


def update() -> None:
    """Collect the sentences and merge them into every language."""
    template = extract()
    POT.write_bytes(text(template))
    for language in LANGUAGES:
        if language == DEFAULT:
            continue
        catalog = read(language)
        catalog.update(template, no_fuzzy_matching=True)
        catalog.revision_date = FIXED
        po_path(language).write_bytes(text(catalog))


def problems() -> list[str]:
    """What a release must not have: a stale template, missing or doubtful translations."""
    template = extract()
    found = [] if POT.exists() and POT.read_bytes() == text(template) else ["messages.pot is stale: run update"]
    for language in LANGUAGES:
        if language == DEFAULT:
            continue
        catalog = read(language)
        for message in template:
            if message.id:
                found += [f"{language}: {problem}: {message.id}" for problem in _doubts(catalog.get(message.id))]
        known = {message.id for message in template}
        found += [f"{language}: not used any more: {message.id}" for message in catalog if message.id not in known]
    return found


def _doubts(message: Message | None) -> list[str]:
    if message is None:
        return ["missing"]
    strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
    found = [] if all(strings) else ["untranslated"]
    if message.fuzzy:
        found.append("fuzzy")
    return found + [str(error) for error in message.check()]


if __name__ == "__main__":
    if sys.argv[1:] == ["update"]:
        update()
    elif sys.argv[1:] != ["check"]:
        sys.exit("usage: python -m app.web.catalogue update|check")
    sys.exit("\n".join(problems()) or 0)

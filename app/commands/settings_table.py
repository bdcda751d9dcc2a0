"""The table of settings in docs/settings.md, made from ``Settings`` so that both always agree."""

from dataclasses import fields

from app.config import PREFIX, Settings

HEAD = """# Settings

All settings are environment variables, read once when a process starts. A variable with the prefix that is not in this
table is refused, so a typing mistake is noticed. This table is written by `python -m app settings > docs/settings.md`.

"""


def page() -> str:
    """The whole page as Markdown."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for field in fields(Settings):
        default = f"`{field.default}`" if str(field.default) else "(empty)"
        rows.append(f"| `{PREFIX}{field.name.upper()}` | {default} | {field.metadata['doc']} |")
    return HEAD + "\n".join(rows) + "\n"

"""counts that lead to any place of a long list, and those of the health page"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

BLOCK = 4096
KEYS = {
    "image_block": ("project_id", "state", "class_id", "split", "block"),
    "image_kind": ("project_id", "state", "width", "height", "file_format", "mode"),
    "fact_count": ("project_id", "method", "readable"),
}
TABLES = {"image_block": "image", "image_kind": "image", "fact_count": "image_fact"}
CHANGING = {"image_block": "state, class_id, split", "image_kind": "state, width, height, file_format, conversion"}


def values(name: str, row: str, dialect: str) -> str:
    """The keys of a row; SQL knows no two equal NULLs, so 0 and "" stand for them."""
    if name == "image_block":
        label = f"coalesce({row}.class_id, 0), coalesce({row}.split, '')"
        return f"{row}.project_id, {row}.state, {label}, {row}.id / {BLOCK}"
    if name == "image_kind":
        mode = f"json_extract({row}.conversion, '$.mode')" if dialect == "sqlite" else f"{row}.conversion ->> 'mode'"
        return f"{row}.project_id, {row}.state, {row}.width, {row}.height, {row}.file_format, coalesce({mode}, '')"
    project = f"(SELECT project_id FROM image WHERE image.id = {row}.image_id)"  # noqa: S608 - fixed text
    return f"{project}, {row}.method, {row}.pixels_sha256 <> ''"


def upsert(name: str, rows: str) -> str:
    keys = ", ".join(KEYS[name])
    changed = f"count = {name}.count + excluded.count"
    return f"INSERT INTO {name} ({keys}, count) {rows} ON CONFLICT ({keys}) DO UPDATE SET {changed}"


def sqlite_triggers(name: str) -> list[str]:
    """One for each row. SQLite reads "ON CONFLICT" behind a join as its ON: hence WHERE true."""
    new, old, table = values(name, "new", "sqlite"), values(name, "old", "sqlite"), TABLES[name]
    plus = upsert(name, f"SELECT {new}, 1 WHERE true")
    minus = upsert(name, f"SELECT {old}, -1 WHERE true")
    made = [
        f"CREATE TRIGGER {name}_insert AFTER INSERT ON {table} BEGIN {plus}; END",
        f"CREATE TRIGGER {name}_delete AFTER DELETE ON {table} BEGIN {minus}; END",
    ]
    of, differs = (f" OF {CHANGING[name]}", f" WHEN ({new}) IS NOT ({old})") if name in CHANGING else ("", "")
    return [*made, f"CREATE TRIGGER {name}_update AFTER UPDATE{of} ON {table}{differs} BEGIN {minus}; {plus}; END"]


def postgresql_triggers(name: str) -> list[str]:
    """One for each statement; rows in a fixed order, so that no two writers wait for each other in a circle."""
    keys, table = ", ".join(KEYS[name]), TABLES[name]
    plus = f"SELECT {values(name, 'n', 'postgresql')}, 1 AS count FROM new_rows n"  # noqa: S608 - fixed text
    minus = f"SELECT {values(name, 'o', 'postgresql')}, -1 AS count FROM old_rows o"  # noqa: S608 - fixed text
    parts = {"insert": [plus], "delete": [minus], "update": [plus, minus]}
    seen = {"insert": "NEW TABLE AS new_rows", "delete": "OLD TABLE AS old_rows"}
    seen["update"] = f"{seen['delete']} {seen['insert']}"
    made = []
    for act, rows in parts.items():
        union = " UNION ALL ".join(rows)
        tail = f"GROUP BY {keys} HAVING sum(count) <> 0 ORDER BY {keys}"
        summed = f"SELECT {keys}, sum(count) FROM ({union}) AS c ({keys}, count) {tail}"  # noqa: S608 - fixed text
        made.append(
            f"CREATE FUNCTION {name}_{act}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {upsert(name, summed)}; RETURN NULL; END $$"
        )
        made.append(
            f"CREATE TRIGGER {name}_{act} AFTER {act.upper()} ON {table} REFERENCING {seen[act]} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}_{act}()"
        )
    return made


def columns(name: str) -> list[sa.Column[Any]]:
    texts = {"state": 10, "split": 10, "file_format": 10, "mode": 20}
    made: list[sa.Column[Any]] = []
    for key in (*KEYS[name], "count"):
        if key in texts:
            made.append(sa.Column(key, sa.String(length=texts[key]), nullable=False))
        else:
            made.append(sa.Column(key, sa.Boolean() if key == "readable" else sa.Integer(), nullable=False))
    return made


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    for name, table in TABLES.items():
        op.create_table(name, *columns(name), sa.PrimaryKeyConstraint(*KEYS[name], name=op.f(f"pk_{name}")))
        keys = values(name, "t", dialect)
        groups = ", ".join(str(place + 1) for place in range(len(KEYS[name])))
        op.execute(upsert(name, f"SELECT {keys}, count(*) FROM {table} t WHERE true GROUP BY {groups}"))  # noqa: S608
        for statement in sqlite_triggers(name) if dialect == "sqlite" else postgresql_triggers(name):
            op.execute(statement)


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for name, table in TABLES.items():
        for act in ("insert", "delete", "update"):
            op.execute(f"DROP TRIGGER {name}_{act}" + (f" ON {table}" if postgresql else ""))
            if postgresql:
                op.execute(f"DROP FUNCTION {name}_{act}()")
        op.drop_table(name)

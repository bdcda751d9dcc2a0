"""counts of images, kept by the database itself, and the indexes of long lists"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

KEYS = (
    *("project_id", "class_id", "split", "split_source", "state", "import_id"),
    *("unsure", "skipped", "noted", "reason", "publish"),
)
NAMES = ", ".join(KEYS)


def values(row: str) -> str:
    """The keys of a row of images; SQL knows no two equal NULLs, so 0 and "" stand for them."""
    return (
        f"{row}.project_id, coalesce({row}.class_id, 0), coalesce({row}.split, ''), {row}.split_source, {row}.state, "
        f"coalesce({row}.import_id, 0), {row}.unsure, {row}.skipped, {row}.note <> '', {row}.reason, {row}.publish"
    )


def upsert(rows: str) -> str:
    changed = "count = image_count.count + excluded.count, bytes = image_count.bytes + excluded.bytes"
    return f"INSERT INTO image_count ({NAMES}, count, bytes) {rows} ON CONFLICT ({NAMES}) DO UPDATE SET {changed}"


def sqlite_triggers() -> list[str]:
    """One for each row. SQLite reads "ON CONFLICT" behind a join as its ON: hence WHERE true."""
    plus = upsert(f"SELECT {values('new')}, 1, new.file_bytes WHERE true")
    minus = upsert(f"SELECT {values('old')}, -1, -old.file_bytes WHERE true")
    counted = "class_id, split, split_source, state, import_id, unsure, skipped, note, reason, publish"
    same = f"({values('new')}) IS NOT ({values('old')})"
    return [
        f"CREATE TRIGGER image_count_insert AFTER INSERT ON image BEGIN {plus}; END",
        f"CREATE TRIGGER image_count_delete AFTER DELETE ON image BEGIN {minus}; END",
        f"CREATE TRIGGER image_count_update AFTER UPDATE OF {counted} ON image WHEN {same} BEGIN {minus}; {plus}; END",
    ]


def postgresql_triggers() -> list[str]:
    """One for each statement; rows in a fixed order, so that no two writers wait for each other in a circle."""
    plus = f"SELECT {values('n')}, 1 AS count, CAST(n.file_bytes AS bigint) AS bytes FROM new_rows n"  # noqa: S608 - fixed text
    minus = f"SELECT {values('o')}, -1 AS count, -CAST(o.file_bytes AS bigint) AS bytes FROM old_rows o"  # noqa: S608 - fixed text
    parts = {"insert": [plus], "delete": [minus], "update": [plus, minus]}
    tables = {"insert": "NEW TABLE AS new_rows", "delete": "OLD TABLE AS old_rows"}
    tables["update"] = f"{tables['delete']} {tables['insert']}"
    made = []
    for act, rows in parts.items():
        union = " UNION ALL ".join(rows)
        tail = f"GROUP BY {NAMES} HAVING sum(count) <> 0 OR sum(bytes) <> 0 ORDER BY {NAMES}"
        summed = f"SELECT {NAMES}, sum(count), sum(bytes) FROM ({union}) AS c ({NAMES}, count, bytes) {tail}"  # noqa: S608
        made.append(
            f"CREATE FUNCTION image_count_{act}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {upsert(summed)}; RETURN NULL; END $$"
        )
        made.append(
            f"CREATE TRIGGER image_count_{act} AFTER {act.upper()} ON image REFERENCING {tables[act]} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION image_count_{act}()"
        )
    return made


def upgrade() -> None:
    op.create_table(
        "image_count",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("split", sa.String(length=10), nullable=False),
        sa.Column("split_source", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("unsure", sa.Boolean(), nullable=False),
        sa.Column("skipped", sa.Boolean(), nullable=False),
        sa.Column("noted", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("publish", sa.String(length=3), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*KEYS, name=op.f("pk_image_count")),
    )
    op.execute(
        upsert(f"SELECT {values('i')}, count(*), sum(i.file_bytes) FROM image i WHERE true GROUP BY {values('i')}")  # noqa: S608
    )
    dialect = op.get_bind().dialect.name
    for statement in sqlite_triggers() if dialect == "sqlite" else postgresql_triggers():
        op.execute(statement)
    for name in ("class_id", "split"):
        op.drop_index(f"ix_image_project_id_{name}", "image")
    for name in ("class_id", "split", "import_id"):
        op.create_index(f"ix_image_project_id_state_{name}", "image", ["project_id", "state", name, "id"])
    for name in ("unsure", "skipped"):
        rare = sa.text(name)
        op.create_index(
            f"ix_image_{name}", "image", ["project_id", "state", "id"], sqlite_where=rare, postgresql_where=rare
        )


def downgrade() -> None:
    dialect = op.get_bind().dialect.name
    for act in ("insert", "delete", "update"):
        op.execute(f"DROP TRIGGER image_count_{act}" + (" ON image" if dialect == "postgresql" else ""))
        if dialect == "postgresql":
            op.execute(f"DROP FUNCTION image_count_{act}()")
    for name in ("unsure", "skipped"):
        op.drop_index(f"ix_image_{name}", "image")
    for name in ("class_id", "split", "import_id"):
        op.drop_index(f"ix_image_project_id_state_{name}", "image")
    for name in ("class_id", "split"):
        op.create_index(f"ix_image_project_id_{name}", "image", ["project_id", name, "id"])
    op.drop_table("image_count")

"""what is wrong with the findings of a check, kept by the database itself; which runs had a test set"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0016"
down_revision: str | None = "0015"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

KEYS = "finding_id, class_id, split"
_SIDES = (("", "new_rows"), ("-", "old_rows"))
FIGURES = ("members", "classes", "test", "folder", "free")
# What a finding is made of, from its rows of the tally. Splits "" and "train" are the same to every run.
SUMS = (
    "coalesce(sum(t.count), 0), "
    "count(DISTINCT CASE WHEN t.count > 0 AND t.class_id <> 0 THEN t.class_id END), "
    "coalesce(sum(CASE WHEN t.class_id <> 0 AND t.split = 'test' THEN t.count END), 0), "
    "coalesce(sum(CASE WHEN t.class_id <> 0 AND t.split = 'validation' THEN t.count END), 0), "
    "coalesce(sum(CASE WHEN t.class_id <> 0 AND t.split IN ('', 'train') THEN t.count END), 0)"
)


def upsert(rows: str) -> str:
    changed = "count = finding_tally.count + excluded.count"
    return f"INSERT INTO finding_tally ({KEYS}, count) {rows} ON CONFLICT ({KEYS}) DO UPDATE SET {changed}"


def counted(row: str, sign: str, source: str = "") -> str:
    """Images as parts of every finding that they are in; SQL knows no two equal NULLs: 0 and "" stand for them."""
    return (
        f"SELECT m.finding_id, coalesce({row}.class_id, 0) AS class_id, coalesce({row}.split, '') AS split, "  # noqa: S608 - fixed text
        f"{sign}1 AS count FROM {source}health_member m WHERE m.image_id = {row}.id AND {row}.state = 'active'"
    )


def joined(row: str, sign: str, source: str) -> str:
    """Members that were added or removed, of findings that are there."""
    return (
        f"SELECT {row}.finding_id, coalesce(i.class_id, 0) AS class_id, coalesce(i.split, '') AS split, "  # noqa: S608
        f"{sign}1 AS count FROM {source} WHERE i.id = {row}.image_id AND i.state = 'active' AND f.id = {row}.finding_id"
    )


def sqlite_triggers() -> list[str]:
    """One for each row. SQLite reads "ON CONFLICT" behind a SELECT without WHERE as its ON."""
    sums = f"SELECT {SUMS} FROM finding_tally t WHERE t.finding_id = health_finding.id"  # noqa: S608 - fixed text
    figures = f"UPDATE health_finding SET ({', '.join(FIGURES)}) = ({sums})"  # noqa: S608
    values = "({0}.class_id, {0}.split, {0}.state)"
    differs = f"{values.format('new')} IS NOT {values.format('old')}"
    inside = "SELECT finding_id FROM health_member WHERE image_id = new.id"
    made = [
        (
            f"CREATE TRIGGER finding_tally_image AFTER UPDATE OF class_id, split, state ON image WHEN {differs} "
            f"AND EXISTS ({inside}) BEGIN {upsert(counted('old', '-'))}; {upsert(counted('new', ''))}; "
            f"{figures} WHERE id IN ({inside}); END"
        ),
        (
            "CREATE TRIGGER finding_tally_finding AFTER DELETE ON health_finding "
            "BEGIN DELETE FROM finding_tally WHERE finding_id = old.id; END"
        ),
    ]
    for act, row, sign in (("insert", "new", ""), ("delete", "old", "-")):
        one = upsert(joined(row, sign, "image i, health_finding f"))
        made.append(
            f"CREATE TRIGGER finding_tally_{act} AFTER {act.upper()} ON health_member BEGIN {one}; "
            f"{figures} WHERE id = {row}.finding_id; END"
        )
    return made


def postgresql_body(rows: str, touched: str) -> str:
    """Count the rows into the tally, in a fixed order, then into the findings that they touch."""
    names = ", ".join(FIGURES)
    summed = (
        f"SELECT {KEYS}, sum(count) FROM ({rows}) AS c "  # noqa: S608 - fixed text
        f"GROUP BY {KEYS} HAVING sum(count) <> 0 ORDER BY {KEYS}"
    )
    sums = f"SELECT t.finding_id, {SUMS} FROM finding_tally t WHERE t.finding_id IN ({touched}) GROUP BY t.finding_id"  # noqa: S608
    new = ", ".join(f"g.{name}" for name in FIGURES)
    figures = (
        f"UPDATE health_finding f SET ({names}) = ({new}) FROM ({sums}) AS g (finding_id, {names}) "  # noqa: S608
        f"WHERE f.id = g.finding_id AND (f.{', f.'.join(FIGURES)}) IS DISTINCT FROM ({new})"
    )
    return f"{upsert(summed)}; {figures};"


def postgresql_trigger(name: str, table: str, act: str, seen: str, body: str) -> list[str]:
    """Once for each statement. Members are few among the images: they are looked up, and their table never all read."""
    head = f"CREATE FUNCTION finding_tally_{name}() RETURNS trigger LANGUAGE plpgsql"
    return [
        f"{head} SET enable_hashjoin = off SET enable_mergejoin = off AS $$ BEGIN {body} RETURN NULL; END $$",
        (
            f"CREATE TRIGGER finding_tally_{name} AFTER {act} ON {table} REFERENCING {seen} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION finding_tally_{name}()"
        ),
    ]


def postgresql_triggers() -> list[str]:
    """Members added and removed, images changed, findings gone."""
    old, new = "OLD TABLE AS old_rows", "NEW TABLE AS new_rows"
    changed = f"{counted('r', '-', 'old_rows r, ')} UNION ALL {counted('r', '', 'new_rows r, ')}"
    touched = "SELECT m.finding_id FROM new_rows r, health_member m WHERE m.image_id = r.id"
    added, removed = (joined("r", sign, f"{rows} r, image i, health_finding f") for sign, rows in _SIDES)
    found = {rows: f"SELECT r.finding_id FROM {rows} r" for _, rows in _SIDES}  # noqa: S608 - fixed text
    gone = "DELETE FROM finding_tally WHERE finding_id IN (SELECT id FROM old_rows);"
    return [
        *postgresql_trigger("image", "image", "UPDATE", f"{old} {new}", postgresql_body(changed, touched)),
        *postgresql_trigger("insert", "health_member", "INSERT", new, postgresql_body(added, found["new_rows"])),
        *postgresql_trigger("delete", "health_member", "DELETE", old, postgresql_body(removed, found["old_rows"])),
        *postgresql_trigger("finding", "health_finding", "DELETE", old, gone),
    ]


def upgrade() -> None:
    op.create_table(
        "finding_tally",
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("split", sa.String(length=10), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("finding_id", "class_id", "split", name=op.f("pk_finding_tally")),
    )
    for name in FIGURES:
        op.add_column("health_finding", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    members = counted("i", "", "image i, ")
    op.execute(upsert(f"SELECT {KEYS}, sum(count) FROM ({members}) AS c WHERE true GROUP BY {KEYS}"))  # noqa: S608
    sums = f"SELECT {SUMS} FROM finding_tally t WHERE t.finding_id = health_finding.id"  # noqa: S608 - fixed text
    op.execute(f"UPDATE health_finding SET ({', '.join(FIGURES)}) = ({sums})")  # noqa: S608
    tested = sa.text("split = 'test'")
    op.create_index("ix_run_item_tested", "run_item", ["run_id"], sqlite_where=tested, postgresql_where=tested)
    dialect = op.get_bind().dialect.name
    for statement in sqlite_triggers() if dialect == "sqlite" else postgresql_triggers():
        op.execute(statement)


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for act, table in (("image", "image"), *((act, "health_member") for act in ("insert", "delete"))):
        op.execute(f"DROP TRIGGER finding_tally_{act}" + (f" ON {table}" if postgresql else ""))
    op.execute("DROP TRIGGER finding_tally_finding" + (" ON health_finding" if postgresql else ""))
    for act in ("image", "insert", "delete", "finding") if postgresql else ():
        op.execute(f"DROP FUNCTION finding_tally_{act}()")
    op.drop_index("ix_run_item_tested", "run_item")
    for name in reversed(FIGURES):
        op.drop_column("health_finding", name)
    op.drop_table("finding_tally")

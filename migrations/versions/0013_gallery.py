"""what changed in which block of images, saved views, descriptions of classes, and what a sample was drawn from"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

BLOCK = 4096
KEYS = "project_id, block"
# Everything that app.services.columns reads of an image and that may change.
CHANGING = "import_id, class_id, label_version, checked_id, split, state, reason, unsure, skipped, note"


def upsert(rows: str) -> str:
    changed = "moves = image_stamp.moves + excluded.moves, members = image_stamp.members + excluded.members"
    return f"INSERT INTO image_stamp ({KEYS}, moves, members) {rows} ON CONFLICT ({KEYS}) DO UPDATE SET {changed}"


def sqlite_triggers() -> list[str]:
    """One for each row. SQLite reads "ON CONFLICT" behind a join as its ON: hence WHERE true."""
    made = []
    for act, row, members in (("INSERT", "new", 1), ("DELETE", "old", 1), (f"UPDATE OF {CHANGING}", "new", 0)):
        moved = upsert(f"SELECT {row}.project_id, {row}.id / {BLOCK}, 1, {members} WHERE true")
        name = f"image_stamp_{act.split()[0].lower()}"
        made.append(f"CREATE TRIGGER {name} AFTER {act} ON image BEGIN {moved}; END")
    return made


def postgresql_triggers() -> list[str]:
    """One for each statement; rows in a fixed order, so that no two writers wait for each other in a circle."""
    made = []
    for act, rows, members in (("insert", "NEW", "count(*)"), ("delete", "OLD", "count(*)"), ("update", "NEW", "0")):
        tail = f"GROUP BY project_id, id / {BLOCK} ORDER BY project_id, id / {BLOCK}"
        moved = upsert(f"SELECT project_id, id / {BLOCK}, count(*), {members} FROM moved {tail}")  # noqa: S608 - fixed text
        made.append(
            f"CREATE FUNCTION image_stamp_{act}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {moved}; RETURN NULL; END $$"
        )
        made.append(
            f"CREATE TRIGGER image_stamp_{act} AFTER {act.upper()} ON image REFERENCING {rows} TABLE AS moved "
            f"FOR EACH STATEMENT EXECUTE FUNCTION image_stamp_{act}()"
        )
    return made


def upgrade() -> None:
    op.create_table(
        "image_stamp",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("moves", sa.BigInteger(), nullable=False),
        sa.Column("members", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "block", name=op.f("pk_image_stamp")),
    )
    blocks = f"SELECT project_id, id / {BLOCK}, count(*), count(*) FROM image t WHERE true GROUP BY 1, 2"  # noqa: S608
    op.execute(upsert(blocks))
    for statement in sqlite_triggers() if op.get_bind().dialect.name == "sqlite" else postgresql_triggers():
        op.execute(statement)
    op.create_table(
        "saved_view",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.String(length=100), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_saved_view_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint("project_id", "name_key", name=op.f("uq_saved_view_project_id_name_key")),
        sa.UniqueConstraint("project_id", "number", name=op.f("uq_saved_view_project_id_number")),
    )
    op.add_column("label_class", sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("opinion_round", sa.Column("query", sa.Text(), server_default=sa.text("''"), nullable=False))


def downgrade() -> None:
    op.drop_column("opinion_round", "query")
    op.drop_column("label_class", "description")
    op.drop_table("saved_view")
    postgresql = op.get_bind().dialect.name == "postgresql"
    for act in ("insert", "delete", "update"):
        op.execute(f"DROP TRIGGER image_stamp_{act}" + (" ON image" if postgresql else ""))
        if postgresql:
            op.execute(f"DROP FUNCTION image_stamp_{act}()")
    op.drop_table("image_stamp")

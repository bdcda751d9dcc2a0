"""what images are put in order by name with, and numbers of saved views that never come back"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

BATCH = 5000
_NUMBER = re.compile(r"0*([0-9]+)")
_FILL = {
    "sqlite": "UPDATE image SET name_order = :key WHERE id = :id",
    "postgresql": (
        "UPDATE image SET name_order = given.key FROM unnest(CAST(:ids AS integer[]), CAST(:keys AS text[])) "
        "AS given(id, key) WHERE image.id = given.id"
    ),
}


def order_key(name: str) -> str:
    """As ``app.domain.filenames.order_key`` was when this was written."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return _NUMBER.sub(lambda found: f"{min(len(found[1]), 99):02d}{found[1]}", folded)[:300]


def batches(connection: sa.Connection) -> Iterator[list[tuple[int, str]]]:
    """All images with what they are put in order by, some thousand at a time."""
    last = 0
    while True:
        query = sa.text("SELECT id, name FROM image WHERE id > :last ORDER BY id LIMIT :batch")
        rows = connection.execute(query, {"last": last, "batch": BATCH}).all()
        if not rows:
            return
        yield [(row.id, order_key(row.name)) for row in rows]
        last = rows[-1].id


def fill(connection: sa.Connection) -> None:
    """Nothing that the triggers count is changed: PostgreSQL's, which are for every column, sleep meanwhile."""
    statement = sa.text(_FILL[connection.dialect.name])
    several = connection.dialect.name == "postgresql"
    if several:
        op.execute("ALTER TABLE image DISABLE TRIGGER USER")
    for rows in batches(connection):
        if several:
            connection.execute(statement, {"ids": [row[0] for row in rows], "keys": [row[1] for row in rows]})
        else:
            connection.execute(statement, [{"id": image_id, "key": key} for image_id, key in rows])
    if several:
        op.execute("ALTER TABLE image ENABLE TRIGGER USER")


def upgrade() -> None:
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column("image", sa.Column("name_order", ordered, server_default=sa.text("''"), nullable=False))
    fill(op.get_bind())
    columns = ["project_id", "name_order", "id", "state"]
    op.create_index("ix_image_project_id_name_order", "image", columns, unique=False)
    op.add_column("project", sa.Column("next_view_number", sa.Integer(), server_default="1", nullable=False))
    newest = "SELECT coalesce(max(number), 0) FROM saved_view WHERE saved_view.project_id = project.id"
    op.execute(f"UPDATE project SET next_view_number = 1 + ({newest})")  # noqa: S608 - fixed text


def downgrade() -> None:
    op.drop_column("project", "next_view_number")
    op.drop_index("ix_image_project_id_name_order", table_name="image")
    op.drop_column("image", "name_order")

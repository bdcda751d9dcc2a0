"""what refers to a class is found without a look at each row, so that deleting a thousand classes is quick"""

from collections.abc import Sequence

from alembic import op

revision: str = "0019"
down_revision: str | None = "0018"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_COLUMNS = (
    ("image", "class_id"),
    ("label_event", "before_id"),
    ("label_event", "after_id"),
    ("data_item", "class_id"),
    ("opinion", "class_id"),
)


def upgrade() -> None:
    for table, column in _COLUMNS:
        op.create_index(f"ix_{table}_{column}", table, [column], unique=False)


def downgrade() -> None:
    for table, column in reversed(_COLUMNS):
        op.drop_index(f"ix_{table}_{column}", table_name=table)

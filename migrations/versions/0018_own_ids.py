"""ids of removed images and classes never come back"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    for name in ("next_image_id", "next_class_id"):
        op.add_column("project", sa.Column(name, sa.Integer(), server_default="1", nullable=False))


def downgrade() -> None:
    for name in ("next_class_id", "next_image_id"):
        op.drop_column("project", name)

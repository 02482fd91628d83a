"""Headers of the outbox are plain JSON."""

from alembic import op

from shared.delivery_schema import DOWNGRADE_V4, UPGRADE_V4

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in UPGRADE_V4:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE_V4:
        op.execute(statement)

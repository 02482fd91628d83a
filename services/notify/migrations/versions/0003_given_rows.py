"""The type in which rows of the outbox travel."""

from alembic import op

from shared.delivery_schema import DOWNGRADE_V3, UPGRADE_V3

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in UPGRADE_V3:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE_V3:
        op.execute(statement)

"""Delivery tables; routing, calendar, cases, deadlines, answers, audit, feed."""

from alembic import op

from shared.delivery_schema import DOWNGRADE_V1, UPGRADE_V1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in UPGRADE_V1:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE_V1:
        op.execute(statement)

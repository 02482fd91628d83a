"""The delivery layer without the indexes that nothing is looked up by."""

from alembic import op

from shared.delivery_schema import DOWNGRADE_V2, UPGRADE_V2

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in UPGRADE_V2:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE_V2:
        op.execute(statement)

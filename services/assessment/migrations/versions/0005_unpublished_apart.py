"""What is unpublished is told apart from the rows of the outbox."""

from alembic import op

from shared.delivery_schema import DOWNGRADE_V5, UPGRADE_V5

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in UPGRADE_V5:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE_V5:
        op.execute(statement)

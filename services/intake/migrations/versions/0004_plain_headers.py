"""Headers of the outbox are plain JSON; what is followed of complaints travels in a type of its own."""

from alembic import op

from shared.delivery_schema import DOWNGRADE_V4, UPGRADE_V4

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UPGRADE = ("CREATE TYPE complaints_followed_v1 AS (id UUID, state TEXT, unit TEXT, steps JSONB)",)

DOWNGRADE = ("DROP TYPE complaints_followed_v1",)


def upgrade() -> None:
    for statement in (*UPGRADE_V4, *UPGRADE):
        op.execute(statement)


def downgrade() -> None:
    for statement in (*DOWNGRADE, *DOWNGRADE_V4):
        op.execute(statement)

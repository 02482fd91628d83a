"""The types in which rows of the outbox and complaints travel."""

from alembic import op

from shared.delivery_schema import DOWNGRADE_V3, UPGRADE_V3

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    CREATE TYPE complaints_given_v1 AS (
        id UUID, number TEXT, channel TEXT, category TEXT, urgency TEXT, origin TEXT, source TEXT,
        external_id TEXT, registered_at TIMESTAMPTZ, tracking_token TEXT, phone_tail TEXT, subject TEXT,
        text TEXT, location TEXT, name TEXT, phone TEXT, actor TEXT, key TEXT, body_hash TEXT, reply TEXT
    )
    """,
)

DOWNGRADE = ("DROP TYPE complaints_given_v1",)


def upgrade() -> None:
    for statement in (*UPGRADE_V3, *UPGRADE):
        op.execute(statement)


def downgrade() -> None:
    for statement in (*DOWNGRADE, *DOWNGRADE_V3):
        op.execute(statement)

"""Registering writes less: no index that nothing is looked up by, no check of what one statement writes."""

from alembic import op

from shared.delivery_schema import DOWNGRADE_V2, UPGRADE_V2

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UPGRADE = ("ALTER TABLE contents DROP CONSTRAINT fk_contents_complaint_id",)

DOWNGRADE = (
    """
    ALTER TABLE contents ADD CONSTRAINT fk_contents_complaint_id
    FOREIGN KEY (complaint_id) REFERENCES complaints (id)
    """,
)


def upgrade() -> None:
    for statement in (*UPGRADE_V2, *UPGRADE):
        op.execute(statement)


def downgrade() -> None:
    for statement in (*DOWNGRADE, *DOWNGRADE_V2):
        op.execute(statement)

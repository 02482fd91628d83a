"""Assigning writes less: a deadline is found by its case, and written in the statement that writes the case."""

from alembic import op

from shared.delivery_schema import DOWNGRADE_V2, UPGRADE_V2

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UPGRADE = (
    "ALTER TABLE deadlines DROP CONSTRAINT fk_deadlines_complaint_id",
    "ALTER TABLE deadlines DROP CONSTRAINT pk_deadlines",
    "ALTER TABLE deadlines DROP CONSTRAINT uq_deadlines_complaint_id_kind_level",
    "ALTER TABLE deadlines ADD CONSTRAINT pk_deadlines PRIMARY KEY (complaint_id, kind, level)",
)

DOWNGRADE = (
    "ALTER TABLE deadlines DROP CONSTRAINT pk_deadlines",
    "ALTER TABLE deadlines ADD CONSTRAINT pk_deadlines PRIMARY KEY (deadline_id)",
    """
    ALTER TABLE deadlines ADD CONSTRAINT uq_deadlines_complaint_id_kind_level
    UNIQUE (complaint_id, kind, level)
    """,
    """
    ALTER TABLE deadlines ADD CONSTRAINT fk_deadlines_complaint_id
    FOREIGN KEY (complaint_id) REFERENCES cases (complaint_id)
    """,
)


def upgrade() -> None:
    for statement in (*UPGRADE_V2, *UPGRADE):
        op.execute(statement)


def downgrade() -> None:
    for statement in (*DOWNGRADE, *DOWNGRADE_V2):
        op.execute(statement)

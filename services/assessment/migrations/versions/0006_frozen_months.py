"""Frozen months, performance pools, and ledger entries that concern a unit's month as a whole."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NOW = sa.func.clock_timestamp()
REFUSE_FROZEN = (
    """
    CREATE FUNCTION ledger_refuse_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT 1 FROM added JOIN frozen_months USING (month)) THEN
            RAISE EXCEPTION 'a frozen month takes no entry: book it in the next open one';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER ledger_refuse_frozen AFTER INSERT ON ledger REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_frozen()
    """,
)


def upgrade() -> None:
    op.create_table(
        "frozen_months",
        sa.Column("month", sa.String, nullable=False),
        sa.Column("frozen_at", INSTANT, nullable=False, server_default=NOW),
        sa.Column("frozen_by", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("month", name="pk_frozen_months"),
    )
    op.create_table(
        "pools",
        *(sa.Column(name, sa.String, nullable=False) for name in ("unit", "from_month")),
        sa.Column("entered_at", INSTANT, nullable=False, server_default=NOW),
        sa.Column("entered_by", sa.Uuid, nullable=False),
        sa.Column("amount_fen", sa.BigInteger),
        sa.PrimaryKeyConstraint("unit", "from_month", "entered_at", name="pk_pools"),
    )
    op.create_table(
        "unit_months",
        *(sa.Column(name, sa.String, nullable=False) for name in ("unit", "month")),
        sa.Column("event_seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("unit", "month", name="pk_unit_months"),
    )
    op.alter_column("ledger", "complaint_id", nullable=True)
    op.add_column("ledger", sa.Column("frozen_month", sa.String))
    op.create_index(
        "uq_ledger_unit_month_round",
        "ledger",
        ["clause", "occurrence", "round"],
        unique=True,
        postgresql_where=sa.text("complaint_id IS NULL AND reverses IS NULL"),
    )
    op.create_index(
        "ix_ledger_unit_month", "ledger", ["month", "unit"], postgresql_where=sa.text("complaint_id IS NULL")
    )
    for statement in REFUSE_FROZEN:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER ledger_refuse_frozen ON ledger")
    op.execute("DROP FUNCTION ledger_refuse_frozen()")
    op.drop_index("ix_ledger_unit_month", "ledger")
    op.drop_index("uq_ledger_unit_month_round", "ledger")
    op.drop_column("ledger", "frozen_month")
    op.alter_column("ledger", "complaint_id", nullable=False)
    for table in ("unit_months", "pools", "frozen_months"):
        op.drop_table(table)

"""Delivery tables; cases, misses, overdue workdays, evidence, ledger."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.delivery_schema import DOWNGRADE_V1, UPGRADE_V1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
APPEND_ONLY = (
    """
    CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'ledger entries are only ever added: book a reversing entry';
    END $$
    """,
    """
    CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only()
    """,
)


def upgrade() -> None:
    for statement in UPGRADE_V1:
        op.execute(statement)
    _create_cases()
    _create_misses()
    _create_ledger()


def downgrade() -> None:
    op.drop_table("ledger")
    op.execute("DROP FUNCTION ledger_append_only()")
    for table in ("evidence_events", "overdue_workdays", "misses", "cases"):
        op.drop_table(table)
    for statement in DOWNGRADE_V1:
        op.execute(statement)


def _create_cases() -> None:
    op.create_table(
        "cases",
        sa.Column("complaint_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("registered_at", INSTANT, nullable=False),
        sa.Column("category", sa.String),
        sa.Column("urgency", sa.String),
        sa.Column("unit", sa.String),
        sa.Column("fallback_unit", sa.String),
        sa.Column("taken", sa.Boolean, nullable=False, server_default=sa.false()),
        *(
            sa.Column(name, INSTANT)
            for name in ("assigned_at", "accepted_at", "arrived_at", "completed_at", "answered_at")
        ),
        sa.Column("event_seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("complaint_id", name="pk_cases"),
    )


def _create_misses() -> None:
    op.create_table(
        "misses",
        sa.Column("deadline_id", sa.Uuid, nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("complaint_id", sa.Uuid, nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in ("unit", "urgency", "kind", "basis")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("budget_minutes", "elapsed_minutes")),
        *(sa.Column(name, INSTANT, nullable=False) for name in ("registered_at", "due_at", "occurred_at")),
        sa.Column("stopped_at", INSTANT),
        sa.Column("standard", sa.String, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("rule_book_version", "calendar_version")),
        sa.PrimaryKeyConstraint("deadline_id", name="pk_misses"),
    )
    op.create_index("ix_misses_complaint_id", "misses", ["complaint_id"])
    op.create_index(
        "ix_misses_unit_kind_place", "misses", ["unit", "kind", "occurred_at", "complaint_id", "deadline_id"]
    )
    op.create_table(
        "overdue_workdays",
        sa.Column("deadline_id", sa.Uuid, nullable=False),
        sa.Column("workday", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("complaint_id", sa.Uuid, nullable=False),
        sa.Column("unit", sa.String, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("deadline_id", "workday", name="pk_overdue_workdays"),
    )
    op.create_index("ix_overdue_workdays_complaint_id", "overdue_workdays", ["complaint_id"])
    op.create_table(
        "evidence_events",
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("complaint_id", sa.Uuid, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("body", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_evidence_events"),
    )
    op.create_index("ix_evidence_events_complaint_id", "evidence_events", ["complaint_id"])


def _create_ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("entry_id", sa.Uuid, nullable=False),
        sa.Column("complaint_id", sa.Uuid, nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in ("unit", "clause", "occurrence")),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("amount_fen", sa.BigInteger, nullable=False),
        sa.Column("month", sa.String, nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("rule_book_version", sa.Integer, nullable=False),
        sa.Column("evidence", ARRAY(sa.Uuid), nullable=False),
        sa.Column("explanation", sa.String, nullable=False),
        sa.Column("reverses", sa.Uuid),
        sa.Column("posted_at", INSTANT, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("entry_id", name="pk_ledger"),
        sa.UniqueConstraint("reverses", name="uq_ledger_reverses"),
        sa.ForeignKeyConstraint(["reverses"], ["ledger.entry_id"], name="fk_ledger_reverses"),
    )
    op.create_index("ix_ledger_month_unit", "ledger", ["month", "unit"], postgresql_include=["amount_fen"])
    op.create_index(
        "ix_ledger_statement",
        "ledger",
        ["month", "unit", "occurred_at", "complaint_id", "clause", "occurrence"],
    )
    op.create_index(
        "uq_ledger_key_round",
        "ledger",
        ["complaint_id", "clause", "occurrence", "round"],
        unique=True,
        postgresql_where=sa.text("reverses IS NULL"),
    )
    for statement in APPEND_ONLY:
        op.execute(statement)

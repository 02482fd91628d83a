"""Delivery tables; rules and calendar; cases, clocks, answers, audit; task feed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from shared.delivery_schema import DOWNGRADE_V1, UPGRADE_V1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)

APPEND_ONLY = (
    """
    CREATE FUNCTION audit_entries_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit entries are only ever added';
    END $$
    """,
    """
    CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_append_only()
    """,
)


def upgrade() -> None:
    for statement in UPGRADE_V1:
        op.execute(statement)
    _create_rules()
    _create_cases()
    _create_deadlines()
    _create_answers()
    _create_audit()
    _create_feed()


def _create_rules() -> None:
    op.create_table(
        "routing_rules",
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("unit", sa.Text),
        sa.Column("category", sa.Text),
        sa.Column("urgency", sa.Text),
        sa.Column("keywords", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("version", "code", name="pk_routing_rules"),
    )
    op.create_table(
        "calendars",
        sa.Column("version", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("body", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_calendars"),
    )


def _create_cases() -> None:
    op.create_table(
        "cases",
        sa.Column("complaint_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("external_id", sa.Text),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("category", sa.Text),
        sa.Column("urgency", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("fallback", sa.Boolean, nullable=False),
        sa.Column("matched", JSONB, nullable=False),
        sa.Column("standard", sa.Text, nullable=False),
        sa.Column("rule_book_version", sa.Integer, nullable=False),
        sa.Column("calendar_version", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("registered_at", INSTANT, nullable=False),
        sa.Column("assigned_at", INSTANT, nullable=False),
        sa.Column("accepted_at", INSTANT),
        sa.Column("arrived_at", INSTANT),
        sa.Column("completed_at", INSTANT),
        sa.Column("answered_at", INSTANT),
        sa.Column("next_clock", sa.Text),
        sa.Column("next_due_at", INSTANT),
        sa.Column("event_seq", sa.BigInteger, nullable=False),
        sa.Column("answer_version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("complaint_id", name="pk_cases"),
    )
    op.create_index(
        "ix_cases_open",
        "cases",
        ["unit", "state", "next_due_at", "complaint_id"],
        postgresql_where=sa.text("open"),
    )
    op.create_index(
        "ix_cases_done",
        "cases",
        ["unit", "registered_at", "complaint_id"],
        postgresql_where=sa.text("NOT open"),
    )
    op.create_index("ix_cases_number", "cases", ["number"])
    op.create_table(
        "complaint_contents",
        sa.Column("complaint_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("complainant_name", sa.Text, nullable=False),
        sa.Column("complainant_phone", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("complaint_id", name="pk_complaint_contents"),
    )


def _create_deadlines() -> None:
    op.create_table(
        "deadlines",
        sa.Column("deadline_id", sa.Uuid, nullable=False),
        sa.Column("complaint_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("basis", sa.Text, nullable=False),
        sa.Column("budget_minutes", sa.Integer, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("at_close", sa.Boolean, nullable=False),
        sa.Column("standard", sa.Text, nullable=False),
        sa.Column("rule_book_version", sa.Integer, nullable=False),
        sa.Column("calendar_version", sa.Integer, nullable=False),
        sa.Column("live", sa.Boolean, nullable=False),
        sa.Column("recorded", sa.Boolean, nullable=False),
        sa.Column("fired_at", INSTANT),
        sa.Column("met_at", INSTANT),
        sa.Column("epoch", sa.BigInteger),
        sa.PrimaryKeyConstraint("deadline_id", name="pk_deadlines"),
        sa.UniqueConstraint("complaint_id", "kind", "level", name="uq_deadlines_complaint_id_kind_level"),
        sa.ForeignKeyConstraint(["complaint_id"], ["cases.complaint_id"], name="fk_deadlines_complaint_id"),
    )
    op.create_index(
        "ix_deadlines_due_at",
        "deadlines",
        ["due_at"],
        postgresql_where=sa.text("live AND fired_at IS NULL AND met_at IS NULL"),
    )


def _create_answers() -> None:
    op.create_table(
        "answers",
        sa.Column("answer_id", sa.Uuid, nullable=False),
        sa.Column("complaint_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("answered_at", INSTANT, nullable=False),
        sa.Column("answered_by", sa.Text),
        sa.PrimaryKeyConstraint("answer_id", name="pk_answers"),
        sa.ForeignKeyConstraint(["complaint_id"], ["cases.complaint_id"], name="fk_answers_complaint_id"),
    )
    op.create_index("ix_answers_complaint_id", "answers", ["complaint_id"])
    op.create_table(
        "imported_answers",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text, nullable=False),
        sa.Column("complaint_id", sa.Uuid),
        sa.Column("text", sa.Text),
        sa.Column("answered_at", INSTANT),
        sa.Column("received_at", INSTANT),
        sa.Column("received_from", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.PrimaryKeyConstraint("source", "external_id", name="pk_imported_answers"),
    )
    op.create_index(
        "ix_imported_answers_state",
        "imported_answers",
        ["state", "received_at"],
        postgresql_where=sa.text("text IS NOT NULL"),
    )


def _create_audit() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
    )
    op.create_index("ix_audit_entries_subject_id", "audit_entries", ["subject", "id"])
    for statement in APPEND_ONLY:
        op.execute(statement)


def _create_feed() -> None:
    op.create_table(
        "feed_counters",
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("last_position", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("unit", name="pk_feed_counters"),
    )
    op.create_table(
        "feed_entries",
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("complaint_id", sa.Uuid, nullable=False),
        sa.Column("at", INSTANT, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("unit", "position", name="pk_feed_entries"),
    )


def downgrade() -> None:
    for table in (
        "feed_entries",
        "feed_counters",
        "audit_entries",
        "imported_answers",
        "answers",
        "deadlines",
        "complaint_contents",
        "cases",
        "calendars",
        "routing_rules",
    ):
        op.drop_table(table)
    op.execute("DROP FUNCTION audit_entries_append_only()")
    for statement in DOWNGRADE_V1:
        op.execute(statement)

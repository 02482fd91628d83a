"""The types in which rows of the outbox, cases, deadlines and contents travel."""

from alembic import op

from shared.delivery_schema import DOWNGRADE_V3, UPGRADE_V3

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    CREATE TYPE cases_given_v1 AS (
        complaint_id UUID, number TEXT, channel TEXT, source TEXT, external_id TEXT, origin TEXT, unit TEXT,
        category TEXT, urgency TEXT, reason TEXT, fallback BOOLEAN, matched JSONB, standard TEXT,
        rule_book_version INTEGER, calendar_version INTEGER, registered_at TIMESTAMPTZ,
        assigned_at TIMESTAMPTZ, state TEXT, open BOOLEAN, accepted_at TIMESTAMPTZ, arrived_at TIMESTAMPTZ,
        completed_at TIMESTAMPTZ, answered_at TIMESTAMPTZ, next_clock TEXT, next_due_at TIMESTAMPTZ,
        event_seq BIGINT, answer_version INTEGER
    )
    """,
    """
    CREATE TYPE deadlines_given_v1 AS (
        deadline_id UUID, complaint_id UUID, kind TEXT, level INTEGER, basis TEXT, budget_minutes INTEGER,
        due_at TIMESTAMPTZ, at_close BOOLEAN, standard TEXT, rule_book_version INTEGER,
        calendar_version INTEGER, live BOOLEAN, recorded BOOLEAN, fired_at TIMESTAMPTZ, met_at TIMESTAMPTZ,
        epoch BIGINT
    )
    """,
    """
    CREATE TYPE complaint_contents_given_v1 AS (
        complaint_id UUID, version BIGINT, subject TEXT, text TEXT, location TEXT, complainant_name TEXT,
        complainant_phone TEXT
    )
    """,
)

DOWNGRADE = (
    "DROP TYPE complaint_contents_given_v1",
    "DROP TYPE deadlines_given_v1",
    "DROP TYPE cases_given_v1",
)


def upgrade() -> None:
    for statement in (*UPGRADE_V3, *UPGRADE):
        op.execute(statement)


def downgrade() -> None:
    for statement in (*DOWNGRADE, *DOWNGRADE_V3):
        op.execute(statement)

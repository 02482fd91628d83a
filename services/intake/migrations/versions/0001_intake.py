"""The delivery layer and the complaints."""

from alembic import op

from shared.delivery_schema import DOWNGRADE_V1, UPGRADE_V1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UPGRADE = (
    "CREATE SEQUENCE complaint_serials",
    """
    CREATE TABLE complaints (
        id UUID CONSTRAINT pk_complaints PRIMARY KEY,
        number TEXT NOT NULL CONSTRAINT uq_complaints_number UNIQUE,
        channel TEXT NOT NULL,
        category TEXT,
        urgency TEXT,
        state TEXT NOT NULL,
        unit TEXT,
        origin TEXT NOT NULL,
        source TEXT,
        external_id TEXT,
        registered_at TIMESTAMPTZ NOT NULL,
        event_seq BIGINT NOT NULL,
        content_version BIGINT NOT NULL,
        tracking_token TEXT NOT NULL CONSTRAINT uq_complaints_tracking_token UNIQUE,
        phone_tail TEXT,
        steps JSONB NOT NULL DEFAULT '{}'
    ) WITH (fillfactor = 80)
    """,
    """
    CREATE UNIQUE INDEX uq_complaints_source_external_id ON complaints (source, external_id)
    WHERE external_id IS NOT NULL
    """,
    """
    CREATE TABLE contents (
        complaint_id UUID CONSTRAINT pk_contents PRIMARY KEY
            CONSTRAINT fk_contents_complaint_id REFERENCES complaints (id),
        subject TEXT NOT NULL,
        text TEXT NOT NULL,
        location TEXT NOT NULL,
        name TEXT NOT NULL,
        phone TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE answers (
        complaint_id UUID CONSTRAINT pk_answers PRIMARY KEY,
        answer_id UUID NOT NULL,
        text TEXT NOT NULL,
        answered_at TIMESTAMPTZ NOT NULL
    )
    """,
    """
    CREATE TABLE idempotency_keys (
        key TEXT CONSTRAINT pk_idempotency_keys PRIMARY KEY,
        body_hash TEXT NOT NULL,
        complaint_id UUID NOT NULL,
        reply TEXT NOT NULL,
        created_at TIMESTAMPTZ NOT NULL
    )
    """,
    """
    CREATE TABLE audit_entries (
        id BIGINT GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_audit_entries PRIMARY KEY,
        complaint_id UUID NOT NULL,
        at TIMESTAMPTZ NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        detail JSONB NOT NULL
    )
    """,
    "CREATE INDEX ix_audit_entries_complaint_id ON audit_entries (complaint_id)",
    """
    CREATE FUNCTION audit_entries_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit entries are append-only';
    END $$
    """,
    """
    CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_refuse()
    """,
)

DOWNGRADE = (
    "DROP TABLE audit_entries",
    "DROP FUNCTION audit_entries_refuse()",
    "DROP TABLE idempotency_keys",
    "DROP TABLE answers",
    "DROP TABLE contents",
    "DROP TABLE complaints",
    "DROP SEQUENCE complaint_serials",
)


def upgrade() -> None:
    for statement in (*UPGRADE_V1, *UPGRADE):
        op.execute(statement)


def downgrade() -> None:
    for statement in (*DOWNGRADE, *DOWNGRADE_V1):
        op.execute(statement)

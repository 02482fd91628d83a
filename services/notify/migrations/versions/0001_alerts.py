"""Delivery tables; complaints, channels, alerts, deliveries."""

from alembic import op

from shared.delivery_schema import DOWNGRADE_V1, UPGRADE_V1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE complaints (
        complaint_id UUID CONSTRAINT pk_complaints PRIMARY KEY,
        number TEXT NOT NULL,
        alert_seq BIGINT NOT NULL DEFAULT 0
    )
    """,
    """
    CREATE TABLE channels (
        channel_id UUID CONSTRAINT pk_channels PRIMARY KEY,
        recipient TEXT NOT NULL,
        name TEXT NOT NULL,
        url TEXT,
        address TEXT NOT NULL,
        occasions TEXT[] NOT NULL,
        free_at TIMESTAMPTZ NOT NULL,
        created_at TIMESTAMPTZ NOT NULL,
        created_by UUID NOT NULL,
        removed_at TIMESTAMPTZ,
        removed_by UUID
    )
    """,
    "CREATE INDEX ix_channels_recipient ON channels (recipient)",
    """
    CREATE TABLE alerts (
        alert_id UUID CONSTRAINT pk_alerts PRIMARY KEY,
        position BIGINT GENERATED ALWAYS AS IDENTITY CONSTRAINT uq_alerts_position UNIQUE,
        complaint_id UUID NOT NULL CONSTRAINT fk_alerts_complaint_id REFERENCES complaints,
        occasion TEXT NOT NULL,
        subject TEXT NOT NULL,
        recipient TEXT NOT NULL,
        unit TEXT NOT NULL,
        urgency TEXT,
        clocks JSONB NOT NULL,
        event_id UUID NOT NULL,
        occurred_at TIMESTAMPTZ NOT NULL,
        created_at TIMESTAMPTZ NOT NULL,
        CONSTRAINT uq_alerts_complaint_id_occasion_subject_recipient
            UNIQUE (complaint_id, occasion, subject, recipient)
    )
    """,
    "CREATE INDEX ix_alerts_recipient_position ON alerts (recipient, position)",
    """
    CREATE TABLE deliveries (
        delivery_id UUID CONSTRAINT pk_deliveries PRIMARY KEY,
        alert_id UUID NOT NULL CONSTRAINT fk_deliveries_alert_id REFERENCES alerts,
        channel_id UUID NOT NULL CONSTRAINT fk_deliveries_channel_id REFERENCES channels,
        dedupe_key TEXT NOT NULL CONSTRAINT uq_deliveries_dedupe_key UNIQUE,
        state TEXT NOT NULL,
        attempt INTEGER NOT NULL DEFAULT 0,
        resent BOOLEAN NOT NULL DEFAULT false,
        reason TEXT,
        sender TEXT,
        next_at TIMESTAMPTZ,
        created_at TIMESTAMPTZ NOT NULL,
        settled_at TIMESTAMPTZ
    )
    """,
    "CREATE INDEX ix_deliveries_alert_id ON deliveries (alert_id)",
    "CREATE INDEX ix_deliveries_due ON deliveries (channel_id, next_at) WHERE next_at IS NOT NULL",
    "CREATE INDEX ix_deliveries_troubled ON deliveries (state) WHERE state <> 'sent'",
    """
    CREATE FUNCTION deliveries_wake() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('deliveries', '');
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER deliveries_wake AFTER INSERT ON deliveries
    FOR EACH STATEMENT EXECUTE FUNCTION deliveries_wake()
    """,
)


def upgrade() -> None:
    for statement in (*UPGRADE_V1, *TABLES):
        op.execute(statement)


def downgrade() -> None:
    for table in ("deliveries", "alerts", "channels", "complaints"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION deliveries_wake()")
    for statement in DOWNGRADE_V1:
        op.execute(statement)

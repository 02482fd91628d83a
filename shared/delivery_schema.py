"""The delivery layer's tables, as SQL for each service's migrations, by version.

Frozen: a change is a new list beside these, called by a new migration of each service. The tables are
described for queries in outbox, inbox, deadletters, leader and state; a test holds the two equal.
"""

__all__ = [
    "DOWNGRADE_V1",
    "DOWNGRADE_V2",
    "DOWNGRADE_V3",
    "DOWNGRADE_V4",
    "DOWNGRADE_V5",
    "UPGRADE_V1",
    "UPGRADE_V2",
    "UPGRADE_V3",
    "UPGRADE_V4",
    "UPGRADE_V5",
]

UPGRADE_V1 = (
    """
    CREATE TABLE outbox (
        id BIGINT GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_outbox PRIMARY KEY,
        event_id UUID NOT NULL CONSTRAINT uq_outbox_event_id UNIQUE,
        topic TEXT NOT NULL,
        key TEXT NOT NULL,
        seq BIGINT NOT NULL,
        type TEXT NOT NULL,
        headers JSONB NOT NULL,
        body BYTEA,
        created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
        published_at TIMESTAMPTZ,
        epoch BIGINT
    )
    """,
    "CREATE INDEX ix_outbox_unpublished ON outbox (id) WHERE published_at IS NULL",
    "CREATE INDEX ix_outbox_published_at ON outbox (published_at) WHERE published_at IS NOT NULL",
    """
    CREATE FUNCTION outbox_wake() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('outbox', '');
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER outbox_wake AFTER INSERT ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_wake()
    """,
    """
    CREATE TABLE inbox (
        topic TEXT NOT NULL,
        key TEXT NOT NULL,
        last_seq BIGINT NOT NULL,
        CONSTRAINT pk_inbox PRIMARY KEY (topic, key)
    )
    """,
    """
    CREATE TABLE pending_events (
        topic TEXT NOT NULL,
        key TEXT NOT NULL,
        seq BIGINT NOT NULL,
        kafka_partition INTEGER NOT NULL,
        kafka_offset BIGINT NOT NULL,
        headers JSONB NOT NULL,
        body BYTEA,
        discarded BOOLEAN NOT NULL DEFAULT false,
        received_at TIMESTAMPTZ NOT NULL DEFAULT now(),
        tried_at TIMESTAMPTZ NOT NULL DEFAULT now(),
        CONSTRAINT pk_pending_events PRIMARY KEY (topic, key, seq)
    )
    """,
    "CREATE INDEX ix_pending_events_key ON pending_events (key)",
    "CREATE INDEX ix_pending_events_tried_at ON pending_events (tried_at)",
    """
    CREATE TABLE dead_letters (
        id UUID CONSTRAINT pk_dead_letters PRIMARY KEY,
        topic TEXT NOT NULL,
        kafka_partition INTEGER NOT NULL,
        kafka_offset BIGINT NOT NULL,
        kafka_key BYTEA,
        key TEXT,
        seq BIGINT,
        headers JSONB NOT NULL,
        body BYTEA,
        reason TEXT NOT NULL,
        detail TEXT NOT NULL,
        received_at TIMESTAMPTZ NOT NULL DEFAULT now(),
        settled_at TIMESTAMPTZ,
        settled_as TEXT,
        settled_by TEXT,
        settled_reason TEXT,
        CONSTRAINT uq_dead_letters_topic_kafka_partition_kafka_offset
            UNIQUE (topic, kafka_partition, kafka_offset)
    )
    """,
    "CREATE INDEX ix_dead_letters_open ON dead_letters (topic, key) WHERE settled_at IS NULL",
    """
    CREATE TABLE leaders (
        name TEXT CONSTRAINT pk_leaders PRIMARY KEY,
        epoch BIGINT NOT NULL,
        taken_at TIMESTAMPTZ NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE state_entries (
        topic TEXT NOT NULL,
        key TEXT NOT NULL,
        version BIGINT NOT NULL,
        type TEXT NOT NULL,
        body JSONB NOT NULL,
        applied_at TIMESTAMPTZ NOT NULL DEFAULT now(),
        CONSTRAINT pk_state_entries PRIMARY KEY (topic, key)
    )
    """,
)

DOWNGRADE_V1 = (
    "DROP TABLE state_entries",
    "DROP TABLE leaders",
    "DROP TABLE dead_letters",
    "DROP TABLE pending_events",
    "DROP TABLE inbox",
    "DROP TABLE outbox",
    "DROP FUNCTION outbox_wake()",
)

UPGRADE_V2 = (
    "ALTER TABLE outbox DROP CONSTRAINT uq_outbox_event_id",
    "DROP INDEX ix_outbox_published_at",
)
"""A row is written twice, and each index with it; nothing is looked up by these two."""

DOWNGRADE_V2 = (
    "CREATE INDEX ix_outbox_published_at ON outbox (published_at) WHERE published_at IS NOT NULL",
    "ALTER TABLE outbox ADD CONSTRAINT uq_outbox_event_id UNIQUE (event_id)",
)

UPGRADE_V3 = (
    """
    CREATE TYPE outbox_given_v1 AS (
        event_id UUID, topic TEXT, key TEXT, seq BIGINT, type TEXT, headers JSONB, body BYTEA
    )
    """,
)
"""The type in which rows of the outbox travel (`shared.rows.Columns`)."""

DOWNGRADE_V3 = ("DROP TYPE outbox_given_v1",)

UPGRADE_V4 = (
    "ALTER TABLE outbox ALTER COLUMN headers TYPE JSON USING headers::json",
    """
    CREATE TYPE outbox_given_v2 AS (
        event_id UUID, topic TEXT, key TEXT, seq BIGINT, type TEXT, headers JSON, body BYTEA
    )
    """,
)
"""Headers are written once and read once, as a whole: taking their JSON apart and together is needless."""

DOWNGRADE_V4 = (
    "DROP TYPE outbox_given_v2",
    "ALTER TABLE outbox ALTER COLUMN headers TYPE JSONB USING headers::jsonb",
)

UPGRADE_V5 = (
    "DROP TRIGGER outbox_wake ON outbox",  # first: it locks out everybody, also who would insert now
    "CREATE TABLE outbox_unpublished (id BIGINT CONSTRAINT pk_outbox_unpublished PRIMARY KEY)",
    """
    CREATE TABLE outbox_publications (
        id BIGINT GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_outbox_publications PRIMARY KEY,
        epoch BIGINT NOT NULL,
        first_id BIGINT NOT NULL,
        last_id BIGINT NOT NULL,
        published_at TIMESTAMPTZ NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX ix_outbox_publications_published_at ON outbox_publications (published_at)",
    "INSERT INTO outbox_unpublished SELECT id FROM outbox WHERE published_at IS NULL ORDER BY id",
    """
    INSERT INTO outbox_publications (epoch, first_id, last_id, published_at)
    SELECT coalesce(max(epoch), 0), min(id), max(id), max(published_at) FROM outbox
    WHERE published_at IS NOT NULL
    GROUP BY date_trunc('hour', published_at) ORDER BY max(published_at)
    """,
    """
    CREATE OR REPLACE FUNCTION outbox_wake() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO outbox_unpublished SELECT id FROM fresh ORDER BY id;
        PERFORM pg_notify('outbox', '');
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER outbox_wake AFTER INSERT ON outbox REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_wake()
    """,
    "ALTER TABLE outbox DROP COLUMN published_at, DROP COLUMN epoch",
)
"""What is unpublished is told by narrow rows that the mark deletes: marking the rows of the outbox themselves
wrote each of them, with its body, a second time.
"""

DOWNGRADE_V5 = (
    "ALTER TABLE outbox ADD COLUMN published_at TIMESTAMPTZ, ADD COLUMN epoch BIGINT",
    """
    UPDATE outbox SET published_at = now(), epoch = 0
    WHERE NOT EXISTS (SELECT 1 FROM outbox_unpublished AS kept WHERE kept.id = outbox.id)
    """,
    "CREATE INDEX ix_outbox_unpublished ON outbox (id) WHERE published_at IS NULL",
    "DROP TRIGGER outbox_wake ON outbox",
    """
    CREATE OR REPLACE FUNCTION outbox_wake() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('outbox', '');
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER outbox_wake AFTER INSERT ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_wake()
    """,
    "DROP TABLE outbox_publications",
    "DROP TABLE outbox_unpublished",
)

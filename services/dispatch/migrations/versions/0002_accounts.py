"""Accounts and signing keys; waking the live feeds at commit."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WAKE = (
    """
    CREATE FUNCTION feed_wake() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('feed', '');
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER feed_wake AFTER INSERT ON feed_entries
    FOR EACH STATEMENT EXECUTE FUNCTION feed_wake()
    """,
)


def upgrade() -> None:
    op.create_table(
        "persons",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("unit", sa.Text),
        sa.Column("password_hash", sa.Text),
        sa.Column("disabled", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failed_sign_ins", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_persons"),
        sa.UniqueConstraint("account", name="uq_persons_account"),
    )
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, nullable=False),
        sa.Column("private_jwk", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kid", name="pk_signing_keys"),
    )
    for statement in WAKE:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER feed_wake ON feed_entries")
    op.execute("DROP FUNCTION feed_wake()")
    op.drop_table("signing_keys")
    op.drop_table("persons")

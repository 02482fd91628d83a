"""Who signs in, and the keys that sign their tokens. Neither password hashes nor private keys ever leave."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.dispatch.tables.base import Base

__all__ = ["PersonRow", "SigningKeyRow"]


class PersonRow(Base, table=True):
    """An account. Without a password hash nobody signs in with it: its tokens are minted by a command.

    Tokens issued before `valid_from` count no more. `failed_sign_ins` counts since the last success.
    """

    __tablename__ = "persons"

    id: UUID = Field(primary_key=True)
    account: str = Field(sa_type=sa.Text, unique=True)
    name: str = Field(sa_type=sa.Text)
    role: str = Field(sa_type=sa.Text)
    unit: str | None = Field(default=None, sa_type=sa.Text)
    password_hash: str | None = Field(default=None, sa_type=sa.Text)
    disabled: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    valid_from: datetime = Field(sa_type=sa.DateTime(timezone=True))
    failed_sign_ins: int = Field(default=0, sa_column_kwargs={"server_default": sa.text("0")})
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True))


class SigningKeyRow(Base, table=True):
    """An Ed25519 key as a JSON Web Key with its private part; the newest signs, all that are kept verify."""

    __tablename__ = "signing_keys"

    kid: str = Field(primary_key=True, sa_type=sa.Text)
    private_jwk: dict[str, Any] = Field(sa_type=JSONB)
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True))

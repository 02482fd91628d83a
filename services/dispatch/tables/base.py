"""The metadata that all tables of dispatch share."""

from sqlalchemy import MetaData
from sqlmodel import SQLModel

from shared.database import NAMING

__all__ = ["Base"]


class Base(SQLModel):
    """Base of every row class of this service."""

    metadata = MetaData(naming_convention=NAMING)

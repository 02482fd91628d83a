"""The metadata that all tables of dispatch share."""

import sqlalchemy as sa
from sqlmodel import SQLModel

from shared.database import NAMING

__all__ = ["Base", "table_of"]


class Base(SQLModel):
    """Base of every row class of this service."""

    metadata = sa.MetaData(naming_convention=NAMING)


def table_of(row: type[Base]) -> sa.Table:
    """Return the table of a row class, for set-wise statements."""
    return Base.metadata.tables[str(row.__tablename__)]

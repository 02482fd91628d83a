"""HTTP request models of notify; replies are the views of the use cases."""

from uuid import UUID

from pydantic import BaseModel, Field

from services.notify.domain import Occasion

__all__ = ["ChannelAdded", "ChannelNew"]


class ChannelNew(BaseModel):
    """A channel to add. `recipient` is a unit's code or `office`; without `occasions` it is for all."""

    recipient: str = Field(min_length=1, max_length=50)
    url: str = Field(min_length=1, max_length=500)
    name: str = Field(default="", max_length=50)
    occasions: frozenset[Occasion] = Field(default=frozenset(Occasion), min_length=1)


class ChannelAdded(BaseModel):
    """The channel that was added; `address` shows no secret."""

    channel_id: UUID
    address: str

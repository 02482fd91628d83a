"""The live feed: a hub that wakes at commit, the views it encodes, the response that sends them."""

from services.dispatch.feed.hub import Hub
from services.dispatch.feed.response import FeedResponse
from services.dispatch.feed.views import (
    CardMaker,
    TaskListView,
    UnitFeedView,
    change_json,
    decode_cursor,
    encode_cursor,
)

__all__ = [
    "CardMaker",
    "FeedResponse",
    "Hub",
    "TaskListView",
    "UnitFeedView",
    "change_json",
    "decode_cursor",
    "encode_cursor",
]

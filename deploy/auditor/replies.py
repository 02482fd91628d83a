"""A load generator's own ledger of what it was answered, written before it acts on a reply."""

import json
from collections.abc import Sequence
from pathlib import Path

from deploy.auditor.conservation import Reply

__all__ = ["read_replies"]


def read_replies(file: Path) -> Sequence[Reply]:
    """Read a ledger: one JSON object per line with key, status (null: no answer came), complaint_id, number.

    ValueError, naming the line, if one is malformed.
    """
    replies = []
    for place, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
            replies.append(Reply(one["key"], one["status"], one.get("complaint_id"), one.get("number")))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"第 {place} 行") from error
    return replies

"""Hands complaints to intake and their answers to dispatch, in batches; both know a row they already have."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from deploy.client import Client
from deploy.importing.columns import Column, Table
from deploy.importing.rows import Entry, Reason, Refusal, column_name
from deploy.local.errors import LaunchError

__all__ = ["Counts", "Sent", "UnknownCategory", "batches", "send"]

BATCH_ROWS = 200
BATCH_BYTES = 2_000_000  # of JSON; an installation takes 4 MiB
COMPLAINTS = "/api/imports"
ANSWERS = "/dispatch/api/answers/import"


@dataclass(slots=True)
class Counts:
    """What became of the things sent."""

    accepted: int = 0
    already_there: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class UnknownCategory:
    """A row whose category the rule book does not know; it was routed by its words."""

    row: int
    category: str


@dataclass(slots=True)
class Sent:
    """What became of an import's entries so far. `refusals` has each row at most once."""

    complaints: Counts = field(default_factory=Counts)
    answers: Counts = field(default_factory=Counts)
    refusals: list[Refusal] = field(default_factory=list)
    unknown_categories: list[UnknownCategory] = field(default_factory=list)


def send(
    client: Client, table: Table, entries: Sequence[Entry], sent: Sent, advanced: Callable[[int], None]
) -> None:
    """Send every entry, noting in `sent` what became of it; `advanced` is told of each number of rows done.

    A row's answer is sent only once its complaint is in. RefusedError or LaunchError as the client; what
    was sent till then is in, and sending all again does it no harm.
    """
    for batch in batches(entries):
        taken = _send_complaints(client, table, batch, sent)
        _send_answers(client, table, [entry for entry in taken if entry.answer], sent)
        advanced(len(batch))


def batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Cut entries into batches of no more rows and bytes than an installation takes at once."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        more = max(_size(entry.complaint), _size(entry.answer))
        if batch and (len(batch) == BATCH_ROWS or size + more > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += more
    if batch:
        yield batch


def _size(row: BaseModel | None) -> int:
    return len(row.model_dump_json().encode()) if row else 0


def _send_complaints(client: Client, table: Table, batch: Sequence[Entry], sent: Sent) -> list[Entry]:
    """Send complaints; return the entries whose complaint is in now.

    A category that the rule book does not know is left out: the case is routed by its words.
    """
    outcomes = _post(client, COMPLAINTS, [entry.complaint for entry in batch])
    strange = [index for index, outcome in enumerate(outcomes) if _has_strange_category(outcome)]
    if strange:
        plain = [batch[index].complaint.model_copy(update={"category": None}) for index in strange]
        for index, outcome in zip(strange, _post(client, COMPLAINTS, plain), strict=True):
            outcomes[index] = outcome
            if outcome["outcome"] != "refused":
                entry = batch[index]
                unknown = UnknownCategory(entry.row.number, entry.complaint.category or "")
                sent.unknown_categories.append(unknown)
    return _note(table, batch, outcomes, sent.complaints, sent.refusals)


def _send_answers(client: Client, table: Table, batch: Sequence[Entry], sent: Sent) -> None:
    answers = [entry.answer for entry in batch if entry.answer]
    if answers:
        _note(table, batch, _post(client, ANSWERS, answers), sent.answers, sent.refusals)


def _post(client: Client, path: str, rows: Sequence[BaseModel]) -> list[dict[str, Any]]:
    """Outcomes of rows, one each. LaunchError if the installation does not account for every row."""
    answer = client.post(path, {"rows": [row.model_dump(mode="json", exclude_none=True) for row in rows]})
    outcomes = answer.get("rows") if isinstance(answer, dict) else None
    if not isinstance(outcomes, list) or len(outcomes) != len(rows):
        raise LaunchError(f"{client.url} 的版本与本命令不一致", "请升级后再导入")
    return outcomes


def _has_strange_category(outcome: Mapping[str, Any]) -> bool:
    return outcome["outcome"] == "refused" and [one["field"] for one in outcome["reasons"]] == ["category"]


def _note(
    table: Table,
    batch: Sequence[Entry],
    outcomes: Sequence[Mapping[str, Any]],
    counts: Counts,
    refusals: list[Refusal],
) -> list[Entry]:
    """Count outcomes, keep refusals; return the entries that are in."""
    taken = []
    for entry, outcome in zip(batch, outcomes, strict=True):
        match outcome["outcome"]:
            case "accepted":
                counts.accepted += 1
            case "already_there":
                counts.already_there += 1
            case _:
                counts.refused += 1
                refusals.append(Refusal(entry.row, _reasons(table, outcome)))
                continue
        taken.append(entry)
    return taken


def _reasons(table: Table, outcome: Mapping[str, Any]) -> tuple[Reason, ...]:
    """Why a row was refused, in the file's words: intake names fields, dispatch speaks of the answer."""
    if "reasons" not in outcome:
        return (Reason(column_name(table, Column.ANSWER), outcome["reason"]),)
    return tuple(Reason(_field_name(table, one["field"]), one["message"]) for one in outcome["reasons"])


def _field_name(table: Table, field: str) -> str:
    return column_name(table, Column(field)) if field in set(Column) else field

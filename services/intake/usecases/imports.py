"""Importing complaints that were registered elsewhere: each row judged on its own, all kept in one go.

A row is known by its source and external id: the same row again is already there, another row under the same
name is refused. Imported complaints keep their own time, and their number its month.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.domain.complaints import Complaint, new_token
from services.intake.domain.numbers import format_number
from services.intake.domain.reports import FieldError, Given, Report, ReportError, check_report
from services.intake.schemas import FieldReason, ImportOutcome, ImportRow
from services.intake.store.reading import Imported, find_imported
from services.intake.store.registering import draw_serials
from services.intake.usecases.catalogue import Catalogue
from services.intake.usecases.recording import record_imported
from shared.contracts.envelope import Origin
from shared.contracts.intake import TIMED_FROM, Channel
from shared.database import SessionFetcher
from shared.ids import uuid7
from shared.problems import validation_fields
from shared.texts import clean_line, clean_text

__all__ = ["import_complaints"]

_SOURCE_LIMIT, _EXTERNAL_ID_LIMIT = 100, 200
_OTHER_CONTENT = FieldError("external_id", "同一来源的这个编号已有另一条内容不同的记录")

_Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A row that can be registered."""

    name: _Name
    registered_at: datetime
    report: Report


async def import_complaints(
    session: AsyncSession, rows: Sequence[Any], *, catalogue: Catalogue, actor: str, now: datetime
) -> list[ImportOutcome]:
    """Import rows (JSON values) in the caller's transaction; return what became of each, in their order."""
    judged = [_judge(row, catalogue, now) for row in rows]
    wanted: dict[_Name, _Candidate] = {}
    for one in judged:
        if isinstance(one, _Candidate):
            wanted.setdefault(one.name, one)
    fresh = await _keep(session, list(wanted.values()), actor)
    there = await find_imported(session, wanted.keys())
    fresh_rows = {id(wanted[name]) for name in fresh}
    return [
        _outcome(one, there[one.name], is_fresh=id(one) in fresh_rows)
        if isinstance(one, _Candidate)
        else _refused(_external_id(row), one)
        for row, one in zip(rows, judged, strict=True)
    ]


async def _keep(session: AsyncSession, candidates: Sequence[_Candidate], actor: str) -> set[_Name]:
    """Register the candidates that are not here yet; return their names."""
    here = await find_imported(session, [one.name for one in candidates])
    missing = sorted((one for one in candidates if one.name not in here), key=lambda one: one.name)
    if not missing:
        return set()
    writer = SessionFetcher(session)
    serials = await draw_serials(writer, len(missing))
    complaints = [_complaint(one, serial, actor) for one, serial in zip(missing, serials, strict=True)]
    added = await record_imported(writer, complaints)
    return {(str(one.source), str(one.external_id)) for one in complaints if one.id in added}


def _judge(row: Any, catalogue: Catalogue, now: datetime) -> _Candidate | list[FieldError]:
    """The candidate a row is, or everything that is wrong with it."""
    try:
        given = ImportRow.model_validate(_cleaned(row))
    except ValidationError as error:
        return [FieldError(one["field"], one["message"]) for one in validation_fields(error.errors())]
    source, external_id = clean_line(given.source), clean_line(given.external_id)
    errors = [
        *_name_errors("source", source, _SOURCE_LIMIT),
        *_name_errors("external_id", external_id, _EXTERNAL_ID_LIMIT),
        *_time_errors(given.registered_at, now),
    ]
    try:
        report = check_report(_given(given), catalogue.names)
    except ReportError as error:
        return [*errors, *error.errors]
    return errors or _Candidate((source, external_id), given.registered_at.astimezone(UTC), report)


def _cleaned(row: Any) -> Any:
    """The row with every text in it, names of fields too, fit to be kept and shown."""
    if not isinstance(row, dict):
        return row
    return {
        clean_line(name): clean_text(value) if isinstance(value, str) else value
        for name, value in row.items()
    }


def _given(row: ImportRow) -> Given:
    return Given(
        text=row.text,
        subject=row.subject or "",
        location=row.location or "",
        name=row.name or "",
        phone=row.phone or "",
        category=row.category,
    )


def _name_errors(field: str, value: str, limit: int) -> list[FieldError]:
    if not value:
        return [FieldError(field, "必须填写")]
    return [FieldError(field, f"太长，最多 {limit} 个字")] if len(value) > limit else []


def _time_errors(registered_at: datetime, now: datetime) -> list[FieldError]:
    if registered_at > now:
        return [FieldError("registered_at", "登记时间在将来")]
    if registered_at < TIMED_FROM:
        return [FieldError("registered_at", f"登记时间早于 {TIMED_FROM.year} 年，没有可用的时效标准")]
    return []


def _complaint(candidate: _Candidate, serial: int, actor: str) -> Complaint:
    source, external_id = candidate.name
    return Complaint(
        id=uuid7(),
        number=format_number(candidate.registered_at, serial),
        token=new_token(),
        registered_at=candidate.registered_at,
        channel=Channel.IMPORT,
        origin=Origin.HISTORY,
        actor=actor,
        report=candidate.report,
        source=source,
        external_id=external_id,
    )


def _outcome(candidate: _Candidate, there: Imported, *, is_fresh: bool) -> ImportOutcome:
    if not _is_same(candidate, there):
        return _refused(candidate.name[1], [_OTHER_CONTENT])
    return ImportOutcome(
        external_id=candidate.name[1],
        outcome="accepted" if is_fresh else "already_there",
        complaint_id=there.complaint.id,
        number=there.complaint.number,
    )


def _is_same(candidate: _Candidate, there: Imported) -> bool:
    complaint, content = there.complaint, there.content
    kept = Report(
        text=content.text,
        subject=content.subject,
        location=content.location,
        name=content.name,
        phone=content.phone,
        category=complaint.category,
        urgency=None,
    )
    return candidate.registered_at == complaint.registered_at and candidate.report == kept


def _refused(external_id: str | None, errors: Sequence[FieldError]) -> ImportOutcome:
    reasons = [FieldReason(field=one.field, message=one.message) for one in errors]
    return ImportOutcome(external_id=external_id, outcome="refused", reasons=reasons)


def _external_id(row: Any) -> str | None:
    value = row.get("external_id") if isinstance(row, dict) else None
    return clean_line(value) if isinstance(value, str) else None

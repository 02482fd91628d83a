"""A complaint as people see it: its complainant, and signed-in staff."""

from services.intake.domain.progress import STATE_NAMES, State, timeline
from services.intake.schemas import StaffComplaint, TrackedComplaint, TrackedStep
from services.intake.store.reading import Record
from services.intake.usecases.catalogue import Catalogue
from shared.contracts.intake import Urgency
from shared.pages.filters import phone_masked, place_masked

__all__ = ["staff_view", "tracking_view"]


def tracking_view(record: Record, catalogue: Catalogue) -> TrackedComplaint:
    """Return what the complainant may see."""
    complaint, progress = record.complaint, record.progress
    unit = catalogue.units.get(progress.unit) if progress.unit else None
    answered = record.answer if progress.state is State.ANSWERED else None
    return TrackedComplaint(
        number=complaint.number,
        category_name=catalogue.names.get(complaint.category) if complaint.category else None,
        location=record.content.location,
        text=record.content.text,
        registered_at=complaint.registered_at,
        state=progress.state,
        state_name=STATE_NAMES[progress.state],
        unit_name=unit.name if unit else progress.unit,
        unit_service_phone=unit.service_phone if unit else None,
        unit_complaint_phone=unit.complaint_phone if unit else None,
        answer_text=answered.text if answered else None,
        answered_at=answered.answered_at if answered else None,
        steps=_steps(record, unit.name if unit else None),
    )


def staff_view(record: Record) -> StaffComplaint:
    """Return what signed-in staff may see without a reason given."""
    complaint, content, answer = record.complaint, record.content, record.answer
    return StaffComplaint(
        complaint_id=complaint.id,
        number=complaint.number,
        channel=complaint.channel,
        origin=complaint.origin,
        category=complaint.category,
        urgency=Urgency(complaint.urgency) if complaint.urgency else None,
        state=record.progress.state,
        unit=record.progress.unit,
        registered_at=complaint.registered_at,
        source=complaint.source,
        external_id=complaint.external_id,
        subject=content.subject,
        text=content.text,
        location=place_masked(content.location),
        name=f"{content.name[:1]}**" if content.name else "",
        phone=phone_masked(content.phone) if content.phone else "",
        answer_text=answer.text if answer else None,
        answered_at=answer.answered_at if answer else None,
        steps=_steps(record, None),
    )


def _steps(record: Record, unit_name: str | None) -> list[TrackedStep]:
    shown = timeline(record.progress, record.complaint.registered_at, unit_name)
    return [TrackedStep.model_validate(step) for step in shown]

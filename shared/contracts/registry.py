"""Every event type there is, by name: what the broker decodes and the documents are generated from."""

from collections.abc import Mapping

from shared.contracts import assessment, dispatch, intake, notify
from shared.contracts.envelope import Event

__all__ = ["EVENT_TYPES", "OWNERS"]

OWNERS: Mapping[str, tuple[type[Event], ...]] = {
    "intake": (intake.ComplaintRegistered, intake.ComplaintContent),
    "dispatch": (
        dispatch.Assigned,
        dispatch.AssignmentAccepted,
        dispatch.AssignmentArrived,
        dispatch.AssignmentCompleted,
        dispatch.AssignmentAnswered,
        dispatch.DeadlineMissed,
        dispatch.OverdueWorkday,
        dispatch.AnswerContent,
        dispatch.UnitState,
        dispatch.PersonState,
        dispatch.SigningKeyState,
        dispatch.SessionRevoked,
    ),
    "assessment": (
        assessment.LedgerEntryPosted,
        assessment.MonthEntryPosted,
        assessment.RuleBookState,
    ),
    "notify": (notify.AlertSettled,),
}
"""Event types by the service that owns and publishes them."""

EVENT_TYPES: Mapping[str, type[Event]] = {event.type: event for events in OWNERS.values() for event in events}

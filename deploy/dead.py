"""Dead letters of the four services, over their APIs."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

from deploy.client import Client, RefusedError
from deploy.local.errors import LaunchError

__all__ = ["PREFIXES", "list_letters", "services_of", "settle", "show_letter"]

PREFIXES: Mapping[str, str] = {
    "intake": "",
    "dispatch": "/dispatch",
    "assessment": "/assessment",
    "notify": "/notify",
}


def services_of(chosen: str | None) -> tuple[str, ...]:
    """The services meant: the chosen one, or all. LaunchError naming the choices if there is none such."""
    if chosen is None:
        return tuple(PREFIXES)
    if chosen not in PREFIXES:
        raise LaunchError(f"没有服务 {chosen}", f"可以是：{'、'.join(PREFIXES)}")
    return (chosen,)


def list_letters(client: Client, services: Sequence[str]) -> list[dict[str, Any]]:
    """Unsettled dead letters, each with its `service`."""
    return [
        {"service": service, **letter}
        for service in services
        for letter in client.get(f"{PREFIXES[service]}/api/dead-letters")
    ]


def show_letter(client: Client, services: Sequence[str], letter_id: UUID) -> dict[str, Any]:
    """One dead letter with its headers and body. LaunchError if none of `services` has it."""
    for service in services:
        try:
            letter = client.get(f"{PREFIXES[service]}/api/dead-letters/{letter_id}")
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            continue
        return {"service": service, **letter}
    raise LaunchError(f"没有死信 {letter_id}", "用 huiying dead list 查看现有的死信")


def settle(
    client: Client, services: Sequence[str], letter_id: UUID, *, discard_reason: str | None
) -> dict[str, Any]:
    """Replay a dead letter or, with a reason, give it up. LaunchError if it cannot be."""
    service = show_letter(client, services, letter_id)["service"]
    path = f"{PREFIXES[service]}/api/dead-letters/{letter_id}"
    if discard_reason is None:
        answer = client.post(f"{path}/replay")
    else:
        answer = client.post(f"{path}/discard", {"reason": discard_reason})
    return {"service": service, "id": str(letter_id), **answer}

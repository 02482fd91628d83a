"""Dead letters of the four services, over their APIs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

from deploy.client import Client, RefusedError
from deploy.local.errors import LaunchError
from shared.deadletters import MOST_LISTED

__all__ = [
    "PREFIXES",
    "REASONS",
    "cut_short",
    "in_words",
    "list_letters",
    "services_of",
    "settle",
    "show_letter",
]

PREFIXES: Mapping[str, str] = {
    "intake": "",
    "dispatch": "/dispatch",
    "assessment": "/assessment",
    "notify": "/notify",
}
REASONS: Mapping[str, str] = {
    "header": "消息头不完整或有误",
    "key": "消息的键不对",
    "type": "不认识的事件类型或版本",
    "empty": "消息没有内容",
    "payload": "内容不符合事件的约定",
    "standard": "没有适用的时限标准",
    "calendar": "时限超出了工作日历",
    "rulebook": "没有这个版本的规则",
    "unknown": "没有预料到的错误",
}
"""What the codes of reasons mean to a person."""


def in_words(reason: str) -> str:
    """What the code of a reason means; the code itself where it is of a newer service."""
    return REASONS.get(reason, reason)


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


def cut_short(letters: Sequence[Mapping[str, Any]]) -> str | None:
    """Say of which services there may be more than these letters; None where these are all."""
    counts = Counter(one["service"] for one in letters)
    full = [service for service, count in counts.items() if count >= MOST_LISTED]
    if not full:
        return None
    return f"{'、'.join(full)} 只显示最早的 {MOST_LISTED} 条死信，处理以后再列出，就能看到其余的"


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

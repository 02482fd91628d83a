"""Traffic on an installation while it is hurt, and the client's own ledger of what it was answered."""

import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import xlsxwriter

__all__ = ["Registrar", "write_workbook"]

TEXTS = (
    "三号楼一单元的水管爆裂，水流了一地，请尽快来修",
    "食堂的饭菜里吃出了头发，要求解释",
    "电梯经常停在四楼不动，老人出行不便",
    "水费账单比上月多了一倍，请核对",
    "楼道里的灯坏了两个星期没有人管",
    "宾馆房间的空调不制冷",
    "桶装水订了三天还没有送到",
    "想问问明年幼儿园什么时候报名",
)
FIRST = datetime(2019, 3, 1, 1, 0, tzinfo=UTC)
CREATED = 201
PATIENT_CATEGORY = "general.service"  # its clocks run for workdays: none runs out while a test looks


def write_workbook(file: Path, name: str, rows: int) -> Path:
    """Write messages with their recorded answers; one in ten has none, every third is answered late."""
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        header = ("留言编号", "留言用户", "留言主题", "留言时间", "留言详情", "答复意见", "答复时间")
        sheet.write_row(0, 0, header)
        for number in range(1, rows + 1):
            at = FIRST + timedelta(hours=number)
            answered_at = at + timedelta(days=30 if number % 3 == 0 else 1)
            answer = ("您反映的问题已经处理完毕", _shown(answered_at)) if number % 10 else ("", "")
            text = TEXTS[number % len(TEXTS)]
            sheet.write_row(
                number, 0, (f"{name}-{number}", "王女士", text[:12], _shown(at), f"{text}({number})", *answer)
            )
    return file


def _shown(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


class Registrar:
    """Registers complaints one after another, each until it got its 201, and writes down every reply first.

    A reply is on disk before it counts, so `ledger` is what a client may insist on.
    """

    def __init__(self, url: str, ledger: Path, name: str, *, per_second: float = 20.0) -> None:
        self.accepted = 0
        self.failed = 0
        self._url = url
        self._ledger = ledger
        self._name = name
        self._pause = 1 / per_second
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(90)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        number = 0
        with (
            httpx.Client(base_url=self._url, timeout=15) as client,
            self._ledger.open("a", encoding="utf-8") as ledger,
        ):
            while not self._stopping.wait(self._pause):
                number += 1
                while not self._register(client, ledger, number):
                    threading.Event().wait(self._pause)

    def _register(self, client: httpx.Client, ledger: Any, number: int) -> bool:
        key = f"{self._name}-{number}"
        body = {"text": f"{TEXTS[number % len(TEXTS)]}({key})", "category": PATIENT_CATEGORY}
        try:
            response = client.post("/api/complaints", json=body, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            self._note(ledger, {"key": key, "status": None})
            self.failed += 1
            return False
        reply = response.json() if response.status_code == CREATED else {}
        named = {name: reply.get(name) for name in ("complaint_id", "number")}
        self._note(ledger, {"key": key, "status": response.status_code, **named})
        if response.status_code != CREATED:
            assert response.status_code >= 500, response.text
            self.failed += 1
            return False
        self.accepted += 1
        return True

    @staticmethod
    def _note(ledger: Any, reply: dict[str, Any]) -> None:
        ledger.write(json.dumps(reply) + "\n")
        ledger.flush()
        os.fsync(ledger.fileno())

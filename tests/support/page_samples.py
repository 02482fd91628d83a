"""Sample contexts for every page of the four services, with an app that shows them.

`python -m tests.support.page_samples FOLDER` writes screenshots of all of them, phone and desktop.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse

from shared.pages import Pages, Viewer

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 22, 6, 5, tzinfo=UTC)
LEADER = Viewer(name="王建国", role="unit_leader", unit_name="维修分公司")
OFFICE = Viewer(name="李敏", role="office", unit_name="生产管理室")
PREFIXES = {"intake": "", "dispatch": "/dispatch", "assessment": "/assessment", "notify": "/notify"}


def ago(**kwargs: float) -> datetime:
    return NOW - timedelta(**kwargs)


@dataclass(frozen=True)
class Sample:
    """One page in one state."""

    service: str
    template: str
    name: str
    context: dict[str, Any] = field(default_factory=dict)
    status: int = 200

    @property
    def path(self) -> str:
        return f"/preview/{self.service}/{self.name}"


def case_id(number: int) -> str:
    return str(UUID(int=number))


CATEGORIES = [
    {"code": "water.leak", "name": "爆管、漏水", "unit_name": "自来水分公司"},
    {"code": "water.quality", "name": "水质", "unit_name": "自来水分公司"},
    {"code": "repair.ordinary", "name": "日常维修", "unit_name": "维修分公司"},
    {"code": "canteen.hygiene", "name": "饭菜卫生", "unit_name": "饮食服务分公司"},
    {"code": "property.lift", "name": "电梯困人", "unit_name": "物业分公司"},
]
TYPED = {
    "text": "厨房水管一直滴水,昨天报过一次没人来。",
    "location": "",
    "category": "water.leak",
    "phone": "1381234",
    "name": "张",
}
LINK = "http://127.0.0.1:8080/track/3q2-7wEAAAFdQx0k9ZkYvA"


def step(name: str, at: datetime | None, due_at: datetime | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "at": at, "due_at": due_at, "done": at is not None, "late": False, "note": None} | more


COMPLAINT = {
    "number": "HY-2611-000123-X",
    "category_name": "爆管、漏水",
    "location": "东区 12 号楼 3 单元 501",
    "text": "厨房水管一直滴水,昨天报过一次没人来。\n家里有老人,请尽快。",
    "registered_at": ago(hours=3),
    "state": "accepted",
    "state_name": "已接单",
    "unit_name": "自来水分公司",
    "unit_service_phone": "0538-8121001",
    "unit_complaint_phone": "0538-8121002",
    "answer_text": None,
    "answered_at": None,
    "steps": [
        step("已受理", ago(hours=3)),
        step("已派单", ago(hours=3), note="派给自来水分公司"),
        step("已接单", ago(hours=2, minutes=40), late=True, note="比承诺晚了 10 分钟,已向您致歉并记入考核"),
        step("已到场", None, NOW + timedelta(minutes=25)),
        step("已办结", None, NOW + timedelta(hours=21)),
        step("已答复", None, ago(minutes=-600)),
    ],
}
ANSWERED = COMPLAINT | {
    "state": "answered",
    "state_name": "已答复",
    "answer_text": "您好,厨房水管接头老化,今天 13:20 已更换并试水,不再漏水。\n昨天报修未登记,是我们工作疏漏,向您道歉。",
    "answered_at": ago(minutes=20),
    "steps": [step(name, ago(minutes=180 - 30 * place)) for place, name in enumerate(["已受理", "已派单", "已接单", "已到场", "已办结", "已答复"])],
}
UNASSIGNED = COMPLAINT | {
    "state": "registered",
    "state_name": "已受理",
    "category_name": None,
    "unit_name": None,
    "unit_service_phone": None,
    "unit_complaint_phone": None,
    "steps": [step("已受理", ago(minutes=1)), step("已派单", None), step("已接单", None), step("已答复", None)],
}

ACTIONS = {
    "assigned": [{"code": "accept", "name": "接单"}],
    "accepted": [{"code": "arrive", "name": "到场"}, {"code": "complete", "name": "办结"}],
    "completed": [{"code": "answer", "name": "答复"}],
    "answered": [],
}
STATE_NAMES = {"assigned": "已派单", "accepted": "已接单", "completed": "已办结", "answered": "已答复"}


def task(number: int, state: str, minutes_left: int | None, urgency: str = "P3", **more: Any) -> dict[str, Any]:
    clocks = {"assigned": "接单", "accepted": "到场", "completed": "答复", "answered": None}
    return {
        "complaint_id": case_id(number),
        "number": f"HY-2611-{number:06d}-X",
        "category_name": "日常维修",
        "location": "东区 12 号楼 3 单元 501",
        "summary": "厨房水管一直滴水,昨天报过一次没人来,家里有老人,请尽快安排师傅上门看看。",
        "urgency": urgency,
        "state": state,
        "state_name": STATE_NAMES[state],
        "next_clock_name": clocks[state],
        "due_at": None if minutes_left is None else NOW + timedelta(minutes=minutes_left),
        "minutes_left": minutes_left or 0,
        "overdue": minutes_left is not None and minutes_left < 0,
        "actions": ACTIONS[state],
    } | more


FEED = {
    "tasks": [
        task(121, "assigned", -95, "P1", summary="二楼配电箱冒烟,有焦味,已让孩子离开房间。", category_name="停电、用电安全"),
        task(122, "accepted", 12, "P2", summary="整栋楼没有水。"),
        task(123, "assigned", 200),
        task(124, "completed", 1500, location=None, category_name=None),
    ],
    "filter": "open",
    "counts": {"open": 4, "assigned": 2, "working": 2, "overdue": 1, "answered": 37},
    "unit_name": "维修分公司",
    "unit": None,
    "units": [],
    "cursor": 17,
    "older_url": "/dispatch/tasks?state=open&before=124",
    "user": LEADER,
}
UNITS = [("repair", "维修分公司"), ("water", "自来水分公司"), ("office", "生产管理室")]
NO_TASKS = FEED | {
    "tasks": [],
    "counts": {},
    "unit": "water",
    "unit_name": "自来水分公司",
    "units": [{"code": code, "name": name} for code, name in UNITS],
    "older_url": None,
    "user": OFFICE,
}


def clock(name: str, due_at: datetime, stopped_at: datetime | None = None, **more: Any) -> dict[str, Any]:
    minutes_left = int((due_at - NOW).total_seconds() // 60)
    late = stopped_at is not None and stopped_at > due_at
    base = {"name": name, "basis_name": "自然时间", "budget_minutes": 30, "due_at": due_at, "stopped_at": stopped_at}
    return base | {"late": late, "minutes_left": minutes_left, "overdue": minutes_left < 0} | more


CASE = {
    **{key: COMPLAINT[key] for key in ("number", "category_name", "location", "text", "registered_at", "unit_name")},
    "complaint_id": case_id(123),
    "name": "张女士",
    "phone": "13812345678",
    "revealed": False,
    "urgency": "P2",
    "state": "accepted",
    "state_name": "已接单",
    "channel_name": "网页",
    "routing_reason": "类别“爆管、漏水”归自来水分公司;文字里有“水管”",
    "fallback": False,
    "answer_text": None,
    "answered_at": None,
    "actions": [*ACTIONS["accepted"], {"code": "answer", "name": "答复"}],
    "clocks": [
        clock("接单", ago(hours=2, minutes=50), ago(hours=2, minutes=40), budget_minutes=10),
        clock("到场", NOW + timedelta(minutes=25)),
        clock("办结", NOW + timedelta(hours=21), budget_minutes=1440),
        clock("答复", NOW + timedelta(days=3), budget_minutes=1440, basis_name="工作时间"),
    ],
    "history": [
        {"at": ago(hours=3), "name": "登记", "by": None, "note": None},
        {"at": ago(hours=3), "name": "派单", "by": "系统", "note": "派给自来水分公司"},
        {"at": ago(hours=2, minutes=40), "name": "接单", "by": "王建国", "note": "晚 10 分钟"},
    ],
}
CASE_ANSWERED = CASE | {
    "state": "answered",
    "state_name": "已答复",
    "revealed": True,
    "actions": [],
    "clocks": [],
    "fallback": True,
    "answer_text": ANSWERED["answer_text"],
    "answered_at": ago(minutes=20),
}
CASE_ANONYMOUS = CASE | {"name": None, "phone": None, "text": "", "location": None, "category_name": None}

STATEMENT_UNITS = [
    {"unit": code, "unit_name": name, "total_fen": fen, "entry_count": entries}
    for code, name, fen, entries in [
        ("repair", "维修分公司", -125000, 14),
        ("water", "自来水分公司", -5000, 1),
        ("hotel", "宾馆", 0, 0),
        ("canteen", "饮食服务分公司", 30000, 1),
    ]
]
ENTRIES = [
    {
        "complaint_id": case_id(200 + place),
        "case_number": f"HY-1904-{200 + place:06d}-X",
        "clause_code": "C-LATE-COMPLETE",
        "clause_title": "超时办结",
        "amount_fen": amount,
        "explanation": "时限 3 个工作日(1440 分),2019-04-08 09:12 登记,应于 2019-04-11 09:12 前办结,"
        "实际 2019-04-15 10:00,晚 2 个工作日:100.00 元 + 2 × 50.00 元",
        "evidence": [
            {"event_id": case_id(300), "name": "超过时限"},
            {"event_id": case_id(301), "name": "办结"},
        ],
    }
    for place, amount in enumerate([-20000, -10000, 10000])
]
EVIDENCE = {
    "event_id": case_id(300),
    "type": "assignment.deadline_missed.v1",
    "name": "超过时限",
    "occurred_at": ago(days=3),
    "complaint_id": case_id(200),
    "case_number": "HY-1904-000200-X",
    "facts": [("时钟", "办结"), ("时限", "3 个工作日"), ("应办结", "2019-04-11 09:12"), ("实际用时", "4 天 1 小时")],
}


def delivery(state: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "created_at": ago(minutes=30),
        "occasion_name": "新任务",
        "complaint_id": case_id(123),
        "case_number": "HY-2611-000123-X",
        "recipient_name": "维修分公司调度",
        "channel": "mailtos://dispatch:****@smtp.example.com",
        "state": state,
        "state_name": name,
        "attempts": 1,
        "error": None,
    } | more


DELIVERIES = [
    delivery("pending", "待发送", attempts=0),
    delivery("sent", "已发送"),
    delivery("failed", "失败", attempts=5, error="邮件服务器拒绝:密码不对", occasion_name="超过时限"),
    delivery("unknown", "结果未知", error="发送中途中断"),
    delivery("resent", "重发", attempts=2, complaint_id=None, case_number=None, occasion_name="系统检查"),
]
CHANNELS = [
    {
        "channel_id": case_id(900 + place),
        "recipient_name": f"{name}调度",
        "unit_name": name,
        "address": "mailtos://dispatch:****@smtp.example.com",
        "created_at": ago(days=9),
    }
    for place, (_, name) in enumerate(UNITS)
]

SAMPLES = [
    Sample("intake", "home.html", "home", {"categories": CATEGORIES, "values": {}, "errors": {}, "idempotency_key": "k1"}),
    Sample(
        "intake",
        "home.html",
        "home-errors",
        {
            "categories": CATEGORIES,
            "values": TYPED,
            "errors": {"location": "请写明地点", "phone": "手机号应为 11 位数字", "category": "没有这个类别"},
            "idempotency_key": "k1",
        },
        422,
    ),
    Sample("intake", "registered.html", "registered", {"number": COMPLAINT["number"], "link": LINK, "phone_given": True}),
    Sample("intake", "registered.html", "registered-no-phone", {"number": COMPLAINT["number"], "link": LINK, "phone_given": False}),
    Sample("intake", "track.html", "track", {"values": {}, "errors": {}}),
    Sample(
        "intake",
        "track.html",
        "track-not-found",
        {"values": {"number": "HY-2611-000124-Z", "phone_tail": "5678"}, "errors": {"number": "没有查到,请核对编号和手机号后四位"}},
        404,
    ),
    Sample("intake", "track_result.html", "result", {"complaint": COMPLAINT}),
    Sample("intake", "track_result.html", "result-answered", {"complaint": ANSWERED}),
    Sample("intake", "track_result.html", "result-unassigned", {"complaint": UNASSIGNED}),
    Sample("dispatch", "sign_in.html", "sign-in", {"values": {"next": "/dispatch/tasks"}, "errors": {}}),
    Sample("dispatch", "sign_in.html", "sign-in-refused", {"values": {"account": "wang"}, "errors": {"password": "账号或密码不对"}}, 401),
    Sample("dispatch", "tasks.html", "tasks", FEED),
    Sample("dispatch", "tasks.html", "tasks-empty", NO_TASKS),
    Sample("dispatch", "tasks.html", "tasks-answered", FEED | {"filter": "answered", "tasks": [task(130, "answered", None)]}),
    Sample("dispatch", "tasks.html", "tasks-none-overdue", NO_TASKS | {"filter": "overdue"}),
    Sample("dispatch", "case.html", "case", {"case": CASE, "values": {}, "errors": {}, "user": LEADER}),
    Sample("dispatch", "case.html", "case-answered", {"case": CASE_ANSWERED, "values": {}, "errors": {}, "user": OFFICE}),
    Sample(
        "dispatch",
        "case.html",
        "case-errors",
        {"case": CASE, "values": {}, "errors": {"reason": "请写明查看的原因", "text": "请写答复内容"}, "user": LEADER},
        422,
    ),
    Sample("dispatch", "case.html", "case-anonymous", {"case": CASE_ANONYMOUS, "values": {}, "errors": {}, "user": LEADER}),
    Sample("assessment", "statements.html", "statements", {"month": "2019-04", "rule_book_version": 1, "units": STATEMENT_UNITS, "user": OFFICE}),
    Sample("assessment", "statements.html", "statements-empty", {"month": "2011-01", "rule_book_version": 1, "units": [], "user": OFFICE}),
    Sample(
        "assessment",
        "statement_unit.html",
        "statement-unit",
        {
            "month": "2019-04",
            "unit_name": "维修分公司",
            "total_fen": -20000,
            "entry_count": 3,
            "entries": ENTRIES,
            "older_url": "/assessment/statements/2019-04/repair?before=202",
            "user": LEADER,
        },
    ),
    Sample(
        "assessment",
        "statement_unit.html",
        "statement-unit-empty",
        {"month": "2019-04", "unit_name": "宾馆", "total_fen": 0, "entry_count": 0, "entries": [], "older_url": None, "user": OFFICE},
    ),
    Sample("assessment", "evidence.html", "evidence", {"event": EVIDENCE, "back_url": "/assessment/statements/2019-04/repair", "user": LEADER}),
    Sample("notify", "deliveries.html", "deliveries", {"deliveries": DELIVERIES, "older_url": "/notify/deliveries?before=9", "user": OFFICE}),
    Sample("notify", "deliveries.html", "deliveries-empty", {"deliveries": [], "older_url": None, "user": OFFICE}),
    Sample(
        "notify",
        "channels.html",
        "channels",
        {"channels": CHANNELS, "may_edit": True, "unit_options": UNITS, "values": {}, "errors": {}, "user": OFFICE},
    ),
    Sample(
        "notify",
        "channels.html",
        "channels-empty",
        {"channels": [], "may_edit": True, "unit_options": UNITS, "values": {"unit": "water"}, "errors": {"url": "看不懂这个地址"}, "user": OFFICE},
        422,
    ),
    Sample(
        "notify",
        "channels.html",
        "channels-read-only",
        {"channels": CHANNELS, "may_edit": False, "unit_options": [], "values": {}, "errors": {}, "user": LEADER},
    ),
]

"""Pages of dispatch in every state."""

from datetime import datetime, timedelta
from typing import Any

from tests.support.pages.intake import ANSWERED, COMPLAINT
from tests.support.pages.sample import LEADER, NOW, OFFICE, UNITS, Sample, ago, case_id

ACTIONS = {
    "assigned": [{"code": "accept", "name": "接单"}],
    "accepted": [{"code": "arrive", "name": "到场"}, {"code": "complete", "name": "办结"}],
    "completed": [{"code": "answer", "name": "答复"}],
    "answered": [],
}
STATE_NAMES = {"assigned": "已派单", "accepted": "已接单", "completed": "已办结", "answered": "已答复"}


def task(
    number: int, state: str, minutes_left: int | None, urgency: str = "P3", **more: Any
) -> dict[str, Any]:
    clocks = {"assigned": "接单", "accepted": "到场", "completed": "答复", "answered": None}
    return {
        "complaint_id": case_id(number),
        "number": f"HY-2611-{number:06d}-X",
        "category_name": "日常维修",
        "location": "东区 ***",
        "summary": "厨房水管一直滴水，昨天报过一次没人来，家里有老人，请尽快安排师傅上门看看。",
        "urgency": urgency,
        "state": state,
        "state_name": STATE_NAMES[state],
        "next_clock_name": clocks[state],
        "due_at": None if minutes_left is None else NOW + timedelta(minutes=minutes_left),
        "minutes_left": minutes_left or 0,
        "overdue": minutes_left is not None and minutes_left < 0,
        "actions": ACTIONS[state],
    } | more


COUNTS = {"open": 4, "assigned": 2, "working": 2, "overdue": 1, "answered": 37}
FEED = {
    "tasks": [
        task(
            121,
            "assigned",
            -95,
            "P1",
            summary="二楼配电箱冒烟，有焦味，已让孩子离开房间。",
            category_name="停电、用电安全",
        ),
        task(122, "accepted", 12, "P2", summary="整栋楼没有水。"),
        task(123, "assigned", 200),
        task(124, "completed", 1500, location=None, category_name=None),
    ],
    "filter": "open",
    "counts": COUNTS,
    "unit_name": "维修分公司",
    "unit": None,
    "units": [],
    "cursor": 17,
    "older_url": "/dispatch/tasks?state=open&before=124",
    "user": LEADER,
}
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
    base = {
        "name": name,
        "basis_name": "自然时间",
        "budget_text": "30 分钟",
        "due_at": due_at,
        "stopped_at": stopped_at,
        "by_answer": False,
    }
    return base | {"late": late, "minutes_left": minutes_left, "overdue": minutes_left < 0} | more


CASE = {
    **{
        key: COMPLAINT[key]
        for key in ("number", "category_name", "location", "text", "registered_at", "unit_name")
    },
    "complaint_id": case_id(123),
    "name": "张女士",
    "phone": "13812345678",
    "hidden": True,
    "revealed": False,
    "urgency": "P2",
    "state": "accepted",
    "state_name": "已接单",
    "channel_name": "网页",
    "routing_reason": "类别“爆管、漏水”归自来水分公司；文字里有“水管”",
    "fallback": False,
    "answer_text": None,
    "answered_at": None,
    "actions": [*ACTIONS["accepted"], {"code": "answer", "name": "答复"}],
    "ends": ["到场", "办结"],
    "clocks": [
        clock("接单", ago(hours=2, minutes=50), ago(hours=2, minutes=40), budget_text="10 分钟"),
        clock("到场", NOW + timedelta(minutes=25)),
        clock("办结", NOW + timedelta(hours=21), budget_text="24 小时"),
        clock("答复", NOW + timedelta(days=3), budget_text="3 个工作日", basis_name="工作时间"),
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
    "clocks": [
        clock("接单", ago(hours=2, minutes=50), ago(hours=2, minutes=55), budget_text="10 分钟"),
        clock("到场", ago(hours=2, minutes=30), ago(minutes=20), by_answer=True),
        clock("办结", NOW + timedelta(hours=21), ago(minutes=20), by_answer=True, budget_text="24 小时"),
        clock("答复", NOW + timedelta(days=3), ago(minutes=20), budget_text="3 个工作日"),
    ],
    "fallback": True,
    "answer_text": ANSWERED["answer_text"],
    "answered_at": ago(minutes=20),
}
OPENED = {
    "listed": "state=overdue&unit=water",
    "list_path": "/dispatch/tasks?state=overdue&unit=water",
    "values": {},
    "errors": {},
    "user": LEADER,
}
CASE_ANONYMOUS = CASE | {"name": None, "phone": None, "text": "", "location": None, "category_name": None}

PERSONS = [
    {
        "id": case_id(number),
        "account": account,
        "name": name,
        "role": role,
        "unit_name": unit_name,
        "disabled": disabled,
        "failed_sign_ins": failures,
        "has_password": role != "service",
        "own": number == 1,
    }
    for number, (account, name, role, unit_name, disabled, failures) in enumerate(
        [
            ("admin", "系统管理员", "administrator", "公司", False, 0),
            ("wang.jianguo", "王建国", "unit_leader", "维修分公司", False, 3),
            ("li.min", "李敏", "office", "公司", True, 0),
            ("service.water.1f3a", "供水调度系统", "service", "自来水分公司", False, 0),
        ],
        start=1,
    )
]
ACCOUNTS = {
    "persons": PERSONS,
    "role_options": [("unit_member", "班组人员"), ("office", "归口管理")],
    "unit_options": UNITS,
    "values": {},
    "errors": {},
    "user": OFFICE,
}

GIVING_PASSWORD = {"person": PERSONS[1], "errors": {}, "user": OFFICE}
OWN_ACCOUNT = {
    "account": "wang.jianguo",
    "has_password": True,
    "changed": False,
    "errors": {},
    "user": LEADER,
}

SAMPLES = [
    Sample("dispatch", "accounts.html", "accounts", ACCOUNTS),
    Sample(
        "dispatch",
        "accounts.html",
        "accounts-errors",
        ACCOUNTS
        | {
            "values": {"account": "wang.jianguo"},
            "errors": {"account": "这个账号已经有了", "unit": "这个角色需要选择单位"},
        },
        422,
    ),
    Sample("dispatch", "account_password.html", "account-password", GIVING_PASSWORD),
    Sample(
        "dispatch",
        "account_password.html",
        "account-password-errors",
        GIVING_PASSWORD | {"errors": {"password": "密码太短，至少 12 个字符"}},
        422,
    ),
    Sample("dispatch", "own_account.html", "own-account", OWN_ACCOUNT),
    Sample("dispatch", "own_account.html", "own-account-changed", OWN_ACCOUNT | {"changed": True}),
    Sample(
        "dispatch",
        "own_account.html",
        "own-account-errors",
        OWN_ACCOUNT | {"errors": {"current": "现在的密码不对", "repeated": "两次输入的新密码不一样"}},
        422,
    ),
    Sample("dispatch", "own_account.html", "own-account-of-a-program", OWN_ACCOUNT | {"has_password": False}),
    Sample("dispatch", "sign_in.html", "sign-in", {"values": {"next": "/dispatch/tasks"}, "errors": {}}),
    Sample(
        "dispatch",
        "sign_in.html",
        "sign-in-refused",
        {"values": {"account": "wang"}, "errors": {"password": "账号或密码不对"}},
        401,
    ),
    Sample("dispatch", "tasks.html", "tasks", FEED),
    Sample("dispatch", "tasks.html", "tasks-empty", NO_TASKS),
    Sample(
        "dispatch",
        "tasks.html",
        "tasks-answered",
        FEED | {"filter": "answered", "tasks": [task(130, "answered", None)]},
    ),
    Sample("dispatch", "tasks.html", "tasks-none-overdue", NO_TASKS | {"filter": "overdue"}),
    Sample("dispatch", "case.html", "case", OPENED | {"case": CASE}),
    Sample(
        "dispatch",
        "case.html",
        "case-answered",
        OPENED | {"case": CASE_ANSWERED, "user": OFFICE},
    ),
    Sample(
        "dispatch",
        "case.html",
        "case-errors",
        OPENED | {"case": CASE, "errors": {"reason": "请写明查看的原因", "text": "请写答复内容"}},
        422,
    ),
    Sample(
        "dispatch",
        "case.html",
        "case-changed",
        OPENED
        | {
            "case": CASE_ANSWERED,
            "values": {"text": "阀门已经更换并试压，恢复供水。"},
            "errors": {"": "任务现在是“已答复”，不能答复。这件任务刚刚有变化，本页已是最新情况。"},
        },
        409,
    ),
    Sample(
        "dispatch",
        "case.html",
        "case-anonymous",
        OPENED | {"case": CASE_ANONYMOUS},
    ),
]

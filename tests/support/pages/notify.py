"""Pages of notify in every state."""

from typing import Any

from tests.support.pages.sample import LEADER, OFFICE, UNITS, Sample, ago, case_id


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
        "retry_id": None,
    } | more


DELIVERIES = [
    delivery("pending", "待发送", attempts=0),
    delivery("sent", "已发送"),
    delivery("failed", "失败", attempts=5, error="邮件服务器拒绝：密码不对", occasion_name="超过时限"),
    delivery("unknown", "结果未知", error="发送中途中断"),
    delivery("resent", "重发", attempts=2, complaint_id=None, case_number=None, occasion_name="系统检查"),
]
GIVEN_UP = [one | {"retry_id": case_id(800) if one["error"] else None} for one in DELIVERIES]
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


READ_ONLY = {
    "channels": CHANNELS,
    "may_edit": False,
    "unit_options": [],
    "values": {},
    "errors": {},
    "user": LEADER,
}


def page(deliveries: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    fixed = {"older_url": None, "before": None, "requeued": False, "user": OFFICE}
    return fixed | {"deliveries": deliveries} | more


SAMPLES = [
    Sample(
        "notify",
        "deliveries.html",
        "deliveries",
        page(GIVEN_UP, older_url="/notify/deliveries?before=9", before=99),
    ),
    Sample("notify", "deliveries.html", "deliveries-requeued", page(GIVEN_UP, requeued=True)),
    Sample("notify", "deliveries.html", "deliveries-read-only", page(DELIVERIES, user=LEADER)),
    Sample("notify", "deliveries.html", "deliveries-empty", page([])),
    Sample(
        "notify",
        "channels.html",
        "channels",
        {
            "channels": CHANNELS,
            "may_edit": True,
            "unit_options": UNITS,
            "values": {},
            "errors": {},
            "user": OFFICE,
        },
    ),
    Sample(
        "notify",
        "channels.html",
        "channels-empty",
        {
            "channels": [],
            "may_edit": True,
            "unit_options": UNITS,
            "values": {"unit": "water"},
            "errors": {"url": "看不懂这个地址"},
            "user": OFFICE,
        },
        422,
    ),
    Sample("notify", "channels.html", "channels-read-only", READ_ONLY),
    Sample("notify", "channels.html", "channels-read-only-empty", READ_ONLY | {"channels": []}),
]

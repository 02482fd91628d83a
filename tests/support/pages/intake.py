"""Pages of intake in every state."""

from datetime import datetime, timedelta
from typing import Any

from services.intake.pages.reporting import LABELS
from tests.support.pages.sample import NOW, Sample, ago

CATEGORIES = [
    {"code": "water.leak", "name": "爆管、漏水", "unit_name": "自来水分公司"},
    {"code": "water.quality", "name": "水质", "unit_name": "自来水分公司"},
    {"code": "repair.ordinary", "name": "日常维修", "unit_name": "维修分公司"},
    {"code": "canteen.hygiene", "name": "饭菜卫生", "unit_name": "饮食服务分公司"},
    {"code": "property.lift", "name": "电梯困人", "unit_name": "物业分公司"},
]
TYPED = {
    "text": "厨房水管一直滴水，昨天报过一次没人来。",
    "location": "",
    "category": "water.leak",
    "phone": "1381234",
    "name": "张",
}
LINK = "http://127.0.0.1:8080/track/3q2-7wEAAAFdQx0k9ZkYvA"


def step(name: str, at: datetime | None, due_at: datetime | None = None, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "at": at,
        "due_at": due_at,
        "done": at is not None,
        "late": False,
        "note": None,
    } | more


COMPLAINT = {
    "number": "HY-2611-000123-X",
    "category_name": "爆管、漏水",
    "location": "东区 12 号楼 3 单元 501",
    "text": "厨房水管一直滴水，昨天报过一次没人来。\n家里有老人，请尽快。",
    "registered_at": ago(hours=3),
    "state": "accepted",
    "state_name": "已接单",
    "unit_name": "自来水分公司",
    "unit_service_phone": "0538-8121001",
    "unit_complaint_phone": "0538-8121002",
    "answer_text": None,
    "answered_at": None,
    "steps": [
        step("已登记", ago(hours=3)),
        step("已派单", ago(hours=3), note="派给自来水分公司"),
        step("已接单", ago(hours=2, minutes=40), late=True, note="比承诺晚了 10 分钟，已向您致歉并记入考核"),
        step("待到场", None, ago(minutes=5), late=True),
        step("待办结", None, NOW + timedelta(hours=21)),
        step("待答复", None, ago(minutes=-600)),
    ],
}
ANSWERED = COMPLAINT | {
    "state": "answered",
    "state_name": "已答复",
    "answer_text": "您好，厨房水管接头老化，今天 13:20 已更换并试水。\n昨天没有登记，是我们疏漏，向您道歉。",
    "answered_at": ago(minutes=20),
    "steps": [
        step(name, ago(minutes=180 - 30 * place))
        for place, name in enumerate(["已登记", "已派单", "已接单", "已到场", "已办结", "已答复"])
    ],
}
UNASSIGNED = COMPLAINT | {
    "state": "registered",
    "state_name": "已登记",
    "category_name": None,
    "unit_name": None,
    "unit_service_phone": None,
    "unit_complaint_phone": None,
    "steps": [
        step("已登记", ago(minutes=1)),
        step("待派单", None),
        step("待接单", None),
        step("待答复", None),
    ],
}

SAMPLES = [
    Sample(
        "intake",
        "home.html",
        "home",
        {"categories": CATEGORIES, "labels": LABELS, "values": {}, "errors": {}, "idempotency_key": "k1"},
    ),
    Sample(
        "intake",
        "home.html",
        "home-errors",
        {
            "categories": CATEGORIES,
            "values": TYPED,
            "labels": LABELS,
            "errors": {
                "location": "在什么地方：必须填写，请写明地点；说不清门牌的，写大概的位置就可以",
                "phone": "手机号：应为 11 位手机号，或带区号的固定电话",
                "category": "属于哪一类：没有这个类别",
            },
            "idempotency_key": "k1",
        },
        422,
    ),
    Sample(
        "intake",
        "registered.html",
        "registered",
        {"number": COMPLAINT["number"], "link": LINK, "phone_given": True, "again": False},
    ),
    Sample(
        "intake",
        "registered.html",
        "registered-again",
        {"number": COMPLAINT["number"], "link": LINK, "phone_given": True, "again": True},
    ),
    Sample(
        "intake",
        "registered.html",
        "registered-no-phone",
        {"number": COMPLAINT["number"], "link": LINK, "phone_given": False, "again": False},
    ),
    Sample("intake", "track.html", "track", {"values": {}, "errors": {}}),
    Sample(
        "intake",
        "track.html",
        "track-not-found",
        {
            "values": {"number": "HY-2611-000124-Z", "phone_tail": "5678"},
            "errors": {"number": "没有查到，请核对编号和手机号后四位"},
        },
        404,
    ),
    Sample("intake", "track_result.html", "result", {"complaint": COMPLAINT}),
    Sample("intake", "track_result.html", "result-answered", {"complaint": ANSWERED}),
    Sample("intake", "track_result.html", "result-unassigned", {"complaint": UNASSIGNED}),
]

"""Pages of assessment in every state."""

from tests.support.pages.sample import LEADER, OFFICE, Sample, ago, case_id

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
        "explanation": "时限 3 个工作日（1440 分），2019-04-08 09:12 登记，应于 2019-04-11 09:12 前办结，"
        "实际 2019-04-15 10:00，晚 2 个工作日：100.00 元 + 2 × 50.00 元",
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
    "facts": [
        ("时钟", "办结"),
        ("时限", "3 个工作日"),
        ("应办结", "2019-04-11 09:12"),
        ("实际用时", "4 天 1 小时"),
    ],
}

SAMPLES = [
    Sample(
        "assessment",
        "statements.html",
        "statements",
        {"month": "2019-04", "rule_book_version": 1, "units": STATEMENT_UNITS, "user": OFFICE},
    ),
    Sample(
        "assessment",
        "statements.html",
        "statements-empty",
        {"month": "2011-01", "rule_book_version": 1, "units": [], "user": OFFICE},
    ),
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
            "more_url": "/assessment/statements/2019-04/repair?after=202",
            "user": LEADER,
        },
    ),
    Sample(
        "assessment",
        "statement_unit.html",
        "statement-unit-empty",
        {
            "month": "2019-04",
            "unit_name": "宾馆",
            "total_fen": 0,
            "entry_count": 0,
            "entries": [],
            "more_url": None,
            "user": OFFICE,
        },
    ),
    Sample(
        "assessment",
        "evidence.html",
        "evidence",
        {"event": EVIDENCE, "back_url": "/assessment/statements/2019-04/repair", "user": LEADER},
    ),
]

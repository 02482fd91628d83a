"""Pages of assessment in every state."""

from tests.support.pages.sample import LEADER, OFFICE, Sample, ago, case_id

STATEMENT_UNITS = [
    {"unit": code, "unit_name": name, "total_fen": fen, "entry_count": entries, "cap_fen": cap}
    for code, name, fen, entries, cap in [
        ("repair", "维修分公司", -125000, 14, 125000),
        ("water", "自来水分公司", -5000, 1, None),
        ("hotel", "宾馆", 0, 0, None),
        ("canteen", "饮食服务分公司", 30000, 1, 90000),
    ]
]
TOTAL = {
    "unit_name": "维修分公司",
    "total_fen": -20000,
    "entry_count": 3,
    "pool_fen": None,
    "cap_fen": None,
}
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
        "frozen_month": None,
        "is_reversal": False,
    }
    for place, amount in enumerate([-20000, -10000, 10000])
]
CARRIED = [
    ENTRIES[0] | {"amount_fen": 20000, "frozen_month": "2019-03", "is_reversal": True},
    ENTRIES[0] | {"amount_fen": -30000, "frozen_month": "2019-03"},
    ENTRIES[1],
    ENTRIES[1]
    | {
        "complaint_id": None,
        "case_number": None,
        "clause_code": "C-MONTH-CAP",
        "clause_title": "单月封顶",
        "amount_fen": 8000,
        "explanation": "单月封顶：2019-04 本单位扣款合计 200.00 元，封顶为绩效总额 1,200.00 元的 10%，"
        "即 120.00 元，冲减 80.00 元（细则第 1 版）",
    },
]
POOLS = [
    {
        "unit_name": name,
        "from_month": month,
        "amount_fen": amount,
        "cap_fen": amount and amount // 10,
        "entered_at": ago(days=days),
        "entered_by": "周正",
    }
    for name, month, amount, days in [
        ("维修分公司", "2019-05", None, 1),
        ("饮食服务分公司", "2019-04", 90000000, 12),
        ("维修分公司", "2019-01", 125000000, 90),
    ]
]
UNIT_OPTIONS = [("repair", "维修分公司"), ("water", "自来水分公司")]
EVIDENCE = {
    "event_id": case_id(300),
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
        {
            "month": "2019-04",
            "rule_book_version": 1,
            "units": STATEMENT_UNITS,
            "total_fen": -100000,
            "entry_count": 16,
            "capped": True,
            "frozen_at": None,
            "frozen_by": None,
            "may_freeze": True,
            "user": OFFICE,
        },
    ),
    Sample(
        "assessment",
        "statements.html",
        "statements-frozen",
        {
            "month": "2019-03",
            "rule_book_version": 1,
            "units": [one | {"cap_fen": None} for one in STATEMENT_UNITS],
            "total_fen": 0,
            "entry_count": 0,
            "capped": False,
            "frozen_at": ago(days=20),
            "frozen_by": "周正",
            "may_freeze": False,
            "user": LEADER,
        },
    ),
    Sample(
        "assessment",
        "statements.html",
        "statements-empty",
        {
            "month": "2011-01",
            "rule_book_version": 1,
            "units": [],
            "total_fen": 0,
            "entry_count": 0,
            "capped": False,
            "frozen_at": None,
            "frozen_by": None,
            "may_freeze": False,
            "user": OFFICE,
        },
    ),
    Sample(
        "assessment",
        "statement_unit.html",
        "statement-unit",
        {
            "month": "2019-04",
            "total": TOTAL,
            "frozen_at": None,
            "entries": ENTRIES,
            "more_url": "/assessment/statements/2019-04/repair?after=202",
            "user": LEADER,
        },
    ),
    Sample(
        "assessment",
        "statement_unit.html",
        "statement-unit-carried",
        {
            "month": "2019-04",
            "total": TOTAL | {"total_fen": -12000, "pool_fen": 120000, "cap_fen": 12000},
            "frozen_at": ago(days=2),
            "entries": CARRIED,
            "more_url": None,
            "user": LEADER,
        },
    ),
    Sample(
        "assessment",
        "statement_unit.html",
        "statement-unit-empty",
        {
            "month": "2019-04",
            "total": TOTAL | {"unit_name": "宾馆", "total_fen": 0, "entry_count": 0},
            "frozen_at": None,
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
    Sample(
        "assessment",
        "pools.html",
        "pools",
        {
            "entries": POOLS,
            "may_enter": True,
            "unit_options": UNIT_OPTIONS,
            "values": {"unit": "repair", "from_month": "2019-03", "amount": "12万"},
            "errors": {"amount": "金额应是不超过 11 位的元数，最多两位小数，例如 120000 或 120000.50"},
            "user": OFFICE,
        },
        status=422,
    ),
    Sample(
        "assessment",
        "pools.html",
        "pools-empty",
        {
            "entries": [],
            "may_enter": False,
            "unit_options": UNIT_OPTIONS,
            "values": {},
            "errors": {},
            "user": LEADER,
        },
    ),
]

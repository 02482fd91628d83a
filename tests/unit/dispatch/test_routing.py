"""Routing: category first, then keywords by weight; no match or a tie goes to the office; why is said."""

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.domain.routing import Route, RoutingTable, Words, read_routing, route
from services.dispatch.domain.standards import URGENCIES
from tests.support.shipped import raw_directory, raw_routing, standards


@cache
def table() -> RoutingTable:
    return read_routing(raw_routing())


@cache
def units() -> dict[str, str]:
    return {unit["code"]: unit["name"] for unit in raw_directory()["units"]}


def routed(
    text: str = "",
    *,
    subject: str = "",
    location: str = "",
    category: str | None = None,
    urgency: str | None = None,
    rules: RoutingTable | None = None,
) -> Route:
    words = Words(subject, text, location)
    return route(words, category, urgency, rules or table(), standards().categories, units(), "office")


def test_a_category_decides_whatever_the_text_says() -> None:
    chosen = routed("食堂的饭菜里有虫子", category="water.leak")

    assert (chosen.unit, chosen.category, chosen.urgency, chosen.fallback) == (
        "water",
        "water.leak",
        "P2",
        False,
    )
    assert chosen.reason == "类别“爆管漏水”归自来水分公司"


def test_a_category_of_no_unit_leaves_the_unit_to_the_keywords_and_stays() -> None:
    chosen = routed("请问换水表要多久", category="general.consult")

    assert (chosen.unit, chosen.category) == ("water", "general.consult")
    assert chosen.reason == "类别“咨询”不限单位，且反映内容里有“水表”，归自来水分公司"


def test_a_category_nobody_lists_counts_as_none() -> None:
    assert routed("路灯不亮", category="moon.landing").category == "repair.lighting"


@pytest.mark.parametrize(
    ("text", "unit", "category"),
    [
        ("三号楼停水两天了", "water", "water.no_water"),
        ("家里水压太低，洗不了澡", "water", "water.pressure"),
        ("小区电梯坏了没人修", "property", "property.lift_fault"),
        ("楼下烧烤摊油烟扰民，夜里睡不着", "property", "property.order"),
        ("饭菜里吃出钢丝球", "catering", "catering.foreign_body"),
        ("幼儿园收费太高", "childcare", "childcare.fee"),
        ("停车费乱收，没有发票", "billing", "billing.parking_fee"),
        ("桶装水送了三天还没到", "beverage", "beverage.delivery"),
        ("宾馆客房空调不制冷", "hotel", "hotel.room_fault"),
        ("下水道堵塞，污水外溢", "repair", "repair.drainage"),
        ("路灯坏了，晚上漆黑一片", "repair", "repair.lighting"),
        ("公租房什么时候能申请", "office", "office.housing"),
        ("社保断缴了怎么补", "office", None),
    ],
)
def test_plain_words_find_their_unit_and_category(text: str, unit: str, category: str | None) -> None:
    chosen = routed(text)

    assert (chosen.unit, chosen.category, chosen.fallback) == (unit, category, False)
    assert chosen.matched


def test_no_match_goes_to_the_office_and_says_so() -> None:
    chosen = routed("请回电话")

    assert (chosen.unit, chosen.category, chosen.fallback, chosen.matched) == ("office", None, True, ())
    assert chosen.reason == "没有派单规则对得上，由生产管理室研判"


TIE = read_routing(
    {
        "version": 1,
        "rules": [
            {"code": "a", "unit": "water", "category": "water.leak", "keywords": {"水管": 2}},
            {
                "code": "b",
                "unit": "repair",
                "category": "repair.ordinary",
                "keywords": {"维修": 2, "门-电梯": 3},
            },
            {"code": "c", "unit": "repair", "category": "repair.drainage", "keywords": {"水+堵": 4}},
            {"code": "d", "unit": None, "urgency": "P1", "keywords": {"触电": 1}},
        ],
    }
)


def test_two_equal_best_matches_go_to_the_office_and_name_both() -> None:
    chosen = routed("水管要维修", rules=TIE)

    assert (chosen.unit, chosen.fallback) == ("office", True)
    assert chosen.reason == "维修分公司、自来水分公司同样对得上，由生产管理室研判"


def test_the_subject_counts_more_than_the_opening_and_that_more_than_the_rest() -> None:
    assert routed("要维修", subject="水管", rules=TIE).unit == "water"
    assert routed("水管" + "。" * 200 + "维修", rules=TIE).unit == "water"
    assert routed("维修", location="水管巷", rules=TIE).unit == "repair"


def test_joined_words_must_all_occur_and_unwanted_ones_must_not() -> None:
    assert routed("水池堵了", rules=TIE).matched == ("水+堵",)
    assert routed("水池堵了", rules=TIE).reason == "反映内容里有“水”和“堵”，归维修分公司"
    assert routed("门坏了", rules=TIE).unit == "repair"
    assert routed("电梯门坏了", rules=TIE).fallback


def test_urgency_is_the_one_given_else_the_category_s_raised_by_danger() -> None:
    assert routed("有人触电", urgency="P3", rules=TIE).urgency == "P3"
    assert routed("水管有人触电", rules=TIE).urgency == "P1"
    assert routed("水管坏了", rules=TIE).urgency == "P2"
    assert routed("维修", rules=TIE).urgency == "P3"


def test_the_reason_holds_nothing_of_what_was_said_but_keywords() -> None:
    chosen = routed("我是张三 13812345678,家住 12 号楼，停水了", subject="张三反映停水")

    assert "张三" not in chosen.reason
    assert "138" not in chosen.reason
    assert chosen.reason == "反映内容里有“停水”，归自来水分公司"


def test_the_installed_rules_name_known_units_and_categories_of_the_same_unit() -> None:
    assert {rule.unit for rule in table().rules if rule.unit} == set(units())
    for rule in table().rules:
        if rule.category is not None:
            assert standards().categories[rule.category].unit == rule.unit, rule.code


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 0}, r"routing.version"),
        ({"rules": []}, r"routing.rules: a list"),
        ({"rules": [None]}, r"rules\[0\]: a mapping"),
        ({"rules": [{"unit": "water", "keywords": {"水": 1}}]}, r"rules\[0\].code"),
        ({"rules": [{"code": "a", "keywords": {"水": 1}}]}, r"either a unit or an urgency"),
        (
            {"rules": [{"code": "a", "unit": "water", "urgency": "P1", "keywords": {"水": 1}}]},
            r"either a unit",
        ),
        ({"rules": [{"code": "a", "unit": 7, "keywords": {"水": 1}}]}, r"rules\[0\].unit: a text"),
        ({"rules": [{"code": "a", "unit": "water", "keywords": {}}]}, r"rules\[0\].keywords: words"),
        ({"rules": [{"code": "a", "unit": "water", "keywords": {"水": 0}}]}, r"keywords.水: a weight"),
        ({"rules": [{"code": "a", "unit": "water", "keywords": {"+-": 1}}]}, r"a word is missing"),
        ({"rules": [{"code": "a", "unit": "water", "keywords": {"水": 1}}] * 2}, r"a code occurs twice"),
    ],
)
def test_a_bad_rule_names_its_path(change: dict[str, Any], message: str) -> None:
    rules = [{"code": "a", "unit": "water", "keywords": {"水": 1}}]
    with pytest.raises(ValueError, match=message):
        read_routing({"version": 1, "rules": rules} | change)


@given(
    st.text(max_size=300),
    st.text(max_size=60),
    st.sampled_from([None, "unlisted", *sorted(standards().categories)]),
    st.sampled_from([None, *URGENCIES]),
)
def test_whatever_is_said_there_is_a_unit_an_urgency_and_a_reason(
    text: str, subject: str, category: str | None, urgency: str | None
) -> None:
    chosen = routed(text, subject=subject, category=category, urgency=urgency)

    assert chosen.unit in units()
    assert chosen.urgency in URGENCIES
    assert chosen.reason
    assert chosen.unit == "office" or not chosen.fallback
    assert standards().standard_for(chosen.unit, chosen.category, chosen.urgency).limits


def naive_votes(rules: RoutingTable, words: Words) -> dict[str, dict[str, int]]:
    """Every keyword of every rule for a unit, looked for one after the other."""
    text = words.text.strip()
    whole = f"{words.subject}\n{text}\n{words.location}"
    places = ((words.subject, 3), (text[:120], 2), (text, 1), (words.location, 1))
    found: dict[str, dict[str, int]] = {}
    for rule in rules.rules:
        for one in rule.keywords:
            occurs = all(word in whole for word in one.present) and not any(w in whole for w in one.absent)
            if rule.unit and occurs:
                times = next(times for place, times in places if one.present[0] in place)
                found.setdefault(rule.code, {})[one.name] = one.weight * times
    return found


KEYWORDS = sorted({word for rule in table().rules for one in rule.keywords for word in one.present})
SAID = st.lists(st.sampled_from([*KEYWORDS, "。", " ", "我家", "x", "\U0001f6b0", "\ud800"]), max_size=12)


@given(SAID, SAID, SAID, st.integers(0, 130))
def test_votes_are_those_of_a_search_for_every_keyword(
    subject: list[str], text: list[str], location: list[str], before: int
) -> None:
    words = Words("".join(subject), "的" * before + "".join(text), "".join(location))

    assert table().votes(words) == naive_votes(table(), words)

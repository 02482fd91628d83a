"""Bodies of about 500 bytes, each different, spread over the categories as complaints are."""

import json
from collections.abc import Sequence

__all__ = ["body_of", "text_of"]

PLACES = ("一号楼", "三号楼二单元", "家属区北门", "办公楼四层", "食堂一楼", "幼儿园小班", "宾馆前台", "水房")
TROUBLES = (
    "水管漏水，地面已经积水，走廊的墙皮也开始脱落，请尽快派人来看一看，晚上以前最好能修好",
    "打饭的窗口排队太久，饭菜已经凉了，菜价和公示的不一样，问了值班的师傅也没有得到解释",
    "收费单上的用水量比上个月多了一倍，家里没有人住，怀疑水表有问题，希望核对以后回个电话",
    "送来的饮用水桶口有破损，水有异味，已经连续两次了，请更换并说明原因",
    "楼道的灯坏了三天，老人上下楼很不方便，报过一次但是没有人来，希望给一个明确的时间",
)
COMMON = "白天家里有人，可以随时上门；处理完了请给我打个电话，说明是什么原因、以后会不会再发生。"


def text_of(number: int) -> str:
    """What a complainant wrote; the number makes it unlike any other."""
    place, trouble = PLACES[number % len(PLACES)], TROUBLES[number % len(TROUBLES)]
    return f"{place}：{trouble}。{COMMON}这是第 {number} 次反映。"


def body_of(number: int, categories: Sequence[str] = ()) -> bytes:
    """The JSON of one registration."""
    body = {
        "text": text_of(number),
        "subject": TROUBLES[number % len(TROUBLES)][:12],
        "location": f"{PLACES[number % len(PLACES)]} {number % 600 + 101} 室",
        "name": "王建国",
        "phone": f"1380000{number % 10_000:04d}",
    }
    if categories:
        body["category"] = categories[number % len(categories)]
    return json.dumps(body, ensure_ascii=False).encode()

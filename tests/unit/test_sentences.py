"""Sentences of people's text end exactly once, wherever two are put together."""

import pytest

from deploy.client import RefusedError
from deploy.local.errors import LaunchError
from shared.pages.errors import explain
from shared.sentences import sentence
from tests.support.pages.preview import PAGES


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("没有这个月", "没有这个月。"),
        ("没有这个月。", "没有这个月。"),
        ("任务现在是“已接单”", "任务现在是“已接单”。"),
        ("他说“好。”", "他说“好。”"),
        ("要移除吗？", "要移除吗？"),
        ("稍等…", "稍等…"),
        (" 太多 \n", "太多。"),
        ("", ""),
    ],
)
def test_a_sentence_ends_once(text: str, said: str) -> None:
    assert sentence(text) == said


@pytest.mark.parametrize("problem", ["没有这个月", "没有这个月。"])
def test_a_line_of_the_terminal_puts_the_advice_behind_a_whole_sentence(problem: str) -> None:
    assert LaunchError(problem, "请换一个").line() == "没有这个月。请换一个"
    assert RefusedError(403, problem, "请换一个").line() == "没有这个月。请换一个"


@pytest.mark.parametrize("template", ["_alert_swap.html", "error.html"])
@pytest.mark.parametrize("end", ["", "。"])
def test_what_went_wrong_and_what_to_do_do_not_run_together(template: str, end: str) -> None:
    said = PAGES["dispatch"].fragment(
        template,
        status=409,
        explanation=explain(409),
        detail=f"任务现在是“已接单”，不能接单{end}",
        request_id=None,
        place=None,
    )

    assert "不能接单。" in said
    assert "不能接单。。" not in said

"""What an error page tells a person: what happened and what to do next."""

from typing import NamedTuple


class Explanation(NamedTuple):
    """Title, cause in plain words, next step."""

    title: str
    cause: str
    advice: str


ERRORS = {
    400: Explanation("请求有误", "提交的内容不完整或格式不对。", "请返回上一页，检查填写的内容后再提交。"),
    401: Explanation("请先登录", "登录已过期，或者还没有登录。", "请重新登录后再操作。"),
    403: Explanation(
        "没有权限", "您的账号不能查看或操作这里的内容。", "如确有需要，请联系本单位负责人或生产管理室。"
    ),
    404: Explanation("没有找到", "要找的页面或编号不存在。", "请核对网址、编号或月份后再试。"),
    405: Explanation("操作方式不对", "这个地址不支持这样的操作。", "请从页面上的按钮或链接进入。"),
    409: Explanation(
        "内容已变化", "这件事刚刚已由他人处理，或状态已经改变。", "请刷新页面，看过最新情况再操作。"
    ),
    413: Explanation("内容太大", "提交的文字或文件超过了限制。", "请缩短文字或压缩文件后再提交。"),
    422: Explanation("填写有误", "有的内容没有填对。", "请返回上一页，按提示改好后再提交。"),
    429: Explanation(
        "操作太频繁", "短时间内次数太多，请过几分钟再试。", "这一次没有办成；之前已经登记的内容不受影响。"
    ),
    500: Explanation(
        "系统出错了", "系统没能完成这次操作，错误已经记录。", "请稍后再试；急事请直接拨打服务电话。"
    ),
    503: Explanation("系统暂时不可用", "系统正在启动或维护。", "请一两分钟后再试；急事请直接拨打服务电话。"),
}


def explain(status_code: int) -> Explanation:
    """Return the explanation of an HTTP status; one not listed takes its class's (400 or 500)."""
    fallback = 400 if status_code < 500 else 500  # noqa: PLR2004 - HTTP's own border
    return ERRORS.get(status_code, ERRORS[fallback])

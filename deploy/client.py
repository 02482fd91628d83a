"""How commands talk to a running installation: its address, the credentials, errors as one clear line."""

import os
import ssl
import time
from collections.abc import Callable, Mapping
from functools import cache
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from deploy.address import DEFAULT_URL, split_address
from deploy.local.descriptor import find_descriptor
from deploy.local.errors import LaunchError

__all__ = ["DEFAULT_URL", "TOKEN_VARIABLE", "Client", "RefusedError", "connect"]

TOKEN_VARIABLE = "HUIYING_TOKEN"  # noqa: S105 - the name of a variable

PATIENCE = 60.0  # seconds in which a service that answered before may restart
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PASSING = frozenset({502, 503, 504})
_TIMEOUT = httpx.Timeout(60, connect=5)


class RefusedError(LaunchError):
    """The installation understood and refused; `status` and the problem's `detail` say why."""

    def __init__(self, status: int, detail: str, advice: str = "") -> None:
        super().__init__(detail, advice)
        self.status = status


def connect(url: str) -> "Client":
    """Return a client of the installation at `url`.

    Credentials are those that `huiying up` left for this user on this machine, else `HUIYING_TOKEN`.
    LaunchError if the address is none or no credentials are to be found.
    """
    address = _address(url)
    return Client(address, _token(address))


@cache
def _certificates() -> ssl.SSLContext:
    """Whom to trust; reading it takes longer than a request."""
    return httpx.create_ssl_context()


def _address(url: str) -> str:
    """Scheme, host and port of `url`. LaunchError if it is no address."""
    parts = split_address(url)
    address = f"{parts.scheme}://{parts.netloc}"
    try:
        httpx.URL(address).host.encode("idna")
    except (httpx.InvalidURL, UnicodeError) as error:  # a host that cannot be one
        raise LaunchError(f"地址不对：{url}", f"应像 {DEFAULT_URL}") from error
    return address


def _token(address: str) -> str:
    given = os.environ.get(TOKEN_VARIABLE, "").strip()
    local = find_descriptor(address)
    token = local.token if local else given
    if not token:
        raise LaunchError(
            f"没有找到 {address} 的凭据",
            f"请先在本机运行 huiying up，或在环境变量 {TOKEN_VARIABLE} 里给出令牌",
        )
    return token


class Client:
    """An installation that is asked and told things over HTTP.

    Every request sent through it must be one that may be repeated: it is, while a service restarts.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        patience: float = PATIENCE,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url
        self._patience = patience
        self._pause = pause
        self._answered = False
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        proxied = urlsplit(url).hostname not in _LOOPBACK
        self._http = httpx.Client(
            base_url=url, headers=headers, timeout=_TIMEOUT, trust_env=proxied, verify=_certificates()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **parameters: str) -> Any:
        """The JSON at `path`. RefusedError or LaunchError as `post`."""
        return self._send("GET", path, params=parameters)

    def post(self, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Any:
        """What the installation answers to `body`, a JSON value.

        RefusedError for a refusal, LaunchError if nothing answers, or not within a minute of restarts.
        """
        return self._send("POST", path, json=body, headers=headers)

    def _send(self, method: str, path: str, **more: Any) -> Any:
        give_up = time.monotonic() + self._patience
        pause = _FIRST_PAUSE
        while True:
            problem, answer = self._try(method, path, more)
            if answer is not None:
                self._answered = True
                return _read(answer, self.url)
            if not self._answered and problem is not None:
                raise LaunchError(
                    f"{self.url} 没有响应", "请确认系统已用 huiying up 启动，或用 --url 指定地址"
                )
            if time.monotonic() + pause > give_up:
                raise LaunchError(f"{self.url} 在 {self._patience:.0f} 秒内没有恢复", "请稍后再试")
            self._pause(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _try(
        self, method: str, path: str, more: Mapping[str, Any]
    ) -> tuple[httpx.TransportError | None, httpx.Response | None]:
        """The answer; or neither answer nor error, while a service restarts behind the gateway."""
        try:
            answer = self._http.request(method, path, **more)
        except httpx.TransportError as error:
            return error, None
        return None, None if answer.status_code in _PASSING else answer


def _read(answer: httpx.Response, url: str) -> Any:
    try:
        content = answer.json() if answer.content else None
    except ValueError as error:
        raise LaunchError(f"{url} 上运行的不是回应系统", "请用 --url 指定地址") from error
    if answer.is_success:
        return content
    detail = content.get("detail") if isinstance(content, dict) else None
    raise RefusedError(
        answer.status_code, str(detail or f"请求没有成功（{answer.status_code}）"), _advice(answer)
    )


def _advice(answer: httpx.Response) -> str:
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return f"凭据无效或已过期：请重新运行 huiying up，或更新环境变量 {TOKEN_VARIABLE}"
    if answer.status_code == httpx.codes.FORBIDDEN:
        return "请换用有权限的凭据"
    return ""

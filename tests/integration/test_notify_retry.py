"""Sending again, from the page, what was given up; and that every sending carries one id and a signature."""

from typing import Any
from uuid import UUID, uuid4

import httpx
from standardwebhooks import Webhook

from shared.contracts.dispatch import Role
from tests.support.infrastructure import PostgresServer
from tests.support.notify_service import LIMIT, Notify, assigned, notify, registered
from tests.support.sinks import WebHook, raw_sink, web_hook
from tests.support.wait import eventually

HTML = {"Accept": "text/html"}
SECRET = "whsec_" + "c2VjcmV0" * 5
BUTTON = "重发<span"


def retry_path(delivery_id: str | UUID) -> str:
    return f"/notify/deliveries/{delivery_id}/retry"


async def page_of(client: httpx.AsyncClient, query: str = "") -> str:
    reply = await client.get(f"/notify/deliveries{query}", headers=HTML)
    assert reply.status_code == 200
    return reply.text


async def refused(client: httpx.AsyncClient, delivery_id: str | UUID, status: int, words: str) -> None:
    """Asking for another try is answered with a Chinese error page."""
    reply = await client.post(retry_path(delivery_id), headers=HTML)
    assert reply.status_code == status
    assert reply.headers["content-type"].startswith("text/html")
    assert words in reply.text


async def tell_repair(service: Notify) -> None:
    case = uuid4()
    await service.publisher.publish(registered(case), assigned(case))


async def the_failed(service: Notify, hook: WebHook) -> dict[str, Any]:
    """Tell the unit something that `hook` refuses to the last; the delivery."""
    hook.replies = [(503, {})] * 3
    await tell_repair(service)

    async def failed() -> list[dict[str, Any]]:
        return [one for one in await service.deliveries() if one["state"] == "failed"]

    (found,) = await eventually(failed, timeout=LIMIT / 3)
    return dict(found)


async def test_office_sends_again_what_failed_and_the_unit_may_not(
    kafka: str, postgres: PostgresServer
) -> None:
    with web_hook() as hook:
        async with notify(kafka, postgres) as service:
            await service.add_channel("repair", hook.address())
            failed = (await the_failed(service, hook))["delivery_id"]
            leader = await service.sign_ins.token(Role.UNIT_LEADER, "repair")
            office = await service.sign_ins.token(Role.OFFICE, "office")

            async with service.system.client("notify", leader) as client:
                page = await eventually(lambda: page_of(client), timeout=LIMIT / 3)
                assert "失败" in page
                assert BUTTON not in page
                assert "/retry" not in page
                await refused(client, failed, 403, "没有权限")

            async with service.system.client("notify", office) as client:
                page = await eventually(lambda: page_of(client, "?before=99"), timeout=LIMIT / 3)
                assert page.count(BUTTON) == 1
                await refused(client, uuid4(), 404, "没有这条发送记录")
                reply = await client.post(retry_path(failed), data={"before": "99"}, headers=HTML)
                assert reply.status_code == 303
                assert "已重新排队发送" in await page_of(client, "?requeued=1&before=99")
                assert reply.headers["location"] == "/notify/deliveries?requeued=1&before=99"
                await refused(client, failed, 409, "不用")  # waiting, being sent or sent already
                await service.reach("sent")
                await refused(client, failed, 409, "已经发送成功")
                page = await page_of(client)
                assert BUTTON not in page
                assert "已重新排队发送" not in page
            assert len(hook.requests) == 4


async def test_every_sending_is_signed_under_one_id_and_the_secret_shows_nowhere(
    kafka: str, postgres: PostgresServer
) -> None:
    with web_hook() as hook:
        async with notify(kafka, postgres) as service:
            channel = await service.add_channel("repair", f"{hook.address()}?secret={SECRET}")
            failed = (await the_failed(service, hook))["delivery_id"]
            assert (await service.admin.post(f"/notify/api/deliveries/{failed}/retry")).status_code == 202
            await service.reach("sent")

            assert len(hook.requests) == 4
            for (headers, _), body in zip(hook.requests, hook.bodies, strict=True):
                Webhook(SECRET).verify(body, headers)
                assert headers["Webhook-Id"] == headers["Idempotency-Key"] == failed
            for path in ("/notify/deliveries", "/notify/channels"):
                page = (await service.admin.get(path, headers=HTML)).text
                assert "/****?secret=****" in page
                assert SECRET not in page

            failed = (await the_failed(service, hook))["delivery_id"]
            assert BUTTON in await page_of(service.admin)
            assert (await service.admin.delete(f"/notify/api/channels/{channel}")).status_code == 204
            assert BUTTON not in await page_of(service.admin)
            await refused(service.admin, failed, 409, "渠道已移除，不能重发")


async def test_what_may_have_arrived_is_sent_a_third_time_only_if_asked(
    kafka: str, postgres: PostgresServer
) -> None:
    async with notify(kafka, postgres) as service, raw_sink() as (port, seen):
        await service.add_channel("repair", f"json://127.0.0.1:{port}/")
        await tell_repair(service)

        async def lost(*attempts: int) -> bool:
            assert await service.settled() == [("unknown", attempt) for attempt in attempts]
            return True

        await eventually(lambda: lost(1, 2), timeout=LIMIT / 3)
        (unknown,) = await service.deliveries()
        assert unknown["retryable"]
        assert (await page_of(service.admin)).count(BUTTON) == 1
        reply = await service.admin.post(retry_path(unknown["delivery_id"]), headers=HTML)
        assert reply.headers["location"] == "/notify/deliveries?requeued=1"

        await eventually(lambda: lost(1, 2, 1), timeout=LIMIT / 3)
        (unknown,) = await service.deliveries()
        assert (unknown["resent"], unknown["retryable"], len(seen)) == (True, True, 3)


async def test_a_channel_whose_address_was_bad_all_along_fails_alone_and_is_never_said_to_be_resent(
    kafka: str, postgres: PostgresServer
) -> None:
    with web_hook() as hook:
        async with notify(kafka, postgres) as service:
            channel = await service.add_channel("repair", hook.address())
            bad = f"{hook.address()}?+X-Token=%E4%B8%AD"  # taken before addresses were tried out at entry
            await service.system.rows(
                "notify", "UPDATE channels SET url = $1 WHERE channel_id = $2", bad, channel
            )
            await service.add_channel("water", hook.address())
            await tell_repair(service)
            case = uuid4()
            await service.publisher.publish(registered(case), assigned(case, "water"))
            await service.reach("failed", "sent")
            deliveries = {one["recipient"]: one for one in await service.deliveries()}

    assert len(hook.requests) == 1
    assert "标头" in deliveries["repair"]["reason"]
    assert not deliveries["repair"]["resent"]

"""Notify as a running service: from events on Kafka to what a receiver got, each told once."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.dispatch import Role
from shared.contracts.envelope import Origin
from tests.support.infrastructure import PostgresServer
from tests.support.notify_service import LIMIT, QUICK, Notify, a_case, assigned, notify, registered
from tests.support.sinks import mailbox, web_hook
from tests.support.wait import eventually


async def test_each_recipient_is_told_once_by_mail_and_web_hook(kafka: str, postgres: PostgresServer) -> None:
    complaint_id = uuid4()
    with mailbox() as box, web_hook() as hook:
        async with notify(kafka, postgres) as service:
            await service.add_channel("repair", box.address())
            await service.add_channel("office", hook.address())
            records = await service.publisher.publish(*a_case(complaint_id))
            await service.reach(*["sent"] * 4)

            assert sorted(subject[:6] for subject in box.subjects()) == ["【新任务】H", "【超过时限】"]
            titles = sorted(body["title"] for _, body in hook.requests)
            assert titles == [
                "【已答复】HY-2611-000001-K 维修分公司",
                "【超过时限】HY-2611-000001-K 维修分公司",
            ]
            assert f"/dispatch/cases/{complaint_id}" in hook.requests[0][1]["message"]
            assert sorted(await service.settled()) == [("sent", 1)] * 4
            numbers = await service.system.rows(
                "notify", "SELECT seq FROM outbox WHERE topic='alert.events' ORDER BY 1"
            )
            assert numbers == [(1,), (2,), (3,), (4,)]

            taken = await service.system.value("notify", "SELECT sum(last_seq) FROM inbox")
            await service.publisher.send([*records, *reversed(records)])
            other = uuid4()
            await service.publisher.publish(registered(other), assigned(other))
            await service.drained(int(taken) + 2)
            await service.reach(*["sent"] * 5)
            assert (len(box.mails), len(hook.requests)) == (3, 2)


async def test_recorded_history_tells_nobody(kafka: str, postgres: PostgresServer) -> None:
    past, present = uuid4(), uuid4()
    with web_hook() as hook:
        async with notify(kafka, postgres) as service:
            await service.add_channel("repair", hook.address())
            await service.add_channel("office", hook.address())
            await service.publisher.publish(*a_case(past), origin=Origin.HISTORY)
            await service.publisher.publish(registered(present), assigned(present))
            await service.reach("sent")

            assert [one["complaint_id"] for one in await service.deliveries()] == [str(present)]
            assert len(hook.requests) == 1


async def test_events_that_come_before_their_complaint_wait_for_it(
    kafka: str, postgres: PostgresServer
) -> None:
    complaint_id = uuid4()
    with web_hook() as hook:
        async with notify(kafka, postgres) as service:
            await service.add_channel("repair", hook.address())
            records = [service.publisher.event(one) for one in a_case(complaint_id)]
            await service.publisher.send([records[3], records[1], records[2]])

            async def three_wait() -> bool:
                return bool(await service.system.value("notify", "SELECT count(*) = 3 FROM pending_events"))

            await eventually(three_wait, timeout=LIMIT / 3)
            await service.publisher.send(records[:1])
            await service.reach("sent", "sent", "no_channel", "no_channel")


async def test_a_receiver_that_refuses_is_tried_again_and_then_given_up_in_the_open(
    kafka: str, postgres: PostgresServer
) -> None:
    complaint_id = uuid4()
    with web_hook() as hook:
        async with notify(kafka, postgres) as service:
            await service.add_channel("repair", hook.address())
            hook.replies = [(503, {})] * 2
            await service.publisher.publish(registered(complaint_id), assigned(complaint_id))
            await service.reach("sent")
            assert len(set(hook.keys())) == 1

            hook.replies = [(503, {})] * 3
            await service.publisher.publish(assigned(complaint_id))
            await service.reach("sent", "failed")
            failed = next(one for one in await service.deliveries() if one["state"] == "failed")
            assert (failed["attempts"], failed["reason"]) == (3, "对方返回 HTTP 503")
            assert await service.settled() == [("sent", 3), ("failed", 3)]

            async def counted() -> bool:
                metrics = (await service.admin.get("/metrics")).text
                return 'huiying_alerts_undelivered{state="failed"} 1.0' in metrics

            await eventually(counted, timeout=LIMIT / 3)
            assert (await service.admin.get("/readyz")).status_code == 200

            path = f"/notify/api/deliveries/{failed['delivery_id']}/retry"
            assert (await service.admin.post(path)).status_code == 202
            await service.reach("sent", "sent")
            assert (await service.admin.post(path)).status_code == 409


async def test_a_receiver_that_is_away_fails_after_the_last_attempt(
    kafka: str, postgres: PostgresServer
) -> None:
    complaint_id = uuid4()
    with mailbox() as box:
        gone = box.address()
    async with notify(kafka, postgres) as service:
        await service.add_channel("repair", gone)
        await service.publisher.publish(registered(complaint_id), assigned(complaint_id))
        await service.reach("failed")
        (failed,) = await service.deliveries()
        assert (failed["attempts"], failed["reason"]) == (3, "连接不上邮件服务器")


async def test_two_replicas_share_the_work_and_send_once(kafka: str, postgres: PostgresServer) -> None:
    cases = [uuid4() for _ in range(40)]
    with web_hook() as hook, mailbox() as box:
        async with notify(kafka, postgres) as service:
            second = await service.system.start("notify", **QUICK)
            try:
                await service.add_channel("repair", hook.address())
                await service.add_channel("repair", box.address())
                for case in cases:
                    await service.publisher.publish(registered(case), assigned(case))
                await service.reach(*["sent"] * 80)
            finally:
                await second.stop()

            assert len(hook.requests) == len(set(hook.keys())) == 40
            assert len({mail["Message-ID"] for mail in box.mails}) == len(box.mails) == 40


async def test_a_channel_is_for_what_comes_after_it_and_its_secret_goes_with_it(
    kafka: str, postgres: PostgresServer
) -> None:
    first, second, third = uuid4(), uuid4(), uuid4()
    with web_hook() as hook:
        async with notify(kafka, postgres) as service:
            await service.publisher.publish(registered(first), assigned(first))
            await service.reach("no_channel")
            channel = await service.add_channel("repair", hook.address() + "?+X-Key=geheim", name="调度")
            await service.publisher.publish(registered(second), assigned(second))
            await service.reach("no_channel", "sent")

            assert (await service.admin.delete(f"/notify/api/channels/{channel}")).status_code == 204
            assert (await service.admin.delete(f"/notify/api/channels/{channel}")).status_code == 404
            await service.publisher.publish(registered(third), assigned(third))
            await service.reach("no_channel", "no_channel", "sent")
            assert (await service.admin.get("/notify/api/channels")).json() == []
            assert await service.system.value("notify", "SELECT url FROM channels") is None
            assert "geheim" not in (await service.admin.get("/notify/deliveries")).text


WRONG_CHANNELS: list[tuple[dict[str, Any], str]] = [
    ({"recipient": "repair", "url": "slack://a/b/c"}, "url"),
    ({"recipient": "repair", "url": "json://no-such-host.invalid/"}, "url"),
    ({"recipient": "repair", "url": "json://" + "a" * 600}, "url"),
    ({"recipient": "nobody", "url": "json://127.0.0.1:1/"}, "recipient"),
    ({"recipient": "repair", "url": "json://127.0.0.1:1/", "occasions": []}, "occasions"),
    ({"url": "json://127.0.0.1:1/"}, "recipient"),
]


async def test_a_wrong_channel_is_refused_naming_the_field(one_notify: Notify) -> None:
    for body, field in WRONG_CHANNELS:
        reply = await one_notify.admin.post("/notify/api/channels", json=body)

        assert reply.status_code == 422, body
        assert [error["field"].split(".")[0] for error in reply.json()["errors"]] == [field]
    assert (await one_notify.admin.get("/notify/api/channels")).json() == []


async def test_who_may_keep_channels_and_who_sees_what(one_notify: Notify) -> None:
    water, office = uuid4(), uuid4()
    await one_notify.publisher.publish(registered(water), assigned(water, "water"))
    await one_notify.publisher.publish(registered(office), assigned(office, "office"))
    leader = await one_notify.sign_ins.token(Role.UNIT_LEADER, "water")
    await one_notify.reach("no_channel", "no_channel")
    channel = {"recipient": "water", "url": "json://127.0.0.1:9/"}
    async with one_notify.system.client("notify", leader) as client:

        async def known() -> bool:
            return (await client.get("/notify/api/channels")).status_code == 200

        await eventually(known, timeout=LIMIT / 3)
        seen = (await client.get("/notify/api/deliveries")).json()["deliveries"]
        assert [one["complaint_id"] for one in seen] == [str(water)]
        assert (await client.post("/notify/api/channels", json=channel)).status_code == 403
        assert (await client.get("/notify/deliveries", headers={"Accept": "text/html"})).status_code == 200
        page = await client.get("/notify/channels", headers={"Accept": "text/html"})
        assert "添加接收渠道" not in page.text
    async with one_notify.system.client("notify") as public:
        assert (await public.get("/notify/api/deliveries")).status_code == 401


async def test_the_pages_add_and_remove_channels(one_notify: Notify) -> None:
    form = {"recipient_name": "物业调度", "unit": "property", "url": "json://127.0.0.1:9/geheim"}
    html = {"Accept": "text/html"}
    admin = one_notify.admin
    wrong = await admin.post("/notify/channels", data=form | {"url": "nonsense"}, headers=html)
    assert wrong.status_code == 422
    assert "看不懂这个地址" in wrong.text
    assert (await admin.post("/notify/channels", data=form, headers=html)).status_code == 303
    page = (await admin.get("/notify/channels", headers=html)).text
    assert "物业调度" in page
    assert "geheim" not in page
    (channel,) = [
        one for one in (await admin.get("/notify/api/channels")).json() if one["name"] == "物业调度"
    ]
    gone = await admin.post(f"/notify/channels/{channel['channel_id']}/remove", headers=html)
    assert gone.status_code == 303
    assert "物业调度" not in (await admin.get("/notify/channels", headers=html)).text


async def test_deliveries_are_paged_by_key(one_notify: Notify) -> None:
    before = len(await one_notify.deliveries())
    for _ in range(3):
        case = uuid4()
        await one_notify.publisher.publish(registered(case), assigned(case, "hotel"))

    async def arrived() -> bool:
        return len(await one_notify.deliveries()) == before + 3

    await eventually(arrived, timeout=LIMIT / 3)
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"before": cursor} if cursor else {})
        page = (await one_notify.admin.get("/notify/api/deliveries", params=query)).json()
        seen += [one["alert_id"] for one in page["deliveries"]]
        cursor = page["next_before"]
        if cursor is None:
            break
    assert seen == [one["alert_id"] for one in await one_notify.deliveries()]


@pytest.fixture
async def one_notify(kafka: str, postgres: PostgresServer) -> AsyncIterator[Notify]:
    async with notify(kafka, postgres) as service:
        yield service

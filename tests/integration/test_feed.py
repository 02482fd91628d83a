"""The task feed of a unit: pages, live streams, resuming, many writers, many replicas."""

import asyncio

import pytest

from services.dispatch.feed import hub as hub_module
from services.dispatch.usecases.directory import PersonChange, change_person
from shared.contracts.dispatch import Role
from shared.database import run_unit
from tests.support.dispatch_people import Dispatch, Stream, dispatch_app, served
from tests.support.infrastructure import PostgresServer
from tests.support.wait import eventually

STREAM = "/dispatch/api/feed/stream"


async def test_a_feed_is_read_page_by_page(dispatch: Dispatch) -> None:
    first = await dispatch.add_cases("water", 5)
    await dispatch.add_case("repair")
    async with dispatch.client(await dispatch.token(Role.UNIT_MEMBER, "water")) as client:
        page = (await client.get("/dispatch/api/feed?limit=3")).json()
        rest = (await client.get(f"/dispatch/api/feed?limit=3&after={page['next']}")).json()
        end = (await client.get(f"/dispatch/api/feed?after={rest['next']}")).json()

    assert (page["unit"], page["more"], page["next"]) == ("water", True, 3)
    assert [item["position"] for item in page["items"] + rest["items"]] == [1, 2, 3, 4, 5]
    assert [item["case"]["complaint_id"] for item in page["items"] + rest["items"]] == [
        str(one) for one in first
    ]
    assert (rest["more"], end["items"], end["next"], end["more"]) == (False, [], 5, False)


async def test_an_item_is_the_case_as_it_is_now_without_personal_content(dispatch: Dispatch) -> None:
    complaint_id = await dispatch.add_case()
    async with dispatch.client(await dispatch.token(Role.OFFICE)) as client:
        response = await client.get("/dispatch/api/feed?unit=water")

    [item] = response.json()["items"]
    assert item["case"] == item["case"] | {
        "complaint_id": str(complaint_id),
        "unit": "water",
        "category": "water.leak",
        "state": "assigned",
        "open": True,
        "next_clock": "accept",
    }
    assert not any(word in response.text for word in ("水管", "12 号楼", "张女士", "13812345678"))


@pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=0", "limit=501", f"after={2**63}"])
async def test_a_wrong_question_is_refused(dispatch: Dispatch, query: str) -> None:
    async with dispatch.client(await dispatch.token(Role.UNIT_MEMBER, "water")) as client:
        assert (await client.get(f"/dispatch/api/feed?{query}")).status_code == 422


@pytest.mark.parametrize("position", ["water.²", "²", "x", f"{2**63}", "repair.1"])
async def test_a_stream_from_a_position_that_is_none_is_refused(dispatch: Dispatch, position: str) -> None:
    async with dispatch.client(await dispatch.token(Role.UNIT_MEMBER, "water")) as client:
        asked = await client.get(STREAM, params={"after": position})
        resumed = await client.get(STREAM, headers={"Last-Event-ID": position.encode()})

    assert (asked.status_code, asked.json()["errors"][0]["field"]) == (422, "after")
    assert (resumed.status_code, resumed.json()["errors"][0]["field"]) == (422, "Last-Event-ID")


async def test_those_who_see_all_name_the_unit(dispatch: Dispatch) -> None:
    async with dispatch.client(await dispatch.token(Role.COMPANY_LEADER)) as client:
        assert (await client.get("/dispatch/api/feed")).status_code == 422
        assert (await client.get("/dispatch/api/feed?unit=nowhere")).status_code == 404
        assert (await client.get("/dispatch/api/feed?unit=repair")).status_code == 200


async def test_a_stream_brings_each_change_as_it_is_committed(dispatch: Dispatch) -> None:
    await dispatch.add_case("water")
    token = await dispatch.token(Role.UNIT_MEMBER, "water")
    async with served(dispatch) as url, Stream(url + STREAM, token) as stream:
        await eventually(lambda: stream.open)
        wanted = await dispatch.add_case("water")
        await dispatch.add_case("repair")
        await dispatch.change("water", wanted)
        await eventually(lambda: len(stream.events) == 2)

    assert stream.positions == [2, 3]
    assert {item["case"]["complaint_id"] for item in stream.items} == {str(wanted)}


async def test_a_stream_resumes_behind_a_position_without_loss_or_repetition(dispatch: Dispatch) -> None:
    token = await dispatch.token(Role.UNIT_LEADER, "water")
    await dispatch.add_cases("water", 4)
    async with served(dispatch) as url:
        async with Stream(f"{url}{STREAM}?after=0", token) as stream:
            await eventually(lambda: len(stream.events) == 4)
            await dispatch.add_case("water")
            await eventually(lambda: len(stream.events) == 5)
        await dispatch.add_cases("water", 3)
        async with Stream(url + STREAM, token, last_event_id=str(stream.positions[-1])) as resumed:
            await eventually(lambda: len(resumed.events) == 3)
            await dispatch.add_case("water")
            await eventually(lambda: len(resumed.events) == 4)

    assert stream.positions + resumed.positions == list(range(1, 10))


async def test_a_long_absence_is_caught_up_in_full(
    dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_BATCH", 50)
    token = await dispatch.token(Role.UNIT_LEADER, "water")
    await dispatch.add_cases("water", 220)
    async with served(dispatch) as url, Stream(f"{url}{STREAM}?after=1", token) as stream:
        await eventually(lambda: len(stream.events) >= 219)

    assert stream.positions == list(range(2, 221))


async def test_eight_writers_at_once_leave_no_gap_and_nobody_misses_one(
    dispatch: Dispatch, postgres: PostgresServer
) -> None:
    """Positions are given in commit order: who reads on from the last one seen skips nothing."""
    token = await dispatch.token(Role.UNIT_LEADER, "water")
    complaint_id = await dispatch.add_case("water")

    async def write() -> None:
        for _ in range(25):
            await dispatch.change("water", complaint_id)

    async def poll() -> list[int]:
        seen: list[int] = []
        async with dispatch.client(token) as client:
            while len(seen) < 201:
                after = seen[-1] if seen else 0
                page = (await client.get(f"/dispatch/api/feed?after={after}&limit=500")).json()
                seen += [item["position"] for item in page["items"]]
        return seen

    async with (
        dispatch_app(postgres, beside=dispatch) as other,
        served(dispatch) as url,
        served(other) as other_url,
        Stream(f"{url}{STREAM}?after=0", token) as stream,
        Stream(f"{other_url}{STREAM}?after=0", token) as elsewhere,
    ):
        polled, *_ = await asyncio.gather(poll(), *(write() for _ in range(8)))
        await eventually(lambda: len(stream.events) == len(elsewhere.events) == 201)

    assert polled == stream.positions == elsewhere.positions == list(range(1, 202))


async def test_streams_that_come_and_go_while_others_write_miss_nothing(dispatch: Dispatch) -> None:
    token = await dispatch.token(Role.UNIT_LEADER, "water")
    complaint_id = await dispatch.add_case("water")
    total = 300

    async def write() -> None:
        for _ in range(total // 3):
            await dispatch.change("water", complaint_id)

    async def follow(url: str) -> list[int]:
        seen: list[int] = []
        while not seen or seen[-1] < total + 1:
            last = str(seen[-1]) if seen else "0"
            async with Stream(url + STREAM, token, last_event_id=last) as stream:
                enough = min(len(seen) + 17, total + 1)
                await eventually(lambda: len(seen) + len(stream.events) >= enough)  # noqa: B023 - used here
                seen += stream.positions
        return seen

    async with served(dispatch) as url:
        *_, first, second = await asyncio.gather(*(write() for _ in range(3)), follow(url), follow(url))

    assert first == second == list(range(1, total + 2))


async def test_a_position_beyond_the_end_goes_on_from_now(dispatch: Dispatch) -> None:
    token = await dispatch.token(Role.UNIT_LEADER, "water")
    complaint_id = await dispatch.add_case("water")
    async with served(dispatch) as url, Stream(url + STREAM, token, last_event_id="900") as stream:
        await eventually(lambda: stream.open)
        await dispatch.change("water", complaint_id)
        await eventually(lambda: stream.positions == [2])


async def test_one_event_is_encoded_once_for_all_who_watch_the_unit(
    dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[object] = []
    append = hub_module._Channel.append

    def counting(channel: hub_module._Channel, frames: list[hub_module.Frame]) -> None:
        encoded.extend(frames)
        append(channel, frames)

    monkeypatch.setattr(hub_module._Channel, "append", counting)
    token = await dispatch.token(Role.UNIT_LEADER, "water")
    async with served(dispatch) as url:
        streams = [Stream(url + STREAM, token) for _ in range(20)]
        for stream in streams:
            await stream.__aenter__()
        await eventually(lambda: all(stream.open for stream in streams))
        await dispatch.add_case("water")
        await eventually(lambda: all(stream.positions == [1] for stream in streams))
        for stream in streams:
            await stream.__aexit__()

    assert len(encoded) == 1


async def test_a_stream_ends_when_its_session_does(
    dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_CHECK_SECONDS", 0.1)
    token = await dispatch.token(Role.UNIT_LEADER, "water")
    other = await dispatch.token(Role.UNIT_MEMBER, "water")
    async with (
        served(dispatch) as url,
        Stream(url + STREAM, token) as stream,
        Stream(url + STREAM, other) as stays,
    ):
        await eventually(lambda: stream.open and stays.open)
        async with dispatch.client(token) as client:
            assert (await client.post("/dispatch/api/sign-out")).status_code == 204
        await eventually(lambda: stream.ended, timeout=5)
        assert not stays.ended

        person_id = dispatch.people["unit_member.water"]
        desk = dispatch.app.state.sign_in_desk
        change = PersonChange(disabled=True)
        await run_unit(
            dispatch.runtime.sessions,
            lambda session: change_person(
                session,
                person_id,
                change,
                desk.clock,
                desk.passwords,
                by=dispatch.people["unit_leader.water"],
            ),
        )
        await eventually(lambda: stays.ended, timeout=5)


async def test_a_quiet_stream_is_kept_open(dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "_CHECK_SECONDS", 0.05)
    monkeypatch.setattr(hub_module, "_QUIET_SECONDS", 0.05)
    token = await dispatch.token(Role.UNIT_LEADER, "water")
    async with served(dispatch) as url, Stream(url + STREAM, token) as stream:
        await eventually(lambda: stream.comments >= 3)


async def test_a_watcher_that_fell_out_of_the_log_is_dropped_and_resumes(
    dispatch: Dispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_KEPT_FRAMES", 5)
    token = await dispatch.token(Role.UNIT_LEADER, "water")
    complaint_id = await dispatch.add_case("water")
    async with served(dispatch) as url, Stream(url + STREAM, token) as stream:
        await eventually(lambda: stream.open)
        await dispatch.change("water", complaint_id)
        await eventually(lambda: stream.positions == [2])
        await dispatch.add_cases("water", 20)
        await eventually(lambda: stream.ended)
        async with Stream(url + STREAM, token, last_event_id=str(stream.positions[-1])) as resumed:
            await eventually(lambda: stream.positions + resumed.positions == list(range(2, 23)))


async def test_a_closed_hub_ends_every_stream(dispatch: Dispatch) -> None:
    token = await dispatch.token(Role.UNIT_LEADER, "water")
    async with served(dispatch) as url, Stream(url + STREAM, token) as stream:
        await eventually(lambda: stream.open)
        dispatch.hub.close()
        await eventually(lambda: stream.ended)


async def test_those_who_leave_are_forgotten(dispatch: Dispatch) -> None:
    token = await dispatch.token(Role.UNIT_LEADER, "water")
    async with served(dispatch) as url:
        async with Stream(url + STREAM, token) as stream:
            await eventually(lambda: stream.open)
            assert dispatch.hub._heads == {"water": 0}
        await eventually(lambda: not dispatch.hub._channels)

    assert dispatch.hub._heads == {}

from __future__ import annotations

import asyncio

from receivers.bench_receivers import Room, answer, body, export, post, send, until
from spanwarden.receivers.budget import Budget, Reservation


def test_reservations_come_and_go() -> None:
    budget = Budget(100)
    first = budget.reserve(60)
    assert first is not None
    assert budget.reserve(41) is None
    assert not first.resize(101)
    assert first.resize(100)
    assert (first.size, budget.held) == (100, 100)
    first.close()
    first.close()
    assert budget.held == 0
    assert budget.reserve(0) is not None


def test_those_who_wait_are_served_in_turn() -> None:
    async def run() -> list[str]:
        budget = Budget(10)
        served: list[str] = []

        async def want(name: str, size: int) -> Reservation | None:
            got = await budget.wait(size, 10)
            served.append(name)
            return got

        first = await budget.wait(8, 0)
        assert first is not None
        tasks = [asyncio.ensure_future(want("a", 9)), asyncio.ensure_future(want("b", 1))]
        await asyncio.sleep(0)
        assert served == []
        first.close()
        for task in tasks:
            assert await task is not None
        assert budget.held == 10
        return served

    assert asyncio.run(run()) == ["a", "b"]


def test_who_gives_up_leaves_nothing_behind_and_lets_others_pass() -> None:
    async def run() -> None:
        budget = Budget(10)
        first = await budget.wait(5, 0)
        assert first is not None
        large = asyncio.ensure_future(budget.wait(8, 0.02))
        await asyncio.sleep(0)
        small = asyncio.ensure_future(budget.wait(3, 10))
        assert await large is None
        got = await small
        assert got is not None
        cancelled = asyncio.ensure_future(budget.wait(8, 10))
        await asyncio.sleep(0)
        # Given and cancelled in the same turn of the loop.
        first.close()
        got.close()
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        assert budget.held == 0

    asyncio.run(run())


def test_http_refuses_before_it_holds_and_recovers() -> None:
    async def run() -> None:
        room = Room(budget=100_000)
        async with room.http() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            raw = post(body(1, 60_000))
            # A sender that has said how much it will send holds room from its head on.
            writer.write(raw[:2000])
            await until(lambda: room.budget.held > 0)
            assert room.budget.held > 60_000
            status, headers, _ = await send(port, post(body(1, 60_000)))
            assert (status, 1 <= int(headers["retry-after"]) <= 3) == (503, True)
            assert (await send(port, post(body(1, 10_000))))[0] == 200
            writer.write(raw[2000:])
            assert (await answer(reader))[0] == 200
            assert room.budget.held == 0
            assert (await send(port, post(body(1, 60_000))))[0] == 200
            # So does one that goes away in the middle.
            writer.write(raw[:2000])
            await until(lambda: room.budget.held > 0)
            writer.close()
            await until(lambda: room.budget.held == 0)
        assert room.telemetry.value("spanwarden_receiver_overloaded_requests", signal="traces", transport="http") == 1

    asyncio.run(asyncio.wait_for(run(), 20))


def test_http_counts_chunked_bodies_as_they_come() -> None:
    async def run() -> None:
        room = Room(budget=50_000)
        payload = body(1, 60_000)
        head = (
            b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        pieces = [payload[start : start + 100] for start in range(0, len(payload), 100)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        async with room.http() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head + chunks)
            assert (await answer(reader))[0] == 503
            # The connection goes on after the refused body.
            writer.write(post(body()))
            assert (await answer(reader))[0] == 200
            writer.close()
        assert room.budget.held == 0

    asyncio.run(run())


def test_grpc_calls_wait_for_their_turn() -> None:
    async def run() -> None:
        # Room for one message of the largest size at a time.
        room = Room(budget=1000)
        async with room.grpc(max_recv_msg_size=1000) as port:
            await asyncio.gather(*(export(f"localhost:{port}", body(1, 500)) for _ in range(20)))
        assert len(room.handed) == 20
        assert room.budget.held == 0

    asyncio.run(run())


def test_a_flood_of_empty_records_is_counted_by_what_it_takes() -> None:
    async def run() -> None:
        room = Room()
        async with room.http() as port:
            assert (await send(port, post(body(1000))))[0] == 200
        assert room.handed[0] > 256 * 1000

    asyncio.run(run())

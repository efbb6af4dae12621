from __future__ import annotations

import asyncio
import gzip
import pathlib
import resource

import grpc
import grpc.aio
import pytest

from receivers.bench_receivers import TRACES, Room, body, export, until
from spanwarden.receivers.otlp.grpc_server import _host


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    """C-core would undo the compression by itself; we do, step by step, whatever its version limits."""

    async def run() -> None:
        room = Room()
        async with room.grpc(max_decompressed_size="1MiB") as port:
            bomb = gzip.compress(bytes(400 << 20), 1)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            for _ in range(3):
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    # Already compressed: sent as it is, and told by its first bytes.
                    await export(f"localhost:{port}", bomb)
                assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert "after decompression" in str(error.value.details())
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
            assert grown < 50
            assert room.budget.held == 0
            await export(f"localhost:{port}", body())

    asyncio.run(run())


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
@pytest.mark.parametrize("content", [10, 300_000, 3_000_000])
def test_what_was_compressed_is_stored_plain(compression: grpc.Compression, content: int) -> None:
    async def run() -> None:
        room = Room()
        async with room.grpc() as port:
            await export(f"localhost:{port}", body(3, content), compression=compression)
        entry = room.journal.read(0)
        assert entry is not None
        assert entry.body == body(3, content)

    asyncio.run(run())


def test_a_message_that_begins_like_zlib_but_is_none() -> None:
    async def run() -> None:
        room = Room()
        # Field 15 as a number: unknown to the request, hence ignored. 0x78 0x01 is also how a zlib stream begins.
        odd = b"\x78\x01" + body()
        async with room.grpc() as port:
            await export(f"localhost:{port}", odd)
        entry = room.journal.read(0)
        assert entry is not None
        assert entry.body == odd

    asyncio.run(run())


def test_a_call_without_a_message() -> None:
    async def run() -> None:
        async with Room().grpc() as port, grpc.aio.insecure_channel(f"localhost:{port}") as channel:
            call = channel.stream_unary(TRACES)()
            await call.done_writing()
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await call
            assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    asyncio.run(run())


def test_a_message_that_does_not_come() -> None:
    async def run() -> None:
        room = Room(budget=1000)
        async with (
            room.grpc(max_recv_msg_size=1000, read_timeout="50ms") as port,
            grpc.aio.insecure_channel(f"localhost:{port}") as channel,
        ):
            slow = channel.stream_unary(TRACES)(timeout=10)
            await until(lambda: room.budget.held > 0)
            # It holds all the room there is, but not for long.
            await export(f"localhost:{port}", body())
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await slow
            assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            assert room.budget.held == 0

    asyncio.run(run())


def test_a_client_that_hangs_up_gives_its_room_back() -> None:
    async def run() -> None:
        room = Room()
        async with room.grpc() as port, grpc.aio.insecure_channel(f"localhost:{port}") as channel:
            call = channel.stream_unary(TRACES)()
            await until(lambda: room.budget.held > 0)
            assert room.telemetry.value("spanwarden_receiver_requests", transport="grpc") == 1
            call.cancel()
            await until(lambda: room.budget.held == 0)
            assert room.telemetry.value("spanwarden_receiver_requests", transport="grpc") == 0

    asyncio.run(run())


def test_connections_beyond_the_limit_are_not_accepted() -> None:
    async def run() -> None:
        alone = [("grpc.use_local_subchannel_pool", 1)]
        async with Room().grpc(endpoint="127.0.0.1:0", max_connections=1) as port:
            first, second = (grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=alone) for _ in range(2))
            await first.unary_unary(TRACES)(body(), timeout=10)
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await second.unary_unary(TRACES)(body(), timeout=10)
            assert error.value.code() is grpc.StatusCode.UNAVAILABLE
            await first.close()
            await second.unary_unary(TRACES)(body(), timeout=10, wait_for_ready=True)
            await second.close()

    asyncio.run(run())


def test_connections_grow_old() -> None:
    """A client keeps sending over connections that the server ends under it."""

    async def run() -> None:
        room = Room()
        parameters = {"max_connection_age": "50ms", "max_connection_age_grace": "1s"}
        async with (
            room.grpc(keepalive={"server_parameters": parameters}) as port,
            grpc.aio.insecure_channel(f"localhost:{port}") as channel,
        ):
            states = []

            async def watch() -> None:
                state = channel.get_state()
                while True:
                    states.append(state)
                    await channel.wait_for_state_change(state)
                    state = channel.get_state()

            watcher = asyncio.ensure_future(watch())
            sent = 0
            while states.count(grpc.ChannelConnectivity.IDLE) < 2 and sent < 5000:
                await channel.unary_unary(TRACES)(body(), timeout=10, wait_for_ready=True)
                sent += 1
            watcher.cancel()
            assert states.count(grpc.ChannelConnectivity.IDLE) >= 2
            assert len(room.handed) == sent

    asyncio.run(run())


def frame(kind: int, flags: int, payload: bytes) -> bytes:
    """Return an HTTP/2 frame on stream 0."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + bytes(4) + payload


@pytest.mark.parametrize(("policy", "sent_away"), [({"min_time": "0s"}, False), ({"min_time": "5m"}, True), ({}, True)])
def test_clients_that_ping_too_often_are_sent_away(policy: dict[str, str], sent_away: bool) -> None:
    settings, ping, goaway = 4, 6, 7

    async def run() -> tuple[int, bytes]:
        async with Room().grpc(keepalive={"enforcement_policy": policy}) as port:
            reader, writer = await asyncio.open_connection("localhost", port)
            writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(settings, 0, b""))
            answered = 0
            async with asyncio.timeout(10):
                for number in range(20):
                    writer.write(frame(ping, 0, number.to_bytes(8, "big")))
                    while True:
                        head = await reader.readexactly(9)
                        payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
                        if head[3] == goaway:
                            writer.close()
                            return answered, payload
                        if head[3] == ping and head[4] == 1:
                            answered += 1
                            break
            writer.close()
            return answered, b""

    answered, why = asyncio.run(run())
    assert (answered == 20, b"too_many_pings" in why) == (not sent_away, sent_away)


def test_a_unix_socket(tmp_path: pathlib.Path) -> None:
    async def run() -> None:
        room = Room()
        path = tmp_path / "otlp.sock"
        async with room.grpc(endpoint=f"unix://{path}"):
            await export(f"unix:{path}", body())
        assert len(room.handed) == 1

    asyncio.run(run())


def test_an_endpoint_without_a_host_means_every_address() -> None:
    async def run() -> None:
        async with Room().grpc(endpoint=":0") as port:
            await export(f"127.0.0.1:{port}", body())

    asyncio.run(run())


def test_the_size_in_the_collectors_spelling() -> None:
    async def run() -> None:
        async with Room().grpc(max_recv_msg_size_mib=1) as port:
            await export(f"localhost:{port}", body(1, 1_000_000))
            with pytest.raises(grpc.aio.AioRpcError):
                await export(f"localhost:{port}", body(1, 1_100_000))

    asyncio.run(run())


@pytest.mark.parametrize(
    ("peer", "host"),
    [("ipv4:127.0.0.1:42", "127.0.0.1"), ("ipv6:%5B::1%5D:42", "::1"), ("ipv6:[::1]:42", "::1"), ("unix:", "")],
)
def test_peers(peer: str, host: str) -> None:
    assert _host(peer) == host

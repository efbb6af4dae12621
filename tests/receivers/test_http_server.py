from __future__ import annotations

import asyncio
import contextlib
import pathlib
import socket

import pytest

from receivers.bench_receivers import Room, answer, body, post, send, until
from spanwarden.receivers.http_server import HttpServer, Limits, Request, Response

pytestmark = pytest.mark.usefixtures("each_loop")


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Read until the server hangs up; a reset counts as one."""
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            return await reader.read()
    return b""


def test_a_head_that_drips_is_cut_off() -> None:
    async def run() -> None:
        async with Room().http(read_header_timeout="100ms") as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /v1/traces HTTP/1.1\r\n")

            async def drip() -> None:
                for _ in range(1000):
                    writer.write(b"x-more: y\r\n")
                    await asyncio.sleep(0.01)

            task = asyncio.ensure_future(drip())
            assert (await answer(reader))[0] == 408
            assert await ended(reader) == b""
            task.cancel()
            writer.close()
            assert (await send(port, post(body())))[0] == 200

    asyncio.run(run())


def test_a_body_that_does_not_come_is_cut_off_and_gives_its_room_back() -> None:
    async def run() -> None:
        room = Room()
        async with room.http(read_timeout="50ms") as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(post(body(10))[:-5])
            assert (await answer(reader))[0] == 408
            assert room.budget.held == 0
            writer.close()

    asyncio.run(run())


@pytest.mark.parametrize("sent", [b"", post(body())], ids=["new", "used"])
def test_an_idle_connection_is_closed(sent: bytes) -> None:
    async def run() -> None:
        async with Room().http(idle_timeout="50ms", read_header_timeout="50ms") as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            if sent:
                writer.write(sent)
                assert (await answer(reader))[0] == 200
            assert await ended(reader) == b""
            writer.close()

    asyncio.run(run())


def test_a_client_that_does_not_read_is_cut_off() -> None:
    async def run() -> None:
        async def handle(_request: Request) -> Response:
            return Response(200, bytes(1 << 20))

        server = HttpServer(handle, Limits(write_timeout=0.05))
        port = await server.start("127.0.0.1", 0)
        _reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 15)
        await until(lambda: server.connections > 0)
        await until(lambda: server.connections == 0)
        writer.close()
        await server.stop(0)

    asyncio.run(run())


def test_connections_beyond_the_limit_are_told_to_come_again() -> None:
    async def run() -> None:
        room = Room()
        async with room.http(max_connections=2) as port:
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            for reader, writer in held:
                writer.write(post(body()))
                assert (await answer(reader))[0] == 200
            assert room.telemetry.value("spanwarden_receiver_connections", transport="http") == 2
            status, headers, _ = await send(port, post(body()))
            assert (status, headers["connection"], "retry-after" in headers) == (503, "close", True)
            for _, writer in held:
                writer.close()
            gauge = "spanwarden_receiver_connections"
            await until(lambda: room.telemetry.value(gauge, transport="http") < 2)
            assert (await send(port, post(body())))[0] == 200

    asyncio.run(run())


def test_the_answer_to_a_body_that_is_too_large_arrives_and_the_connection_goes_on() -> None:
    async def run() -> None:
        async with Room().http(max_request_body_size=1 << 20) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            # The whole body is written before anything is read, as many clients do.
            writer.write(post(body(1, 3 << 20)))
            await writer.drain()
            assert (await answer(reader))[0] == 413
            writer.write(post(body()))
            assert (await answer(reader))[0] == 200
            writer.close()

    asyncio.run(run())


def test_a_body_that_never_ends_is_not_read_for_ever() -> None:
    async def run() -> None:
        async with Room().http(max_request_body_size=100_000) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n")
            writer.write(b"transfer-encoding: chunked\r\n\r\n")

            async def pour() -> None:
                with contextlib.suppress(ConnectionError):
                    while True:
                        writer.write(b"10000\r\n" + bytes(65536) + b"\r\n")
                        await writer.drain()

            task = asyncio.ensure_future(pour())
            assert (await answer(reader))[0] == 413
            assert await ended(reader) == b""
            await asyncio.wait_for(task, 10)
            writer.close()

    asyncio.run(run())


def test_a_client_that_asks_first_is_refused_without_its_body() -> None:
    async def run() -> None:
        async with Room().http(max_request_body_size=1000) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            raw = post(body(1, 5000), expect="100-continue")
            writer.write(raw[: raw.index(b"\r\n\r\n") + 4])
            status, headers, _ = await answer(reader)
            assert (status, headers["connection"]) == (413, "close")
            writer.close()

    asyncio.run(run())


def test_a_client_that_asks_first_in_a_pipeline_is_answered_in_order() -> None:
    async def run() -> None:
        async with Room().http() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            asking = post(body(), expect="100-continue")
            head, payload = asking[: asking.index(b"\r\n\r\n") + 4], asking[asking.index(b"\r\n\r\n") + 4 :]
            writer.write(post(body()) + head)
            assert (await answer(reader))[0] == 200
            assert (await answer(reader))[0] == 100
            writer.write(payload)
            assert (await answer(reader))[0] == 200
            writer.close()

    asyncio.run(run())


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_client_that_asks_to_close_is_hung_up_on(version: str) -> None:
    async def run() -> None:
        async with Room().http() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            raw = post(body(), connection="close").replace(b"HTTP/1.1", f"HTTP/{version}".encode())
            writer.write(raw)
            status, headers, _ = await answer(reader)
            assert (status, headers["connection"]) == (200, "close")
            assert await ended(reader) == b""
            writer.close()

    asyncio.run(run())


def test_keep_alives_can_be_turned_off() -> None:
    async def run() -> None:
        async with Room().http(keep_alives_enabled=False) as port:
            assert (await send(port, post(body())))[1]["connection"] == "close"

    asyncio.run(run())


def test_a_client_may_close_its_half_before_it_is_answered() -> None:
    async def run() -> None:
        async with Room().http() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(post(body()))
            writer.write_eof()
            assert (await answer(reader))[0] == 200
            assert await ended(reader) == b""
            writer.close()

    asyncio.run(run())


def test_head_requests_have_no_body() -> None:
    async def run() -> None:
        async def handle(_request: Request) -> Response:
            return Response(200, b"text")

        server = HttpServer(handle)
        port = await server.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        text = await ended(reader)
        assert b"content-length: 4\r\n" in text
        assert text.endswith(b"\r\n\r\n")
        writer.close()
        await server.stop(0)

    asyncio.run(run())


def test_a_handler_that_fails_is_a_500_and_the_connection_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async def handle(request: Request) -> Response:
            if request.path == "/bad":
                raise RuntimeError("made to fail")
            return Response(200)

        server = HttpServer(handle)
        port = await server.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /bad HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert [(await answer(reader))[0] for _ in range(2)] == [500, 200]
        writer.close()
        await server.stop(0)

    asyncio.run(run())
    assert "request handler failed" in caplog.text


def test_a_unix_socket(tmp_path: pathlib.Path) -> None:
    async def run() -> None:
        path = tmp_path / "otlp.sock"
        room = Room()
        for _ in range(2):
            async with room.http(endpoint=f"unix://{path}"):
                reader, writer = await asyncio.open_unix_connection(str(path))
                writer.write(post(body()))
                assert (await answer(reader))[0] == 200
                writer.close()
        assert len(room.handed) == 2

    asyncio.run(run())


def test_a_file_in_the_place_of_a_unix_socket_is_left_alone(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")

    async def run() -> None:
        with pytest.raises(FileExistsError):
            async with Room().http(endpoint=f"unix://{path}"):
                pass

    asyncio.run(run())
    assert path.read_text() == "data"


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_both_families() -> None:
    async def run() -> None:
        for endpoint in ("[::1]:0", "[::]:0"):
            async with Room().http(endpoint=endpoint) as port:
                reader, writer = await asyncio.open_connection("::1", port)
                writer.write(post(body()))
                assert (await answer(reader))[0] == 200
                writer.close()

    asyncio.run(run())

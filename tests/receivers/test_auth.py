from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import pathlib

import bcrypt
import grpc
import grpc.aio
import pytest
from google.rpc.status_pb2 import Status
from pydantic import ValidationError

from receivers.bench_receivers import Room, body, export, post, send
from spanwarden.receivers.auth import (
    BasicAuthSettings,
    BasicPasswords,
    BearerTokenAuthSettings,
    BearerTokens,
    DeniedError,
    Identity,
)
from spanwarden.receivers.htpasswd import Passwords, apr1
from spanwarden.receivers.otlp.http_receiver import HttpReceiver
from spanwarden.receivers.otlp.settings import HttpSettings

TOKEN = "s3cret-token-of-the-test"
AUTH = {"authenticator": "bearertokenauth"}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def bearer(**settings: object) -> BearerTokens:
    return BearerTokens(BearerTokenAuthSettings.model_validate(settings))


def test_http_asks_for_the_token_before_it_reads_the_body() -> None:
    async def run() -> None:
        room = Room()
        async with room.http(bearer(token=TOKEN), auth=AUTH) as port:
            assert (await send(port, post(body(), authorization=f"Bearer {TOKEN}")))[0] == 200
            assert (await send(port, post(body(), authorization=f"bearer {TOKEN}")))[0] == 200
            for headers in (
                {},
                {"authorization": "Bearer wrong"},
                {"authorization": TOKEN},
                {"authorization": "Bearer"},
            ):
                raw = post(body(), **headers)
                # The head alone is enough for the refusal.
                status, answered, payload = await send(port, raw[: raw.index(b"\r\n\r\n") + 4])
                assert (status, answered["www-authenticate"]) == (401, "bearer")
                assert Status.FromString(payload).code == 16
                assert TOKEN not in str(payload)
        assert len(room.handed) == 2
        assert room.telemetry.value("spanwarden_receiver_denied_requests", transport="http") == 4

    asyncio.run(run())


def test_grpc_asks_for_the_token() -> None:
    async def run() -> None:
        room = Room()
        async with room.grpc(bearer(token=TOKEN), auth=AUTH) as port:
            target = f"localhost:{port}"
            await export(target, body(), metadata=(("authorization", f"Bearer {TOKEN}"),))
            for shown in ((), (("authorization", "Bearer wrong"),), (("authorization", basic("a", "b")),)):
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await export(target, body(), metadata=shown)
                assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert len(room.handed) == 1
        assert room.telemetry.value("spanwarden_receiver_denied_requests", transport="grpc") == 3

    asyncio.run(run())


def test_a_receiver_that_asks_for_an_authenticator_does_not_start_without() -> None:
    with pytest.raises(ValueError, match="bearertokenauth"):
        HttpReceiver(HttpSettings.model_validate({"auth": AUTH}), Room().intake)


def test_a_token_file_is_read_again(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "tokens"
    file.write_text("one\n\ntwo\n")
    now = 0.0
    tokens = BearerTokens(BearerTokenAuthSettings(filename=str(file)), lambda: now)

    def known(token: str) -> bool:
        try:
            return tokens.quick(f"Bearer {token}") == Identity()
        except DeniedError:
            return False

    assert [known(t) for t in ("one", "two", "three", "")] == [True, True, False, False]
    file.write_text("three-is-new\n")
    assert known("one")
    now = 1.0
    assert [known(t) for t in ("one", "three-is-new")] == [False, True]
    for unusable in ("", "\n \n"):
        file.write_text(unusable)
        now += 1
        assert known("three-is-new")
    file.unlink()
    now += 1
    assert known("three-is-new")
    file.write_text("four\n")
    now += 1
    assert [known(t) for t in ("three-is-new", "four")] == [False, True]
    assert "three-is-new" not in caplog.text
    assert "not used" in caplog.text


def test_tokens_carry_tenants(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "b"
    file.write_text("token-b\n")
    authenticator = bearer(tenants={"a": {"token": "token-a"}, "b": {"filename": str(file)}}, token="token-0")

    async def run() -> None:
        room = Room()
        async with room.http(authenticator, auth=AUTH) as http, room.grpc(authenticator, auth=AUTH) as port:
            for token in ("token-a", "token-b", "token-0"):
                assert (await send(http, post(body(2), authorization=f"Bearer {token}")))[0] == 200
            await export(f"localhost:{port}", body(), metadata=(("authorization", "Bearer token-b"),))
        entries = [room.journal.read(n) for n in range(4)]
        assert [entry.tenant for entry in entries if entry] == ["a", "b", "", "b"]
        counted = "spanwarden_receiver_tenant_records"
        assert room.telemetry.value(counted, tenant="a", signal="traces") == 2
        assert room.telemetry.value(counted, tenant="b", signal="traces") == 3

    asyncio.run(run())


def test_one_token_for_two_tenants_is_an_error_that_does_not_show_it() -> None:
    with pytest.raises(ValueError, match="tenant 'a' and tenant 'b'") as error:
        bearer(tenants={"a": {"token": TOKEN}, "b": {"token": TOKEN}})
    assert TOKEN not in str(error.value)


def test_settings_never_show_secrets() -> None:
    settings = BearerTokenAuthSettings.model_validate({"token": TOKEN, "tenants": {"a": {"token": TOKEN}}})
    users = BasicAuthSettings.model_validate({"htpasswd": {"inline": f"user:{TOKEN}"}})
    for shown in (repr(settings), settings.model_dump_json(), repr(users), users.model_dump_json()):
        assert TOKEN not in shown


@pytest.mark.parametrize("settings", [{}, {"token": ""}, {"tenants": {"a": {}}}, {"scheme": "", "token": "x"}])
def test_settings_without_a_token_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BearerTokenAuthSettings.model_validate(settings)


LINES = {
    "plain": "open sesame",
    "sha": "{SHA}" + base64.b64encode(hashlib.sha1(b"open sesame").digest()).decode(),
    # openssl passwd -apr1 -salt abcdefgh 'open sesame' would print the same.
    "apr1": apr1(b"open sesame", "abcdefgh"),
    "bcrypt": bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode(),
}


@pytest.mark.parametrize("kind", LINES)
def test_passwords(kind: str) -> None:
    stored = Passwords(f"# users\nuser:{LINES[kind]}\n").get("user")
    assert stored is not None
    assert Passwords.matches(stored, "open sesame")
    assert not Passwords.matches(stored, "open sesam")
    assert not Passwords.matches(stored, "")


def test_apr1_agrees_with_openssl() -> None:
    assert apr1(b"hello", "abcdefgh") == "$apr1$abcdefgh$cy3DSYyOwfhsyu7QOMQzd."


@pytest.mark.parametrize("text", ["user", "user:", ":x", "user:$6$salt$hash"])
def test_lines_that_are_no_users_are_named_by_number(text: str) -> None:
    with pytest.raises(ValueError, match="line 2") as error:
        Passwords("ok:fine\n" + text)
    assert "salt" not in str(error.value)


def test_basic_auth_over_both_protocols(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "htpasswd"
    file.write_text(f"filed:{LINES['bcrypt']}\n")
    settings = {"htpasswd": {"file": str(file), "inline": f"inlined:{LINES['apr1']}"}, "tenants": {"filed": "t"}}
    auth = {"authenticator": "basicauth"}

    async def run() -> None:
        room = Room()
        checker = BasicPasswords(BasicAuthSettings.model_validate(settings))
        async with room.http(checker, auth=auth) as http, room.grpc(checker, auth=auth) as port:
            for user in ("filed", "inlined", "filed"):
                assert (await send(http, post(body(), authorization=basic(user, "open sesame"))))[0] == 200
            await export(f"localhost:{port}", body(), metadata=(("authorization", basic("filed", "open sesame")),))
            for wrong in (basic("filed", "x"), basic("nobody", "open sesame"), "Basic !!", "Basic", "Bearer x", ""):
                status, headers, _ = await send(http, post(body(), authorization=wrong))
                assert status == 401
                assert headers["www-authenticate"].startswith("basic realm=")
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await export(f"localhost:{port}", body(), metadata=(("authorization", wrong),))
                assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
        entries = [room.journal.read(n) for n in range(4)]
        assert [entry.tenant for entry in entries if entry] == ["t", "", "t", "t"]

    asyncio.run(run())


def test_a_changed_password_file_ends_what_was_verified(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "htpasswd"
    file.write_text("user:one")
    now = 0.0

    async def run() -> None:
        nonlocal now
        checker = BasicPasswords(BasicAuthSettings.model_validate({"htpasswd": {"file": str(file)}}), lambda: now)
        assert await checker.verify(basic("user", "one")) == Identity()
        assert checker.quick(basic("user", "one")) == Identity()
        file.write_text("user:two-is-new")
        now = 2.0
        with pytest.raises(DeniedError):
            await checker.verify(basic("user", "one"))
        assert await checker.verify(basic("user", "two-is-new")) == Identity()

    asyncio.run(run())

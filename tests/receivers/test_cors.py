from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from receivers.bench_receivers import Room, body, post, send
from spanwarden.receivers.auth import BearerTokenAuthSettings, BearerTokens
from spanwarden.receivers.cors import Cors, CorsSettings

PAGE = "https://app.example.com"


def preflight(origin: str = PAGE, headers: str = "content-type,authorization") -> bytes:
    asked = {"origin": origin, "access-control-request-method": "POST", "access-control-request-headers": headers}
    return post(b"", method="OPTIONS", **asked)


def test_off_by_default() -> None:
    async def run() -> None:
        async with Room().http() as port:
            assert (await send(port, preflight()))[0] == 405
            status, headers, _ = await send(port, post(body(), origin=PAGE))
            assert (status, "access-control-allow-origin" in headers) == (200, False)

    asyncio.run(run())


def test_preflight_and_request() -> None:
    cors = {"allowed_origins": ["https://*.example.com"], "allowed_headers": ["Authorization"], "max_age": "1h"}
    authenticator = BearerTokens(BearerTokenAuthSettings.model_validate({"token": "t"}))

    async def run() -> None:
        room = Room()
        async with room.http(authenticator, cors=cors, auth={"authenticator": "x"}) as port:
            # Browsers send no credentials with it.
            status, headers, _ = await send(port, preflight(headers="content-type, authorization, x-other"))
            assert status == 204
            assert headers["access-control-allow-origin"] == PAGE
            assert headers["access-control-allow-headers"] == "authorization, content-type"
            assert headers["access-control-allow-methods"] == "post"
            assert headers["access-control-max-age"] == "3600"
            status, headers, _ = await send(port, preflight("https://evil.example.org"))
            assert (status, "access-control-allow-origin" in headers) == (204, False)
            # A page may read refusals as well, or its exporter could not tell what is wrong.
            for token, expected in (("t", 200), ("wrong", 401)):
                status, headers, _ = await send(port, post(body(), origin=PAGE, authorization=f"Bearer {token}"))
                assert (status, headers["access-control-allow-origin"], headers["vary"]) == (expected, PAGE, "origin")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("pattern", "origin", "allowed"),
    [
        ("*", "https://anything.example", True),
        ("https://a.example", "https://a.example", True),
        ("https://a.example", "https://A.example", True),
        ("https://a.example", "http://a.example", False),
        ("https://a.example", "https://a.example.evil.test", False),
        ("https://*.example.com", "https://a.b.example.com", True),
        ("https://*.example.com", "https://example.com", False),
        ("https://*.example.com", "https://.example.com.evil.test", False),
        ("https://*a.example", "https://a.example", True),
        ("https://aa*aa.example", "https://aaa.example", False),
        ("*", "x" * 5000, False),
    ],
)
def test_origins(pattern: str, origin: str, allowed: bool) -> None:
    settings = {"allowed_origins": [pattern]}
    if "://" not in pattern and pattern != "*":
        raise AssertionError(pattern)
    assert Cors(CorsSettings.model_validate(settings)).allows(origin) is allowed


@pytest.mark.parametrize(
    "settings",
    [
        {"allowed_origins": ["*"], "allow_credentials": True},
        {"allowed_origins": ["https://*"], "allow_credentials": True},
        {"allowed_origins": ["https://*.*.example"]},
        {"allowed_origins": ["example.com"]},
        {"allowed_headers": ["x: y\r\nset-cookie"]},
    ],
)
def test_settings_that_open_too_much_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CorsSettings.model_validate(settings)


def test_credentials_and_exposed_headers() -> None:
    cors = {"allowed_origins": [PAGE], "allow_credentials": True, "exposed_headers": ["retry-after"]}

    async def run() -> None:
        async with Room().http(cors=cors) as port:
            _, headers, _ = await send(port, post(body(), origin=PAGE))
            assert headers["access-control-allow-credentials"] == "true"
            assert headers["access-control-expose-headers"] == "retry-after"

    asyncio.run(run())

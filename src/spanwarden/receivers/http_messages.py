"""What an HTTP server and its handlers say to each other."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

from spanwarden.receivers.budget import Reservation


class Head(NamedTuple):
    """A request before its body. Header names are lower case; of a repeated header the last one counts."""

    method: str
    path: str
    headers: Mapping[str, str]


class Request(NamedTuple):
    """One request; `reservation` holds the bytes of its body if the server has a budget."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    peer: str
    reservation: Reservation | None = None


class Response(NamedTuple):
    """What to answer."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    close: bool = False


class Limits(NamedTuple):
    """What a server grants its clients. Times are in seconds, 0 means no limit."""

    max_body: int = 1 << 20
    read_header_timeout: float = 30.0
    read_timeout: float = 60.0
    write_timeout: float = 30.0
    idle_timeout: float = 60.0
    keep_alives: bool = True
    max_connections: int = 1000


_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_NO_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


def render(response: Response, head_only: bool = False) -> bytes:
    """Return a response as HTTP/1.1."""
    lines = [f"HTTP/1.1 {int(response.status)} {_PHRASES.get(response.status, '')}"]
    if response.status not in _NO_BODY:
        lines.append(f"content-type: {response.content_type}")
        lines.append(f"content-length: {len(response.body)}")
    for name, value in response.headers:
        lines.append(f"{name}: {value}")
    if response.close:
        lines.append("connection: close")
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + (b"" if head_only else response.body)

"""One HTTP POST to a configured address: no redirects, no proxies, bounded time, a bounded part of the answer.

The answer belongs to a stranger. It is read only as far as asked and is never quoted in an error.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, InsecureRequestWarning, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as HttpTimeoutError
from urllib3.response import BaseHTTPResponse
from urllib3.util import parse_url

from spanwarden.configuration.section import Client
from spanwarden.exporters.base import RefusedError, RetryableError
from spanwarden.exporters.plain_text import one_line
from spanwarden.exporters.tls import ssl_context

_CHUNK = 16 * 1024
_METADATA_SERVICES = frozenset({ipaddress.ip_address("fd00:ec2::254")})


class Reply(NamedTuple):
    """What came back; header names are in lower case, `body` is None where it was larger than asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None


def place(url: str) -> str:
    """Return scheme, host and port of a URL for messages; paths and queries often hold credentials."""
    parts = parse_url(url)
    return f"{parts.scheme}://{parts.netloc}"


def host(url: str) -> str:
    """Return the host of a URL; an IPv6 address keeps its brackets."""
    return parse_url(url).host or ""


def checked_url(setting: str, url: str) -> str:
    """Return `url` if it is an absolute http or https URL without credentials. Raises ValueError, naming `setting`."""
    try:
        parts = parse_url(url)
    except HTTPError:
        raise ValueError(f"{setting}: not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise ValueError(f"{setting}: expected an http:// or https:// URL with a host")
    if parts.auth is not None:
        raise ValueError(f"{setting}: put credentials into headers, not into the URL")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f"{setting}: a URL has no blanks and only ASCII characters")
    return url


class HttpPoster:
    """Keeps connections to receivers and posts to them. `timeout` bounds one attempt, in seconds.

    With `link_local` false, an address that only machines on the same link or cloud metadata services have is refused
    after name resolution, before anything is sent. Raises ValueError for TLS files that cannot be used.
    """

    def __init__(
        self, tls: Client, timeout: float, *, link_local: bool = True, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeout = timeout
        self._monotonic = monotonic
        self._pools = urllib3.PoolManager(num_pools=4, maxsize=1, retries=False, ssl_context=ssl_context(tls))
        if tls.insecure_skip_verify:
            urllib3.disable_warnings(InsecureRequestWarning)  # asked for; a warning a request tells nothing new
        if not link_local:
            self._pools.pool_classes_by_scheme = {"http": _GuardedPool, "https": _GuardedTlsPool}

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, keep: int = 0) -> Reply:
        """Make one attempt and return the answer, whatever its status, with at most `keep` bytes of its body.

        Raises RetryableError where there is no answer in time, RefusedError for an address that is not allowed.
        """
        deadline = self._monotonic() + self._timeout
        try:
            response = self._pools.request(
                "POST",
                url,
                body=body,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(total=self._timeout),
            )
            content = self._read(response, keep, deadline)
        except HTTPError as error:
            raise RetryableError(f"{place(url)}: {_reason(error)}") from None
        return Reply(response.status, {name.lower(): value for name, value in response.headers.items()}, content)

    def close(self) -> None:
        """Close the connections."""
        self._pools.clear()

    def _read(self, response: BaseHTTPResponse, keep: int, deadline: float) -> bytes | None:
        """Return the body; None where it is too long, breaks off or comes too slowly: the status says enough."""
        content = b""
        try:
            while len(content) <= max(keep, _CHUNK) and self._monotonic() <= deadline:
                piece = response.read1(_CHUNK)
                if not piece:
                    response.release_conn()
                    return content if len(content) <= keep else None
                content += piece
        except HTTPError:
            pass
        response.close()
        return None


def _reason(error: HTTPError) -> str:
    if isinstance(error, NewConnectionError):
        cause = error.__cause__
        return (
            f"cannot connect ({cause.strerror})" if isinstance(cause, OSError) and cause.strerror else "cannot connect"
        )
    if isinstance(error, HttpTimeoutError):
        return "no answer in time"
    if isinstance(error, SSLError):
        return f"TLS failed ({one_line(str(error), 120)})"
    return "the connection broke"


def is_link_local(host: str) -> bool:
    """Tell whether an IP address is link-local or a cloud metadata service; a name is not."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_link_local or address in _METADATA_SERVICES


def _guard(connected: socket.socket | None, host: str) -> None:
    """Check the address that the name led to; checking the open connection leaves no gap for a second lookup."""
    if connected is None or is_link_local(str(connected.getpeername()[0])):
        raise RefusedError(f"{host} is a link-local address; set allow_link_local to send there")


class _GuardedConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _guard(self.sock, self.host)


class _GuardedTlsConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _guard(self.sock, self.host)


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = _GuardedConnection


class _GuardedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTlsConnection

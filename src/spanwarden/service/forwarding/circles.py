"""Refuses an upstream that is this very service: one request would be forwarded to itself for ever."""

from __future__ import annotations

from spanwarden.service.settings import Receivers

_ANY = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def leads_back(endpoint: str, receivers: Receivers) -> bool:
    """Tell whether an upstream's endpoint is one that a receiver of ours listens on, as far as names tell."""
    host, port = _split(endpoint)
    for protocol in (receivers.otlp.protocols.grpc, receivers.otlp.protocols.http):
        if protocol is None or not port:
            continue
        ours, our_port = _split(protocol.endpoint)
        local = host in _LOOPBACK | _ANY and ours in _LOOPBACK | _ANY
        if port == our_port and port != "0" and (host == ours or local):
            return True
    return False


def _split(endpoint: str) -> tuple[str, str]:
    scheme, found, rest = endpoint.rpartition("://")
    host, _, port = rest.partition("/")[0].rpartition(":")
    if found and not host:
        host, port = port, "443" if scheme == "https" else "80"
    return host.strip("[]").lower(), port

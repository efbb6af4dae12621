"""Ports that several processes of one service share, and no other service does."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from spanwarden.receivers.endpoints import split_endpoint, unix_path

_ATTEMPTS = 10
Address = tuple[socket.AddressFamily, tuple[Any, ...]]


class ReservedPort:
    """A port kept for as long as this lives, though nobody listens on it here.

    Raises OSError if another process listens there or it cannot be had, ValueError for what is no host:port.
    """

    def __init__(self, endpoint: str) -> None:
        if unix_path(endpoint) is not None:
            raise ValueError("a unix:// address cannot be shared by workers")
        self.host, self.port = split_endpoint(endpoint)
        self._held: list[socket.socket] = []
        addresses = _addresses(self.host, self.port)
        for attempt in range(_ATTEMPTS):
            try:
                self._reserve(addresses)
                return
            except OSError:
                self.close()
                # A free port of one address may be taken on another.
                if split_endpoint(endpoint)[1] or attempt == _ATTEMPTS - 1:
                    raise
                self.port = 0

    @property
    def endpoint(self) -> str:
        """The address with the port that was found, as host:port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def close(self) -> None:
        """Give it up."""
        for held in self._held:
            held.close()
        self._held = []

    def _reserve(self, addresses: list[Address]) -> None:
        for family, address in addresses:
            at = (address[0], self.port, *address[2:])
            # Who does not share finds out whether somebody else does.
            with contextlib.closing(_socket(family, socket.SO_REUSEADDR)) as probe:
                probe.bind(at)
                self.port = probe.getsockname()[1]
                probe.listen(1)
            held = _socket(family, socket.SO_REUSEPORT)
            self._held.append(held)
            held.bind((address[0], self.port, *address[2:]))


def _socket(family: socket.AddressFamily, option: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, option, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made


def _addresses(host: str, port: int) -> list[Address]:
    """Return the addresses of a host that this machine has; where it has no IPv6, those alone of IPv4."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses: list[Address] = []
    for family, _, _, _, address in found:
        if family == socket.AF_INET6 and not _has_ipv6(address[0]):
            continue
        addresses.append((family, address))
    if not addresses:
        raise OSError(f"{host} is no address of this machine")
    return addresses


def _has_ipv6(address: Any) -> bool:
    try:
        with contextlib.closing(_socket(socket.AF_INET6, socket.SO_REUSEADDR)) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True

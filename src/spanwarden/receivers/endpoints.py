"""Addresses that a receiver listens on: host:port, [v6]:port, or unix:///path."""

from __future__ import annotations

import pathlib

UNIX = "unix://"


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """Return host and port of "host:port" or "[v6]:port"; an empty host means every address. Raises ValueError."""
    host, separator, port = endpoint.rpartition(":")
    if not separator or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f"expected host:port, not {endpoint!r}")
    if host.startswith("[") != host.endswith("]") or (":" in host and not host.startswith("[")):
        raise ValueError(f"expected host:port or [IPv6 address]:port, not {endpoint!r}")
    return host.strip("[]"), int(port)


def unix_path(endpoint: str) -> str | None:
    """Return the absolute path of a unix:///path endpoint, None for any other. Raises ValueError."""
    if not endpoint.startswith(UNIX):
        return None
    path = endpoint.removeprefix(UNIX)
    if not path.startswith("/"):
        raise ValueError(f"expected unix:///path, not {endpoint!r}")
    return path


def take_path(path: str) -> None:
    """Raise FileExistsError if something other than a socket, which may be replaced, is at a path."""
    there = pathlib.Path(path)
    if there.exists() and not there.is_socket():
        raise FileExistsError(f"{path} is there and is no socket")


def checked(endpoint: str) -> str:
    """Return an endpoint that can be listened on. Raises ValueError."""
    if unix_path(endpoint) is None:
        split_endpoint(endpoint)
    return endpoint

"""What owner and workers tell each other.

The owner's orders are pickled: it trusts itself. What workers tell is MessagePack, as they face strangers.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from spanwarden.service.settings import Settings
from spanwarden.storage.journal import Closed

# Orders


class Start(NamedTuple):
    """The first order: which worker it is, from 1, of how many, and the settings it works by."""

    number: int
    of: int
    settings: Settings


class Listen(NamedTuple):
    """Nothing of what the journal holds is missing any more: begin to receive."""


class Release(NamedTuple):
    """Let go of positions, and note what is over of those that stay. To be confirmed with its number."""

    number: int
    positions: list[int]
    closed: list[Closed]


class Account(NamedTuple):
    """Report at once."""


class Change(NamedTuple):
    """Work by these settings from now on."""

    settings: Settings


# What workers tell

Sample = tuple[str, str, tuple[tuple[str, str], ...], float]
"""Family, sample, labels, value."""


class Ready(msgspec.Struct, tag=1, array_like=True):
    """The journal is open; `Listen` is awaited."""


class Listening(msgspec.Struct, tag=2, array_like=True):
    """Requests are taken."""


class Failed(msgspec.Struct, tag=3, array_like=True):
    """The worker cannot start; in one line, why."""

    reason: str


class Told(msgspec.Struct, tag=4, array_like=True, gc=False):
    """What a stored request said. position: `joined`. observations: packed; None where the owner has to read itself."""

    position: int
    sender: str
    observations: bytes | None


class Report(msgspec.Struct, tag=5, array_like=True):
    """The worker's metrics, and what its journal holds: bytes, entries, when the oldest came (ns)."""

    samples: list[Sample]
    size: int
    entries: int
    oldest: int | None


class Confirmed(msgspec.Struct, tag=6, array_like=True):
    """A `Release` was carried out."""

    number: int


Message = Ready | Listening | Failed | Told | Report | Confirmed

_encoder = msgspec.msgpack.Encoder()
_messages: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    """Return a worker's message as bytes."""
    return _encoder.encode(message)


def decode(data: bytes) -> Message:
    """Return what a worker told. Raises msgspec.DecodeError."""
    return _messages.decode(data)

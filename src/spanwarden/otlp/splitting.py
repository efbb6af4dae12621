"""A request whose records stay encoded until they are read: of what is read again, most records are not wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError, Message

from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.requests import RequestError, Signal


class Split(NamedTuple):
    """A request that is only split, and its size in bytes, which its message would have to encode itself to tell."""

    request: trimmed_pb2.SplitTraces | trimmed_pb2.SplitLogs
    size: int


def split(signal: Signal, body: bytes) -> Split:
    """Return a request of spans or log records that are not decoded. Raises RequestError."""
    if signal == "metrics":
        raise RequestError("metrics hold no records of runs")
    schema = trimmed_pb2.SplitTraces if signal == "traces" else trimmed_pb2.SplitLogs
    try:
        return Split(schema.FromString(body), len(body))
    except DecodeError as error:
        raise RequestError(f"not an export request of {signal}: {error}") from None


class Encoded(Sequence[Any]):
    """Encoded records; one is decoded each time that it is asked for. Raises DecodeError then if it cannot be."""

    def __init__(self, encoded: Sequence[bytes], kind: type[Message]) -> None:
        self._encoded = encoded
        self._kind = kind

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._encoded)

    def __getitem__(self, index: Any) -> Any:
        """Return one, decoded."""
        return self._kind.FromString(self._encoded[index])

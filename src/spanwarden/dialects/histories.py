"""Histories that were read lately. Every model call sends its whole conversation again, with a little more at the end.

What begins with a history that was read before, byte for byte, says the same as far as that goes: only what was added
need be read. Comparing bytes costs a tenth of reading them. Nothing of a sender is told to another by this: what is
kept is only ever found by whoever sends all of it again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from typing import Any, NamedTuple

import msgspec

from spanwarden.dialects.conventional_messages import conventional
from spanwarden.dialects.messages import MAX_MESSAGES, Said, is_message, more_messages
from spanwarden.otlp.values import string_bytes

LEAST = 1024
"""Bytes below which reading again is cheaper than remembering."""
_STEP = 1.25
_STEPS = [int(LEAST * _STEP**n) for n in range(64)]
_PROBES = 8
"""Steps down from a history's length at which an earlier one is looked for: it is at least a sixth as long."""
_SAMPLE = 40
_ALIKE = 4
"""Histories of about one length that are alike at the sample: those of conversations with one system prompt."""
_PER_SAMPLE = 250
_PER_MESSAGE = 400
"""Bytes of memory of a sample, and of a message beside its text, which is there as it was sent and as it was read."""

_decode = msgspec.json.Decoder(list[Any]).decode


class History(NamedTuple):
    """The messages of a history; `text` is the JSON array that holds them."""

    sample: bytes
    role: str
    text: bytes
    said: list[Said]

    @property
    def size(self) -> int:
        """Return about how many bytes of memory it takes."""
        return 2 * len(self.text) + _PER_MESSAGE * len(self.said)


class Histories:
    """Histories by their bytes, those longest unused forgotten first; `limit` is in bytes of memory.

    One is found by a sample of its bytes at a step of a ladder of lengths, the last that it reaches: what goes on from
    it has the same bytes there. Of what comes for the first time only the sample is kept: most texts come once.
    For one thread at a time.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._kept: OrderedDict[bytes, list[History]] = OrderedDict()

    def read(self, encoded: bytes, role: str) -> list[Said] | None:
        """Return the messages in an encoded attribute, as `read_messages` of its JSON; the list must not be changed.

        role: of those that name none. None where the attribute holds anything else than an array of messages.
        """
        text = string_bytes(encoded)
        if text is None or text[:1] != b"[":
            return None
        if len(text) <= LEAST:
            return _read(text, role)
        seen, before = self._before(text, role)
        if before is not None:
            end = len(before.text) - 1
            if text[end:] == b"]":
                return before.said
            more = _read(b"[" + text[end + 1 :], role, beside=True)
            if more and len(before.said) + len(more) <= MAX_MESSAGES:
                self._forget(before)
                self._keep(text, role, before.said + more)
                return before.said + more
        said = _read(text, role)
        if seen and said:
            self._keep(text, role, said)
        elif said:
            self._note(text)
        return said

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self.size = 0

    def _before(self, text: bytes, role: str) -> tuple[bool, History | None]:
        """Return a history that a text goes on from or repeats, and whether there may have been one."""
        seen = False
        step = _step(len(text))
        for end in _STEPS[max(0, step - _PROBES + 1) : step + 1][::-1]:
            sample = text[end - _SAMPLE : end]
            found = self._kept.get(sample)
            if found is None:
                continue
            seen = True
            self._kept.move_to_end(sample)
            for history in found:
                if history.role == role and _goes_on(text, history.text):
                    return True, history
        return seen, None

    def _note(self, text: bytes) -> None:
        """Remember that there was a text like this."""
        sample = _sample(text)
        if sample not in self._kept:
            self._kept[sample] = []
            self.size += _PER_SAMPLE
            self._make_room()

    def _keep(self, text: bytes, role: str, said: list[Said]) -> None:
        if len(said) >= MAX_MESSAGES or text[-1:] != b"]":
            return
        self._note(text)
        history = History(_sample(text), role, text, said)
        alike = self._kept.get(history.sample)
        if alike is None or history.size > self.limit // 2:
            return
        alike.append(history)
        self.size += history.size
        if len(alike) > _ALIKE:
            self._forget(alike[0])
        self._make_room()

    def _make_room(self) -> None:
        while self.size > self.limit:
            _, alike = self._kept.popitem(last=False)
            self.size -= _PER_SAMPLE + sum(history.size for history in alike)

    def _forget(self, history: History) -> None:
        alike = self._kept[history.sample]
        alike[:] = [each for each in alike if each is not history]
        self.size -= history.size


def _read(text: bytes, role: str, *, beside: bool = False) -> list[Said] | None:
    """Return the messages in a JSON array, None if it is none of messages. beside: others before these are messages."""
    said = conventional(text)
    if said is not None:
        return said
    try:
        items = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if None in items or len(items) > MAX_MESSAGES or not (beside or any(is_message(item) for item in items)):
        return None
    return more_messages(items, role)


def _step(length: int) -> int:
    """Return the last step of the ladder that a text of this length reaches; -1 if none."""
    return bisect_right(_STEPS, length) - 1


def _goes_on(text: bytes, before: bytes) -> bool:
    """Tell whether a text begins with what stands in the array of another, or is the same."""
    end = len(before) - 1
    after = text[end : end + 2]
    return (after == b"]" or after[:1] == b",") and text.startswith(memoryview(before)[:end])


def _sample(text: bytes) -> bytes:
    """Return the bytes by which what goes on from a text finds it; its last one will be another."""
    end = _STEPS[_step(len(text) - 1)]
    return text[end - _SAMPLE : end]


HISTORIES = Histories(32 << 20)
"""Those that this process reads."""

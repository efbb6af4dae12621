"""What waits to be forwarded to one upstream: memory bounded in bytes, then disk, the oldest first."""

from __future__ import annotations

import itertools
import threading
from collections import deque

from spanwarden.exporters.base import Signal
from spanwarden.storage.spill import Spill

_LOOK_AGAIN = 1.0
"""Seconds after which a full disk is tried again, or a spill shared with a predecessor is looked into."""


class Request:
    """One request on its way; `body` is None while it is on disk."""

    __slots__ = ("body", "number", "records", "signal", "size", "spilled")

    def __init__(self, number: int, signal: Signal, body: bytes | None, records: int | None) -> None:
        self.number = number
        self.signal = signal
        self.body = body
        self.records = records
        self.size = 0 if body is None else len(body)
        self.spilled = body is None


class Backlog:
    """Requests that wait or are under way; those count against `capacity` (bytes of memory) until they are done.

    With a spill, one thread calls `move_to_disk` in a loop; it keeps memory at most half full as long as the disk
    takes what it is given, so that `put` finds room and itself never touches the disk.
    """

    def __init__(self, capacity: int, spill: Spill | None) -> None:
        self.capacity = capacity
        self._spill = spill
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._crowded = threading.Condition(self._lock)
        self._waiting: deque[Request] = deque()
        self._under_way: set[Request] = set()
        self._bytes = 0
        self._draining = self._stopped = False

    @property
    def size(self) -> int:
        """Return the bytes of memory in use."""
        return self._bytes

    def put(self, signal: Signal, body: bytes, records: int | None) -> bool:
        """Queue a request; False where there is no room. Takes the same time whatever is queued."""
        number = next(self._numbers) if self._spill is None else self._spill.number()
        request = Request(number, signal, body, records)
        with self._lock:
            if self._draining or self._bytes + request.size > self.capacity:
                return False
            self._bytes += request.size
            self._waiting.append(request)
            self._filled.notify()
            if self._spill is not None and self._bytes > self.capacity // 2:
                self._crowded.notify()
        return True

    def take(self) -> Request | None:
        """Wait for the oldest request and return it; None once there will be no more."""
        with self._lock:
            while not self._stopped:
                request = self._oldest()
                if request is not None:
                    self._under_way.add(request)
                    return request
                if self._draining:
                    return None
                self._filled.wait(None if self._spill is None else _LOOK_AGAIN)
        return None

    def load(self, request: Request) -> bytes | None:
        """Return the body of a taken request, from disk if need be; None where it was damaged there."""
        if request.body is not None:
            return request.body
        assert self._spill is not None
        found = self._spill.read(request.number)
        if found is None:
            return None
        request.signal = found[0]
        return found[1]

    def done(self, request: Request) -> bool:
        """Forget a taken request; False where `abandon` has already disposed of it."""
        with self._lock:
            if request not in self._under_way:
                return False
            self._under_way.discard(request)
            self._bytes -= request.size
            if self._spill is not None:
                self._crowded.notify()
        if request.spilled:
            assert self._spill is not None
            self._spill.remove(request.number)
        return True

    def put_back(self, request: Request) -> None:
        """Let a taken request wait again."""
        with self._lock:
            if request not in self._under_way:
                return
            self._under_way.discard(request)
            if not request.spilled:
                self._waiting.appendleft(request)
        if request.spilled and self._spill is not None:
            self._spill.give_back(request.number)

    def move_to_disk(self) -> bool:
        """Wait until memory is more than half full and move the newest request to disk.

        False once there will be nothing more to move. A request that the disk refuses stays in memory.
        """
        assert self._spill is not None
        with self._lock:
            while not self._draining and (self._bytes <= self.capacity // 2 or not self._waiting):
                self._crowded.wait()
            if self._draining:
                return False
            request = self._waiting.pop()
            self._under_way.add(request)
        assert request.body is not None
        written = self._spill.write(request.number, request.signal, request.body)
        with self._lock:
            self._under_way.discard(request)
            if written:
                self._bytes -= request.size
                self._filled.notify()
            else:
                self._waiting.append(request)
                self._filled.notify()
                self._crowded.wait(_LOOK_AGAIN)
        return True

    def idle(self) -> bool:
        """Tell whether nothing waits and nothing is under way."""
        with self._lock:
            return not self._waiting and not self._under_way and (self._spill is None or not len(self._spill))

    def drain(self) -> None:
        """Take nothing more in; let `take` give out what is in memory and then end."""
        with self._lock:
            self._draining = True
            self._filled.notify_all()
            self._crowded.notify_all()

    def stop(self) -> None:
        """Let `take` end at once."""
        with self._lock:
            self._draining = self._stopped = True
            self._filled.notify_all()
            self._crowded.notify_all()

    def abandon(self) -> list[Request]:
        """Stop, and return everything in memory, what is under way included: the caller disposes of it."""
        self.stop()
        with self._lock:
            left = [*self._under_way, *self._waiting]
            self._under_way.clear()
            self._waiting.clear()
            self._bytes = 0
        for request in left:
            if request.spilled and self._spill is not None:
                self._spill.give_back(request.number)
        return sorted((request for request in left if not request.spilled), key=lambda request: request.number)

    def _oldest(self) -> Request | None:
        on_disk = None if self._spill is None or self._draining else self._spill.oldest()
        if self._waiting and (on_disk is None or self._waiting[0].number < on_disk):
            return self._waiting.popleft()
        if on_disk is None or self._spill is None:
            return None
        number = self._spill.claim()
        return None if number is None else Request(number, "traces", None, None)

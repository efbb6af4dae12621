"""Requests on disk that wait for a slow receiver: one file each, bounded in all, read back in order of age.

They outlive the process, also one that was killed. A file is complete or not there at all; later damage shows in its
checksum.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import os
import pathlib
import struct
import threading
import zlib

from spanwarden.otlp.requests import Signal

_MAGIC = b"SPW1"
_HEAD = struct.Struct("<4sIB")  # magic, CRC-32 of what follows, signal
_CODES: dict[str, int] = {"traces": 1, "logs": 2, "metrics": 3}
_SIGNALS: dict[int, Signal] = {code: name for name, code in _CODES.items()}  # type: ignore[misc]
_SUFFIX = ".otlp"
_TEMPORARY = ".tmp"
_BLOCK = 4096


class SpillError(ValueError):
    """The directory cannot be used; the text says why in one line."""


class Spill:
    """The waiting requests of one receiver. All methods may be called from any thread.

    Requests are known by numbers; a lower one is older. `max_size` bounds the disk
    space in bytes, counted in blocks of 4 KiB. Raises SpillError where the directory cannot be used or another
    process uses it.
    """

    def __init__(self, directory: pathlib.Path, max_size: int) -> None:
        self.directory = directory
        self.max_size = max_size
        self._lock = threading.Lock()
        self._sizes: dict[int, int] = {}
        self._waiting: list[int] = []
        self._size = 0
        self._next = 0
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._guard: int | None = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SpillError(f"{directory}: {error.strerror}") from None
        try:
            fcntl.flock(self._guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._scan()
        except OSError as error:
            self.close()
            busy = isinstance(error, BlockingIOError)
            raise SpillError(f"{directory}: {'used by another process' if busy else error.strerror}") from None

    @property
    def size(self) -> int:
        """Return the bytes of disk space in use."""
        return self._size

    def __len__(self) -> int:
        """Return the number of requests that wait or are being sent."""
        return len(self._sizes)

    def number(self) -> int:
        """Return the next number, for a request that came now."""
        with self._lock:
            self._next += 1
            return self._next

    def oldest(self) -> int | None:
        """Return the lowest number that waits."""
        return self._waiting[0] if self._waiting else None

    def write(self, number: int, signal: Signal, body: bytes) -> bool:
        """Store a request; False where the bound is reached or the disk refuses it."""
        size = _blocks(_HEAD.size + len(body))
        with self._lock:
            if self._guard is None or number in self._sizes or self._size + size > self.max_size:
                return False
            self._size += size
            self._sizes[number] = size
        if not self._store(number, signal, body):
            self._forget(number)
            return False
        with self._lock:
            heapq.heappush(self._waiting, number)
        return True

    def claim(self) -> int | None:
        """Take the oldest request to send it; nobody else gets it until it is given back."""
        with self._lock:
            return heapq.heappop(self._waiting) if self._waiting else None

    def give_back(self, number: int) -> None:
        """Let a claimed request wait again."""
        with self._lock:
            if number in self._sizes:
                heapq.heappush(self._waiting, number)

    def read(self, number: int) -> tuple[Signal, bytes] | None:
        """Return a claimed request; None where it is damaged or cannot be read."""
        try:
            descriptor = os.open(self._path(number), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as file:
                held = file.read(self.max_size + 1)
        except OSError:
            return None
        if len(held) < _HEAD.size:
            return None
        magic, checksum, code = _HEAD.unpack_from(held)
        signal = _SIGNALS.get(code)
        if magic != _MAGIC or signal is None or zlib.crc32(held[_HEAD.size - 1 :]) != checksum:
            return None
        return signal, held[_HEAD.size :]

    def remove(self, number: int) -> None:
        """Forget a claimed request for good."""
        with contextlib.suppress(OSError):
            self._path(number).unlink()
        self._forget(number)

    def close(self) -> None:
        """Let another process have the directory; closing twice is fine."""
        with self._lock:
            if self._guard is not None:
                os.close(self._guard)
                self._guard = None

    def _scan(self) -> None:
        with os.scandir(self.directory) as entries:
            for entry in entries:
                if entry.name.endswith(_TEMPORARY):
                    os.unlink(entry.path)  # noqa: PTH108 - entries of scandir
                    continue
                number = _number(entry.name)
                if number is not None and entry.is_file(follow_symlinks=False):
                    self._sizes[number] = _blocks(entry.stat(follow_symlinks=False).st_size)
        self._size = sum(self._sizes.values())
        self._waiting = sorted(self._sizes)
        self._next = self._waiting[-1] if self._waiting else 0

    def _store(self, number: int, signal: Signal, body: bytes) -> bool:
        path = self._path(number)
        draft = path.with_suffix(_TEMPORARY)
        code = bytes((_CODES[signal],))
        head = _MAGIC + struct.pack("<I", zlib.crc32(body, zlib.crc32(code))) + code
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(head)
                file.write(body)
            draft.rename(path)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()
            return False
        return True

    def _forget(self, number: int) -> None:
        with self._lock:
            self._size -= self._sizes.pop(number, 0)

    def _path(self, number: int) -> pathlib.Path:
        return self.directory / f"{number:016x}{_SUFFIX}"


def _number(name: str) -> int | None:
    digits = name.removesuffix(_SUFFIX)
    if digits == name or len(digits) != 16:
        return None
    try:
        return int(digits, 16)
    except ValueError:
        return None


def _blocks(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK

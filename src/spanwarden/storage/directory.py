"""The directory that everything at rest lies in: made, locked against a second process, and a corner for what broke."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import pathlib

_QUARANTINE = "quarantine"
_LOCK = "lock"


class DirectoryError(Exception):
    """The directory cannot be used; the text says why in one line."""


class Directory:
    """A directory of this process alone, from `open` to `close`. Only its owner may look into it."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self._guard: int | None = None

    def open(self) -> None:
        """Make it where it is missing and lock it. Raises DirectoryError."""
        if self._guard is not None:
            return
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            guard = os.open(self.path / _LOCK, flags, 0o600)
        except OSError as error:
            raise DirectoryError(f"{self.path}: {error.strerror}") from None
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(guard)
            busy = isinstance(error, BlockingIOError)
            raise DirectoryError(f"{self.path}: {'used by another process' if busy else error.strerror}") from None
        self._guard = guard

    def close(self) -> None:
        """Let another process have it; closing twice is fine."""
        if self._guard is not None:
            os.close(self._guard)
            self._guard = None

    def set_aside(self, path: pathlib.Path, wall_ns: int) -> pathlib.Path:
        """Move a file or folder of this directory into quarantine; return where it is now. Raises OSError."""
        moment = dt.datetime.fromtimestamp(wall_ns / 1e9, dt.UTC).strftime("%Y%m%dT%H%M%SZ")
        place = self._free_place(f"{path.stem}-{moment}{path.suffix}")
        path.rename(place)
        return place

    def keep_aside(self, name: str, content: bytes) -> pathlib.Path:
        """Write what broke into quarantine, for its owner only; return where it is. Raises OSError."""
        place = self._free_place(name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(place, flags, 0o600), "wb") as file:
            file.write(content)
        return place

    def _free_place(self, name: str) -> pathlib.Path:
        folder = self.path / _QUARANTINE
        folder.mkdir(mode=0o700, exist_ok=True)
        place, number = folder / name, 1
        while place.exists():
            number += 1
            place = folder / f"{name}.{number}"
        return place

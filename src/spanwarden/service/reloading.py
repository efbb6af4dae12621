"""Taking in changed settings and policies while the service runs.

A change is noticed by SIGHUP or by looking at the files. A new state that is not valid is refused as a whole; the old
one stays in force, and a metric says so.
"""

from __future__ import annotations

import asyncio
import logging
import pathlib
from collections.abc import Callable, Iterable

from spanwarden.policy.document import PolicyError
from spanwarden.service.clock import Clock
from spanwarden.service.loading import SettingsError
from spanwarden.service.metrics import Telemetry

logger = logging.getLogger(__name__)

Fingerprint = dict[pathlib.Path, tuple[int, int, int] | None]


class Reloader:
    """Calls `apply` when told to, or when a watched file has changed.

    apply: loads and puts in force; raises SettingsError, PolicyError or ValueError, with nothing changed. It runs in a
        thread. files: what to watch, asked anew each time, as the settings may name other policies than before.
    """

    def __init__(
        self,
        apply: Callable[[], None],
        files: Callable[[], Iterable[pathlib.Path]],
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._apply = apply
        self._files = files
        self._telemetry = telemetry
        self._clock = clock
        self._seen = fingerprint(files())
        self._asked = asyncio.Event()
        self._last_good = clock.wall_ns() / 1e9
        self._good = True
        telemetry.gauge("spanwarden_config_last_reload_successful", lambda: float(self._good))
        telemetry.gauge("spanwarden_config_last_reload_success_timestamp_seconds", lambda: self._last_good)

    def ask(self) -> None:
        """Ask for a reload, as SIGHUP does; call it from the event loop."""
        self._asked.set()

    async def watch(self, interval: float) -> None:
        """Reload when asked or when a file has changed, looking every `interval` seconds (0: only when asked)."""
        while True:
            try:
                async with asyncio.timeout(interval or None):
                    await self._asked.wait()
            except TimeoutError:
                if not self.changed():
                    continue
            self._asked.clear()
            await asyncio.to_thread(self.reload)

    def changed(self) -> bool:
        """Tell whether a watched file is another than when it was last taken in (or refused)."""
        return fingerprint(self._files()) != self._seen

    def reload(self) -> bool:
        """Take in the present state of the files; False if it was refused."""
        self._seen = fingerprint(self._files())
        try:
            self._apply()
        except (SettingsError, PolicyError, ValueError, OSError) as error:
            self._good = False
            self._telemetry.count("spanwarden_reloads", result="refused")
            logger.error("reload refused, the old settings and policies stay in force: %s", error)  # noqa: TRY400
            return False
        # The new settings may name other files.
        self._seen = fingerprint(self._files())
        self._good = True
        self._last_good = self._clock.wall_ns() / 1e9
        self._telemetry.count("spanwarden_reloads", result="applied")
        logger.info("reloaded")
        return True


def fingerprint(files: Iterable[pathlib.Path]) -> Fingerprint:
    """Return what tells one state of the files from another; a missing file is None."""
    result: Fingerprint = {}
    for path in files:
        try:
            status = path.stat()
        except OSError:
            result[path] = None
        else:
            result[path] = status.st_mtime_ns, status.st_size, status.st_ino
    return result

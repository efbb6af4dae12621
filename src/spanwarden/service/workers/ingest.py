"""A worker's middle: what was stored is read, in one thread, and told to the owner."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

from spanwarden.dialects.reading import Request, observe
from spanwarden.effects.table import ToolTable
from spanwarden.runs.packing import encode
from spanwarden.service.fairness import FairQueue, Shares
from spanwarden.service.metrics import Telemetry
from spanwarden.service.readings import Readings
from spanwarden.service.workers.messages import Told
from spanwarden.service.workers.positions import joined
from spanwarden.storage.journal import Journal, Left

logger = logging.getLogger(__name__)


class _Handed(NamedTuple):
    position: int
    request: Request
    sender: str


class Ingest:
    """Takes requests from receivers and tells what they said. `tell` may block; what waits meanwhile is bounded.

    All methods may be called from any thread. `tools` may be replaced at any time.
    """

    def __init__(
        self,
        slot: int,
        journal: Journal,
        tell: Callable[[Told], None],
        telemetry: Telemetry,
        max_pending: int,
        tools: ToolTable,
    ) -> None:
        self._slot = slot
        self._journal = journal
        self._tell = tell
        self._telemetry = telemetry
        self.tools = tools
        self._readings = Readings()
        self._pending: FairQueue[_Handed] = FairQueue(max_pending)
        self._kept = Shares(journal.max_bytes)
        self._owners: dict[int, tuple[str, int]] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._in_hand = 0
        self._thread = threading.Thread(target=self._work, name="ingest", daemon=True)
        telemetry.gauge("spanwarden_pending_bytes", lambda: self._pending.shares.held + self._in_hand)
        telemetry.gauge("spanwarden_pending_capacity_bytes", lambda: max_pending)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def keeps(self, position: int, left: Left) -> None:
        """Count what an earlier process left in the journal as its sender's."""
        with self._changed:
            self._keep(position, left.tenant or left.peer, left.size)

    def has_room(self, size: int, sender: str | None = None) -> bool:
        """Tell whether a sender's request of this many bytes may be handed over; see `Corridor.has_room`."""
        with self._changed:
            if not self._pending.shares.has_room(sender, size):
                return False
            return sender is None or self._kept.has_room(sender, size)

    def hand_over(self, position: int, request: Request, size: int, sender: str = "") -> None:
        """Take a stored request, about `size` bytes in memory; returns at once."""
        with self._changed:
            self._keep(position, sender, size)
            self._pending.put(sender, _Handed(position, request, sender), size)
            self._changed.notify()

    def let_go(self, positions: Iterable[int]) -> None:
        """Count what was released as nobody's any more."""
        with self._changed:
            for position in positions:
                owner = self._owners.pop(position, None)
                if owner is not None:
                    self._kept.free(*owner)

    def stop(self, timeout: float) -> bool:
        """Tell everything that was handed over, and end the thread; False if that took too long."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _keep(self, position: int, sender: str, size: int) -> None:
        self._owners[position] = sender, size
        self._kept.hold(sender, size)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._pending or self._stopping):
                    self._changed.wait()
                if not self._pending:
                    return
                before = self._pending.shares.held
                handed = self._pending.get()
                self._in_hand = before - self._pending.shares.held
            try:
                self._tell(self._told(handed))
            except OSError:
                return  # the owner is gone, and what was not told is in the journal
            self._in_hand = 0

    def _told(self, handed: _Handed) -> Told:
        position = joined(handed.position, self._slot)
        failures: list[Exception] = []
        try:
            tools = self.tools
            packed = encode(observe(handed.request, position, tools, failures))
        except Exception:
            logger.exception("a request could not be read; the owner of the runs tries it")
            return Told(position, handed.sender, None)
        if failures:
            self._telemetry.count("spanwarden_processing_errors", len(failures))
            logger.error("%d records could not be read", len(failures), exc_info=failures[0])
        if packed is not None:
            self._journal.keep_reading(handed.position, self._readings.seal(position, packed, tools))
        return Told(position, handed.sender, packed)

"""A worker process: receives, stores, acknowledges, reads, and tells the owner of the runs.

It ends at once where its owner is gone: what it acknowledged is in the journal, and the next owner reads it there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pathlib
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import NoReturn

from spanwarden.service.clock import Clock, SystemClock
from spanwarden.service.forwarding import Forwarding, Place
from spanwarden.service.forwarding import close_all as close_upstreams
from spanwarden.service.logs import configure
from spanwarden.service.memory import tune
from spanwarden.service.metrics import Telemetry
from spanwarden.service.process import watch_process
from spanwarden.service.receiving import Receivers, StartError
from spanwarden.service.settings import Settings
from spanwarden.service.workers import messages
from spanwarden.service.workers.ingest import Ingest
from spanwarden.service.workers.journals import folder_of, workers_journal
from spanwarden.service.workers.messages import Message, Start
from spanwarden.service.workers.metrics import samples
from spanwarden.storage.directory import Directory, DirectoryError
from spanwarden.storage.lmdb_journal import LmdbJournal

logger = logging.getLogger(__name__)

REPORT_EVERY = 1.0
_ORPHANED = 3
"""The exit code of a worker whose owner is gone."""
_GRACE = 5.0
"""Seconds that requests under way get at the end, at most."""
_SHARE = 0.5
"""The part of the shutdown timeout that a worker may take; the rest is for its owner's exporters."""


class Worker:
    """One worker, from its first order on. Raises StartError for settings that cannot work."""

    def __init__(self, connection: Connection, start: Start, clock: Clock) -> None:
        settings = start.settings
        path = settings.extensions.storage.directory
        assert path is not None
        self._connection = connection
        self._sending = threading.Lock()
        self._clock = clock
        self._settings = settings
        self.telemetry = Telemetry()
        watch_process(self.telemetry, clock)
        self._directory = Directory(folder_of(pathlib.Path(path).expanduser(), start.number))
        self._journal: LmdbJournal = workers_journal(settings, self._directory, self.telemetry, clock, shared=True)
        self._ingest = Ingest(
            start.number,
            self._journal,
            self.tell,
            self.telemetry,
            settings.service.max_pending // (2 * start.of),
            settings.processors.effects.table(),
        )
        self.forwarding = Forwarding(self.telemetry, clock, Place(start.number, start.of))
        try:
            self.forwarding.configure(settings, settings.service.pipelines)
        except ValueError as error:
            raise StartError(str(error)) from None
        self._receivers = Receivers(
            settings,
            self._journal,
            self._ingest.has_room,
            self._ingest.hand_over,
            self.telemetry,
            clock,
            self.forwarding.offer,
            settings.receivers.otlp.max_in_flight // start.of,
            shared=True,
        )
        self._listen = asyncio.Event()
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def tell(self, message: Message) -> None:
        """Send a message; waits while the owner reads nothing. Raises OSError when it is gone."""
        data = messages.encode(message)
        with self._sending:
            self._connection.send_bytes(data)

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT. Raises StartError."""
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        try:
            await asyncio.to_thread(self._open)
        except DirectoryError as error:
            raise StartError(f"extensions.storage.directory: {error}") from None
        threading.Thread(target=self._obey, name="orders", daemon=True).start()
        self._ingest.start()
        self.forwarding.start()
        self.tell(messages.Ready())
        if not await self._first(self._listen, self._stop):
            await self._receivers.start()
            self.tell(messages.Listening())
            while not await self._stopped(REPORT_EVERY):
                await asyncio.to_thread(self._report)
        await self._end()

    def _open(self) -> None:
        self._directory.open()
        self._journal.open()
        told = self._clock.monotonic()
        for position, left in self._journal.undecided():
            self._ingest.keeps(position, left)
            if self._clock.monotonic() - told > REPORT_EVERY:
                told = self._clock.monotonic()
                self._report()  # a sign of life

    async def _first(self, *events: asyncio.Event) -> bool:
        """Wait for one of two events; tell whether it is the second."""
        waiting = [asyncio.ensure_future(event.wait()) for event in events]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        return events[1].is_set()

    async def _stopped(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return False
        return True

    async def _end(self) -> None:
        seconds = self._settings.service.shutdown_timeout * _SHARE
        deadline = self._clock.monotonic() + seconds
        await self._receivers.stop(min(_GRACE, seconds / 2))
        left = max(0.5, deadline - self._clock.monotonic())
        if not await asyncio.to_thread(self._ingest.stop, left):
            logger.warning("not all was told in time; the journal holds it")
        await asyncio.to_thread(self.forwarding.close, max(0.5, deadline - self._clock.monotonic()))
        self._report()
        self._journal.close()
        self._directory.close()

    def _report(self) -> None:
        journal = self._journal
        try:
            self.tell(messages.Report(samples(self.telemetry), journal.size(), journal.entries(), journal.oldest()))
        except OSError:
            self._orphaned()

    def _obey(self) -> None:
        """Carry out orders until the owner is gone."""
        while True:
            try:
                order = self._connection.recv()
            except (EOFError, OSError):
                self._orphaned()
            try:
                self._carry_out(order)
            except OSError:
                self._orphaned()
            except Exception:
                logger.exception("an order failed")

    def _carry_out(self, order: object) -> None:
        assert self._loop is not None
        match order:
            case messages.Release(number, positions, closed):
                self._journal.release(positions, closed)
                self._ingest.let_go(positions)
                self._journal.flush()
                self.tell(messages.Confirmed(number))
            case messages.Listen():
                self._loop.call_soon_threadsafe(self._listen.set)
            case messages.Account():
                self._report()
            case messages.Change(settings):
                self._change(settings)

    def _change(self, settings: Settings) -> None:
        try:
            left = self.forwarding.configure(settings, settings.service.pipelines)
        except ValueError as error:
            logger.error("reload refused, the old exporters stay in force: %s", error)  # noqa: TRY400 - one line says it
            return
        self._ingest.tools = settings.processors.effects.table()
        close_upstreams(left, 5.0)
        logger.info("reloaded")

    def _orphaned(self) -> NoReturn:
        if self._stop.is_set():
            os._exit(0)
        logger.error("the owner of the runs is gone")
        os._exit(_ORPHANED)


def main() -> int:
    """Work on the connection whose file descriptor is the only argument; return the exit code."""
    connection = Connection(int(sys.argv[1]))
    try:
        start = connection.recv()
    except (EOFError, OSError):
        return _ORPHANED
    assert isinstance(start, Start)
    logs = start.settings.service.telemetry.logs
    configure(logs.level, logs.encoding, f"worker-{start.number}")
    tune()
    try:
        worker = Worker(connection, start, SystemClock())
        _run(worker)
    except StartError as error:
        connection.send_bytes(messages.encode(messages.Failed(str(error))))
        return 2
    except OSError:
        return _ORPHANED
    return 0


def _run(worker: Worker) -> None:
    if sys.platform != "win32":
        import uvloop

        uvloop.run(worker.run())
    else:
        asyncio.run(worker.run())


if __name__ == "__main__":
    sys.exit(main())

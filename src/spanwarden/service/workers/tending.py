"""One worker as its owner sees it: its process, what it tells, and what becomes of it."""

from __future__ import annotations

import contextlib
import logging
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future
from multiprocessing.connection import Connection

from spanwarden.otlp.requests import RequestError, decode
from spanwarden.runs.packing import decode as observations_in
from spanwarden.service.clock import Clock
from spanwarden.service.corridor import Corridor, Observed
from spanwarden.service.receiving import StartError
from spanwarden.service.settings import Settings
from spanwarden.service.workers import messages
from spanwarden.service.workers.journals import LentJournal
from spanwarden.service.workers.metrics import Combined
from spanwarden.service.workers.positions import joined, parted

logger = logging.getLogger(__name__)

_LINGER = 0.25
"""Seconds that releases wait for company; they are in no hurry."""
_SILENT = 60.0
"""Seconds after which a worker that tells nothing, not even its metrics, is taken to be stuck."""
_FIRST_PAUSE, _LONGEST_PAUSE, _PROVEN = 0.1, 10.0, 60.0
"""Seconds before a worker is started again: at first, at most; and how long one must live to begin at the first."""
_OVERHEAD = 512
_GLANCE = 0.5


class Tended:
    """Keeps one worker running until `stop`. `started` is done when it listens first, or cannot."""

    def __init__(
        self,
        number: int,
        count: int,
        settings: Settings,
        journal: LentJournal,
        corridor: Corridor,
        telemetry: Combined,
        clock: Clock,
    ) -> None:
        self._number = number
        self._start = messages.Start(number, count, settings)
        self._journal = journal
        self._corridor = corridor
        self._telemetry = telemetry
        self._clock = clock
        self._connection: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._reported = threading.Event()
        self._reported.set()
        self._has_listened = False
        self.listening = False
        self.started: Future[None] = Future()
        self._tending = threading.Thread(target=self._tend, name=f"worker {number}", daemon=True)
        self._releasing = threading.Thread(target=self._release, name=f"releases {number}", daemon=True)

    def start(self) -> None:
        """Start the worker."""
        self._tending.start()
        self._releasing.start()

    def change(self, order: messages.Change) -> None:
        """Let the worker, and those that follow it, go by other settings."""
        self._start = self._start._replace(settings=order.settings)
        self._send(order)

    def ask(self) -> threading.Event:
        """Ask for a report, unless one is awaited; return what is set when it has come. Never blocks."""
        if self._reported.is_set() and self._turn.acquire(blocking=False):
            self._reported.clear()
            try:
                self._send_now(messages.Account())
            finally:
                self._turn.release()
        return self._reported

    def stop(self, timeout: float) -> None:
        """Let the worker end in order; one that takes longer than `timeout` seconds is killed."""
        self._stopping.set()
        if self._tending.ident is None:
            return
        if self._process is not None:
            self._process.terminate()
        self._tending.join(timeout + 1.0)
        if self._tending.is_alive():
            logger.warning("worker %d does not end; it is killed, and its journal holds what it took", self._number)
            self._kill()
            self._tending.join()
        self._releasing.join()

    def _tend(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            began = self._clock.monotonic()
            try:
                code = self._live()
            except OSError as error:
                logger.error("worker %d cannot be started: %s", self._number, error)  # noqa: TRY400 - one line says it
                code = -1
            if self._stopping.is_set() or not self._has_listened:
                break
            self._telemetry.count("spanwarden_worker_restarts")
            pause = _FIRST_PAUSE if self._clock.monotonic() - began > _PROVEN else min(_LONGEST_PAUSE, pause * 2)
            logger.error("worker %d ended with %d; it is started again in %.1f s", self._number, code, pause)
            self._stopping.wait(pause)
        self._ended.set()
        if not self.started.done():
            self.started.set_exception(StartError(f"service.workers: worker {self._number} ended before it listened"))

    def _live(self) -> int:
        """Start a process, listen to it until it ends; return its exit code."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            command = [sys.executable, "-P", "-m", "spanwarden.service.workers.worker", str(theirs.fileno())]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])  # noqa: S603
            theirs.close()
            connection = Connection(ours.detach())
        with self._turn:
            self._process, self._connection = process, connection
        self._send(self._start)
        if self._stopping.is_set():
            process.terminate()
        try:
            self._listen(connection)
        except (EOFError, OSError):
            pass
        except Exception:
            logger.exception("worker %d told what cannot be read", self._number)
            self._kill()
        finally:
            self.listening = False
            with self._turn:
                self._connection = None
                connection.close()
            self._reported.set()
        code = process.wait()
        self._telemetry.gone(self._number)
        return code

    def _listen(self, connection: Connection) -> None:
        while True:
            if not connection.poll(_SILENT):
                logger.error("worker %d is stuck; it is killed", self._number)
                self._kill()
            self._hear(messages.decode(connection.recv_bytes()))

    def _hear(self, message: messages.Message) -> None:
        match message:
            case messages.Told(position, sender, packed):
                self._take(position, sender, packed)
            case messages.Report(samples, size, entries, oldest):
                self._telemetry.report(self._number, samples)
                self._journal.reported = size, entries, oldest
                self._reported.set()
            case messages.Confirmed(number):
                self._journal.confirmed(number)
            case messages.Ready():
                self._catch_up()
                self._send(messages.Listen())
            case messages.Listening():
                self.listening = self._has_listened = True
                logger.info("worker %d is listening", self._number)
                if not self.started.done():
                    self.started.set_result(None)
            case messages.Failed(reason):
                if self.started.done():
                    logger.error("worker %d cannot start: %s", self._number, reason)
                else:
                    self.started.set_exception(StartError(reason))

    def _take(self, position: int, sender: str, packed: bytes | None) -> None:
        if parted(position)[1] != self._number:
            raise ValueError("a position in another's journal")
        if packed is None:
            self._take_stored(position)
            return
        self._wait_for_room(len(packed))
        told = Observed(lambda: observations_in(packed))
        self._corridor.hand_over(position, told, len(packed) + _OVERHEAD, sender)

    def _take_stored(self, number: int) -> None:
        """Read a request here that its worker did not, or did not live to tell of."""
        position = parted(number)[0]
        entry = self._journal.read(position)
        if entry is None:
            return
        self._wait_for_room(len(entry.body))
        try:
            request = decode(entry.signal, entry.body)
        except RequestError:
            logger.exception("entry %d of worker %d could not be read; it is passed over", position, self._number)
            self._journal.release((position,), ())
            return
        self._corridor.hand_over(number, request, len(entry.body) + _OVERHEAD, entry.tenant or entry.peer)

    def _catch_up(self) -> None:
        """Take what an earlier worker stored and did not tell; have released again what it may not have released."""
        for position in self._journal.held():
            number = joined(position, self._number)
            if not self._corridor.holds(number):
                self._take_stored(number)
        for release in self._journal.unconfirmed():
            self._send(release)

    def _wait_for_room(self, size: int) -> None:
        while not self._corridor.wait_for_room(size, _GLANCE):
            if self._stopping.is_set() and self._process is not None and self._process.poll() is not None:
                raise EOFError

    def _release(self) -> None:
        while not self._ended.wait(_LINGER):
            release = self._journal.take_release() if self._connection is not None else None
            if release is not None:
                self._send(release)

    def _send(self, order: object) -> None:
        """Send an order; one that cannot be sent is of no use to a worker that is gone."""
        with self._turn:
            self._send_now(order)

    def _send_now(self, order: object) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._connection is not None:
                self._connection.send(order)

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

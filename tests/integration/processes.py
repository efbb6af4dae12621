"""Child processes of the integration tests. Every wait is for a condition, with a deadline."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

DEADLINE = 60.0


def spanwarden():
    """Return the words that run this installation's command line."""
    return [sys.executable, "-m", "spanwarden.cli.main"]


def free_port():
    """Return a TCP port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def eventually(condition, what, deadline=DEADLINE, pause=None):
    """Return the first true value of `condition()`; `pause(seconds)` waits for news between two looks."""
    pause = pause or threading.Event().wait
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline:g} s for {what}")
        pause(0.05)


class Child:
    """A process whose output goes to files, stopped by its own id when the block ends."""

    def __init__(self, command, folder, environment=None):
        self.name = pathlib.Path(command[0]).name
        self._out = pathlib.Path(folder, f"{self.name}-{id(self):x}.out")
        self._file = self._out.open("wb")
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def output(self):
        return self._out.read_text(encoding="utf-8", errors="replace")

    def wait(self, deadline=DEADLINE):
        """Wait for the end; returns the exit code."""
        return self.process.wait(timeout=deadline)

    def wait_for_port(self, port):
        eventually(lambda: self._listens(port), f"{self.name} on port {port}; it says:\n{self.output()}")

    def _listens(self, port):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.output()}")
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def stop(self):
        """Ask it to end, as an operator would; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._file.close()
        return self.process.returncode

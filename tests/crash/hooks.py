"""A webhook that flaps: it takes, turns away, asks to wait, hangs, and hangs up, before or after it has read."""

import collections
import http.server
import json
import random
import socket
import struct
import threading

BAD = ("unavailable", "later", "hangs", "resets", "forgets")


class FlappingWebhook:
    """An HTTP server on a free port. `posts` holds the bodies that it has read, in order, those of `forgets` included.

    trouble: the share of attempts that end badly; 0 takes everything. `outcomes` counts what it did.
    """

    def __init__(self, seed, trouble=0.0):
        self.posts = []
        self.trouble = trouble
        self.outcomes = collections.Counter()
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self._ending = threading.Event()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                owner._take(self)

            def log_message(self, format, *args):  # noqa: A002 - the name in the standard library
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # a client that was killed
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, handler):
        with self._lock:
            outcome = self._dice.choice(BAD) if self._dice.random() < self.trouble else "taken"
            self.outcomes[outcome] += 1
        if outcome == "resets":
            return self._reset(handler)
        body = handler.rfile.read(int(handler.headers["content-length"]))
        if outcome == "hangs":
            self._ending.wait(_HANGS)
            handler.close_connection = True
            return None
        if outcome in {"taken", "forgets"}:
            with self._lock:
                self.posts.append(json.loads(body))
        if outcome == "forgets":
            return self._reset(handler)
        handler.send_response({"taken": 204, "unavailable": 503, "later": 429}[outcome])
        if outcome == "later":
            handler.send_header("retry-after", "1")
        handler.send_header("content-length", "0")
        handler.end_headers()
        return None

    def _reset(self, handler):
        """Hang up so that the client sees a reset."""
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
        handler.close_connection = True


_HANGS = 3.0

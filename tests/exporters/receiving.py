"""Real receivers on free loopback ports."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


def dead_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    body: bytes = b""
    hang: bool = False
    endless: bool = False


class HttpReceiver:
    """Answers POST requests with the given answers in turn, then with 200."""

    def __init__(self, *answers: Answer, ssl_context: Any = None) -> None:
        self.requests: list[Request] = []
        self.written = 0
        self.connections = 0
        self._open: list[socket.socket] = []
        self._answers = list(answers)
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        if ssl_context is not None:
            self._server.socket = ssl_context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._scheme = "http" if ssl_context is None else "https"

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> HttpReceiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def setup(self) -> None:
                receiver.connections += 1
                receiver._open.append(self.request)
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append(Request(self.path, headers, body))
                answer = receiver._answers.pop(0) if receiver._answers else Answer()
                if answer.hang:
                    receiver._ended.wait(30)
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if not answer.endless:
                    self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
                if answer.endless:
                    self._pour()

            def do_GET(self) -> None:
                receiver.requests.append(Request(self.path, {}, b""))
                self.send_response(200)
                self.end_headers()

            def _pour(self) -> None:
                self.close_connection = True
                try:
                    while receiver.written < 200_000_000:
                        receiver.written += self.wfile.write(b"x" * 65536)
                except OSError:
                    pass

            def log_message(self, *args: Any) -> None:
                pass

            def finish(self) -> None:
                with contextlib.suppress(OSError):
                    super().finish()

        return Handler


Behaviour = Callable[[grpc.ServicerContext], Any]


class GrpcReceiver(logs_service_pb2_grpc.LogsServiceServicer):
    """Takes exports with the official servicer classes; behaviours are used up in turn, then everything is fine."""

    def __init__(
        self, *behaviours: Behaviour, credentials: grpc.ServerCredentials | None = None, port: int = 0
    ) -> None:
        self.logs: list[logs_service_pb2.ExportLogsServiceRequest] = []
        self.traces: list[trace_service_pb2.ExportTraceServiceRequest] = []
        self.metadata: list[dict[str, Any]] = []
        self._behaviours = list(behaviours)
        self._server = grpc.server(ThreadPoolExecutor(2), options=(("grpc.so_reuseport", 0),))
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(self, self._server)
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Traces(self), self._server)
        if credentials is None:
            self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        else:
            self.port = self._server.add_secure_port(f"127.0.0.1:{port}", credentials)

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    def records(self) -> list[Any]:
        return [r for q in self.logs for rl in q.resource_logs for sl in rl.scope_logs for r in sl.log_records]

    def spans(self) -> list[Any]:
        return [s for q in self.traces for rs in q.resource_spans for ss in rs.scope_spans for s in ss.spans]

    def __enter__(self) -> GrpcReceiver:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the protocol's name
        self.logs.append(request)
        return self._answer(context) or logs_service_pb2.ExportLogsServiceResponse()

    def _answer(self, context: grpc.ServicerContext) -> Any:
        self.metadata.append(dict(context.invocation_metadata()))
        return self._behaviours.pop(0)(context) if self._behaviours else None


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, receiver: GrpcReceiver) -> None:
        self._receiver = receiver

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the protocol's name
        self._receiver.traces.append(request)
        return self._receiver._answer(context) or trace_service_pb2.ExportTraceServiceResponse()

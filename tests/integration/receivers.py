"""Receivers of findings that share no code with spanwarden: the official OTLP services and a plain HTTP server."""

import http.server
import json
import threading
from concurrent import futures

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from integration.processes import DEADLINE


class _Inbox:
    """What arrived, and a way to wait for it."""

    def __init__(self):
        self._arrived = threading.Condition()
        self.items = []

    def put(self, items):
        with self._arrived:
            self.items.extend(items)
            self._arrived.notify_all()

    def wait(self, wanted, what, deadline=DEADLINE):
        """Return the items that `wanted` holds for, once there is one."""
        with self._arrived:
            found = self._arrived.wait_for(lambda: [item for item in self.items if wanted(item)], timeout=deadline)
            assert found, f"waited {deadline:g} s for {what}; there is {self.items}"
            return found


class _Logs(logs_service_pb2_grpc.LogsServiceServicer):
    def __init__(self, inbox):
        self._inbox = inbox

    def Export(self, request, context):  # noqa: N802 - the name in the protocol
        self._inbox.put(record for r in request.resource_logs for scope in r.scope_logs for record in scope.log_records)
        return logs_service_pb2.ExportLogsServiceResponse()


def told_of_a_run(span):
    """Tell whether a span is what spanwarden says of a run, as against what it received."""
    return span.name.startswith("evaluate_policy")


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, inbox, gate):
        self._inbox = inbox
        self._gate = gate

    def Export(self, request, context):  # noqa: N802 - the name in the protocol
        spans = [(r.resource, span) for r in request.resource_spans for scope in r.scope_spans for span in scope.spans]
        if any(not told_of_a_run(span) for _, span in spans):
            self._gate.wait(DEADLINE)
        self._inbox.put(spans)
        return trace_service_pb2.ExportTraceServiceResponse()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, inbox):
        self._inbox = inbox

    def Export(self, request, context):  # noqa: N802 - the name in the protocol
        self._inbox.put(
            metric for r in request.resource_metrics for scope in r.scope_metrics for metric in scope.metrics
        )
        return metrics_service_pb2.ExportMetricsServiceResponse()


class OtlpReceiver:
    """An OTLP/gRPC server made of the official services.

    `logs` holds LogRecords, `spans` (Resource, Span) pairs, `metrics` Metrics. While `gate` is cleared, requests with
    spans of agents wait for their answer.
    """

    def __enter__(self):
        self.logs = _Inbox()
        self.spans = _Inbox()
        self.metrics = _Inbox()
        self.gate = threading.Event()
        self.gate.set()
        self._server = grpc.server(futures.ThreadPoolExecutor(16))
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(_Logs(self.logs), self._server)
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Traces(self.spans, self.gate), self._server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Metrics(self.metrics), self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return self

    def __exit__(self, *_):
        self.gate.set()
        self._server.stop(grace=None).wait()


class HttpServer:
    """A threaded HTTP server on a free port of the loopback address."""

    def __init__(self):
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self._answer()

            def do_POST(self):
                self._answer()

            def _answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, kind, answer = owner.respond(self.path, self.headers, body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format, *args):  # noqa: A002 - the name in the standard library
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def respond(self, path, headers, body):
        """Return status, content type and body of the answer."""
        raise NotImplementedError

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class WebhookReceiver(HttpServer):
    """Takes webhooks: `posts` holds (headers by lower-case name, body). The first is turned away, as in a restart."""

    def __init__(self):
        super().__init__()
        self.posts = _Inbox()
        self.refused = 0

    def respond(self, path, headers, body):
        if not self.refused:
            self.refused += 1
            return 503, "text/plain", b"starting"
        self.posts.put([({name.lower(): value for name, value in headers.items()}, json.loads(body))])
        return 204, "text/plain", b""

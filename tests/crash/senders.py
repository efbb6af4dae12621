"""Clients that know exactly what was acknowledged: the protocols as they are, and the exporters of the SDK.

Each works off a queue of its own in a thread of its own, and sends a batch until it is acknowledged.
"""

import http.client
import itertools
import logging
import queue
import threading

import grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.sdk.trace.export import SpanExportResult

TIMEOUT = 3.0
AGAIN = 0.05
"""Seconds between two attempts."""
PACE = 0.03
"""Seconds between two batches, so that a service ends in the middle of them."""


class Sender:
    """One client. `acknowledged` counts batches; `refused` counts attempts that failed."""

    def __init__(self):
        self.acknowledged = 0
        self.refused = 0
        self._queue = queue.SimpleQueue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._queue.put(None)
        self._thread.join()
        self.close()

    def put(self, batches):
        for batch in batches:
            self._queue.put(batch)

    def idle(self):
        """Tell whether everything was acknowledged."""
        return self._queue.empty() and self._under_way is None

    _under_way = None

    def _work(self):
        while not self._ending.is_set():
            self._under_way = batch = self._queue.get()
            while batch is not None and not self._ending.is_set():
                if self.export(batch):
                    self.acknowledged += 1
                    self._ending.wait(PACE)
                    break
                self.refused += 1
                self._ending.wait(AGAIN)
            self._under_way = None

    def export(self, batch):
        """Make one attempt; tell whether it was acknowledged."""
        raise NotImplementedError

    def close(self):
        """Let go of connections."""


class RawGrpc(Sender):
    def __init__(self, ports):
        super().__init__()
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 200)]
        self._channel = grpc.insecure_channel(f"127.0.0.1:{ports['grpc']}", options=options)
        self._stub = TraceServiceStub(self._channel)

    def export(self, batch):
        try:
            answer = self._stub.Export(batch.request(), timeout=TIMEOUT)
        except grpc.RpcError as error:
            if error.code() not in _FOR_NOW:
                raise
            return False
        assert not answer.partial_success.rejected_spans
        return True

    def close(self):
        self._channel.close()


_FOR_NOW = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}


class RawHttp(Sender):
    def __init__(self, ports):
        super().__init__()
        self._port = ports["http"]
        self._connection = None

    def export(self, batch):
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT)
            body = batch.request().SerializeToString()
            self._connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return False
        assert answer.status in {200, 503}, answer.status
        return answer.status == 200

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Sdk(Sender):
    """An exporter of the SDK with its own retries; what it gives up is given to it again, as from a queue."""

    def __init__(self, exporter):
        super().__init__()
        self._exporter = exporter

    def export(self, batch):
        return self._exporter.export(batch.readable()) is SpanExportResult.SUCCESS

    def close(self):
        self._exporter.shutdown()


def all_kinds(ports):
    """Return one sender of each kind."""
    for name in ("grpc", "http"):  # an exporter that gives up says so at every crash
        logging.getLogger(f"opentelemetry.exporter.otlp.proto.{name}").setLevel(logging.CRITICAL)
    return [
        RawGrpc(ports),
        RawHttp(ports),
        Sdk(GrpcSpanExporter(f"127.0.0.1:{ports['grpc']}", insecure=True, timeout=TIMEOUT)),
        Sdk(HttpSpanExporter(f"http://127.0.0.1:{ports['http']}/v1/traces", timeout=TIMEOUT)),
    ]


class Crowd:
    """Senders together, each with its share."""

    def __init__(self, senders):
        self.senders = senders

    def __enter__(self):
        for sender in self.senders:
            sender.__enter__()
        return self

    def __exit__(self, *_):
        for sender in self.senders:
            sender.__exit__()

    def put(self, shares):
        for sender, batches in zip(itertools.cycle(self.senders), shares, strict=False):
            sender.put(batches)

    def idle(self):
        return all(sender.idle() for sender in self.senders)

    @property
    def refused(self):
        return sum(sender.refused for sender in self.senders)

"""Many clients at a time over gRPC and HTTP, good requests of all signals and malformed ones among them.

usage: python load.py GRPC_PORT HTTP_PORT CLIENTS SECONDS

Every client has a connection of its own. A request that is turned away for lack of room is sent again until it is
taken. Prints one JSON object: acknowledged records by `signal`, acknowledged traces as `runs`, how often a request was
`turned_away`, how many were `malformed`, and what was `unexpected` (the first of each kind).
"""

import gzip
import http.client
import json
import random
import socket
import sys
import threading
import time
import zlib
from collections import Counter

import grpc
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from integration.traffic import run, spans_of

RATE = 6.0
"""Requests a second that a client makes at most."""
MALFORMED = 0.25
SERVICE = "/opentelemetry.proto.collector."
METHODS = {
    "spans": SERVICE + "trace.v1.TraceService/Export",
    "log_records": SERVICE + "logs.v1.LogsService/Export",
    "metric_points": SERVICE + "metrics.v1.MetricsService/Export",
}
PATHS = {"spans": "/v1/traces", "log_records": "/v1/logs", "metric_points": "/v1/metrics"}
PROTOBUF, JSON = "application/x-protobuf", "application/json"
TIMEOUT = 60


def good(dice, number):
    """Return a signal, a request of it and the number of its records."""
    signal = dice.choice(["spans", "spans", "log_records", "metric_points"])
    count = dice.randint(1, 8)
    if signal == "spans":
        return signal, run(number, count, content=dice.choice([0, 200, 5000])), count + 1
    if signal == "log_records":
        request = ExportLogsServiceRequest()
        records = request.resource_logs.add().scope_logs.add().log_records
        for position in range(count):
            records.add(time_unix_nano=time.time_ns()).body.string_value = f"{number} {position}"
        return signal, request, count
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="load")
    for position in range(count):
        metric.sum.data_points.add(as_int=position, time_unix_nano=time.time_ns())
    return signal, request, count


def in_json(request):
    """Return a request in OTLP's JSON, which has ids in hex where protobuf's has base64."""
    document = MessageToDict(request, use_integers_for_enums=True)
    spans = [s for r in document.get("resourceSpans", []) for scope in r["scopeSpans"] for s in scope["spans"]]
    for told, span in zip(spans, spans_of(request) if spans else [], strict=True):
        told.update(traceId=span.trace_id.hex(), spanId=span.span_id.hex(), parentSpanId=span.parent_span_id.hex())
    return json.dumps(document).encode()


class Client:
    """One sender of both good and malformed requests; `count` is what it counts."""

    def __init__(self, number, seconds):
        self._dice = random.Random(number)
        self._number = number << 20
        self._seconds = seconds
        self.count = Counter()
        self.unexpected = {}

    def work(self):
        pause = threading.Event()
        end = time.monotonic() + self._seconds
        pause.wait(self._dice.random() / RATE)
        if self._number >> 20 in {0, 1}:
            # What takes most memory comes once at the beginning, so that what is measured later has seen it.
            self.count["malformed"] += 1
            self._malformed(self.largest)
        while (begun := time.monotonic()) < end:
            if self._dice.random() < MALFORMED:
                self.count["malformed"] += 1
                self._malformed()
            else:
                self._number += 1
                signal, request, records = good(self._dice, self._number)
                while not self._send(signal, request):
                    self.count["turned_away"] += 1
                    pause.wait(1.0)
                self.count[signal] += records
                self.count["runs"] += signal == "spans"
            pause.wait(max(0.0, begun + 1 / RATE - time.monotonic()))

    def _odd(self, what, answer):
        self.unexpected.setdefault(what, str(answer)[:300])


class GrpcClient(Client):
    largest = "large"

    def __init__(self, number, seconds, port):
        super().__init__(number, seconds)
        self._channel = grpc.insecure_channel(
            f"127.0.0.1:{port}",
            options=[("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)],
        )

    def _call(self, method, body, **options):
        """Return the code that a call ends with."""
        try:
            self._channel.unary_unary(method)(body, timeout=TIMEOUT, **options)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    def _send(self, signal, request):
        compression = self._dice.choice([None, grpc.Compression.Gzip])
        code = self._call(METHODS[signal], request.SerializeToString(), compression=compression)
        if code not in {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}:
            self._odd(f"good {signal} over gRPC", code)
        return code is not grpc.StatusCode.UNAVAILABLE

    def _malformed(self, what=None):
        bad, limit = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED
        method = self._dice.choice(list(METHODS.values()))
        kinds = ["rubbish", "truncated", "unknown", "cancelled", "large"]
        what = what or self._dice.choices(kinds, [8, 8, 4, 4, 0.1])[0]
        # One field of 200 bytes that ends after 99, in every message of OTLP.
        rubbish = b"\x0a\xc8\x01" + self._dice.randbytes(99)
        if what == "cancelled":
            self._channel.unary_unary(method).future(rubbish, timeout=TIMEOUT).cancel()
            return
        if what == "unknown":
            wanted, code = {grpc.StatusCode.UNIMPLEMENTED}, self._call(SERVICE + "trace.v1.TraceService/Nothing", b"")
        elif what == "large":
            wanted, code = {limit}, self._call(method, b"\x0a" + bytes(17 << 20))
        elif what == "truncated":
            wanted, code = {bad}, self._call(METHODS["spans"], run(1).SerializeToString()[:-3])
        else:
            wanted, code = {bad}, self._call(method, rubbish)
        if code not in wanted | {grpc.StatusCode.UNAVAILABLE}:
            self._odd(f"{what} over gRPC", code)


class HttpClient(Client):
    largest = "bomb"

    def __init__(self, number, seconds, port):
        super().__init__(number, seconds)
        self._port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)

    def _answer(self, method, path, body, kind, encoding=""):
        headers = {"content-type": kind, **({"content-encoding": encoding} if encoding else {})}
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        response.read()
        return response.status

    def _send(self, signal, request):
        kind = self._dice.choice([PROTOBUF, JSON])
        body = request.SerializeToString() if kind == PROTOBUF else in_json(request)
        encoding = self._dice.choice(["", "gzip", "deflate"])
        body = {"": lambda b: b, "gzip": gzip.compress, "deflate": zlib.compress}[encoding](body)
        status = self._answer("POST", PATHS[signal], body, kind, encoding)
        if status not in {200, 503}:
            self._odd(f"good {signal} over HTTP as {kind}", status)
        return status != 503

    def _malformed(self, what=None):
        path = self._dice.choice(list(PATHS.values()))
        cases = {
            "rubbish": ("POST", path, b"\x0a\xc8\x01" + self._dice.randbytes(99), PROTOBUF, "", 400),
            "half a JSON": ("POST", path, b'{"resourceSpans": [{"scope', JSON, "", 400),
            "deep JSON": ("POST", path, b"[" * 50_000, JSON, "", 400),
            "not gzip": ("POST", path, b"plain", PROTOBUF, "gzip", 400),
            "unknown encoding": ("POST", path, b"plain", PROTOBUF, "lz77", 415),
            "media type": ("POST", path, b"{}", "text/plain", "", 415),
            "unknown path": ("POST", path + "/more", b"", PROTOBUF, "", 404),
            "method": ("GET", path, b"", PROTOBUF, "", 405),
            "bomb": ("POST", path, BOMB, PROTOBUF, "gzip", 413),
            "hangs up": None,
            "no HTTP": None,
        }
        what = what or self._dice.choices(list(cases), [8, 8, 4, 4, 4, 4, 4, 4, 0.1, 4, 4])[0]
        case = cases[what]
        if case is not None:
            status = self._answer(*case[:-1])
            if status not in {case[-1], 503}:
                self._odd(f"{what} over HTTP", status)
            return
        with socket.create_connection(("127.0.0.1", self._port), timeout=TIMEOUT) as connection:
            if what == "hangs up":
                connection.sendall(
                    b"POST " + path.encode() + b" HTTP/1.1\r\nhost: x\r\ncontent-length: 999\r\n\r\nhalf"
                )
            else:
                connection.sendall(self._dice.randbytes(200))


BOMB = gzip.compress(bytes(80 << 20))


def main():
    grpc_port, http_port, clients, seconds = (int(word) for word in sys.argv[1:])
    made = [GrpcClient(n, seconds, grpc_port) if n % 2 else HttpClient(n, seconds, http_port) for n in range(clients)]
    threads = [threading.Thread(target=client.work) for client in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total, unexpected = Counter(), {}
    for client in made:
        total.update(client.count)
        unexpected.update(client.unexpected)
    signal = {name: total[name] for name in METHODS}
    rest = {name: total[name] for name in ("runs", "turned_away", "malformed")}
    print(json.dumps({"signal": signal, **rest, "unexpected": unexpected}))


if __name__ == "__main__":
    main()

"""Agent runs as OTLP requests that can be told apart, and what counters and receivers say of them."""

import re
import time
import urllib.request

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from integration.receivers import told_of_a_run

TOOL = "run_shell"
POLICY = f"name: tight\nforbidden_tools: [{TOOL}]\n"


def trace_id(number):
    return (number + 1).to_bytes(16, "big")


def run(number, calls=3, content=0):
    """Return one agent run, whole in one request: a root and `calls` calls of the forbidden tool under it."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "sender"
    spans = resource.scope_spans.add().spans
    now = time.time_ns()
    root = ((number + 1) << 16).to_bytes(8, "big")
    for position in range(calls + 1):
        span = spans.add(trace_id=trace_id(number), span_id=(((number + 1) << 16) + position).to_bytes(8, "big"))
        span.start_time_unix_nano, span.end_time_unix_nano = now + position, now + 1000 - position
        told = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "sender"}
        span.name = "invoke_agent sender"
        if position:
            told = {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": TOOL,
                "gen_ai.tool.call.id": f"{number}-{position}",
                "gen_ai.tool.call.arguments": '{"command": "true"}',
                "gen_ai.tool.call.result": "x" * content,
            }
            span.name, span.parent_span_id = f"execute_tool {TOOL}", root
        for key, value in told.items():
            span.attributes.add(key=key).value.string_value = value
    return request


def spans_of(request):
    return [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


def send(port, requests):
    """Send requests over OTLP/gRPC, one after the other; returns the ids of their spans. Raises grpc.RpcError."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = TraceServiceStub(channel)
        sent = []
        for request in requests:
            stub.Export(request, timeout=30, wait_for_ready=True)
            sent += [span.span_id for span in spans_of(request)]
        return sent


def send_points(port, count):
    """Send `count` data points of a metric in one request."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="steps")
    for number in range(count):
        metric.gauge.data_points.add(as_int=number, time_unix_nano=time.time_ns())
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        MetricsServiceStub(channel).Export(request, timeout=30, wait_for_ready=True)


def arrived(receiver):
    """Return the ids of the spans that a receiver got, in order, without spans of evaluations."""
    return [span.span_id for _, span in list(receiver.spans.items) if not told_of_a_run(span)]


def counter(port, name):
    """Return the sum of a counter over all its labels, as /metrics on a port says."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return sum(float(value) for value in re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE))


def found_in(receiver):
    """Return the traces that findings of the forbidden tool were told of."""
    return {record.trace_id for record in list(receiver.logs.items) if record.event_name == "gen_ai.evaluation.result"}

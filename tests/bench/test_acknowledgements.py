"""The bench measures what it says: one long run that is judged, and small requests that are answered meanwhile."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.acknowledgements import BATCH, PHASES, long_run, measure


def test_a_long_run_is_one_trace_with_one_root_at_its_end():
    requests = [ExportTraceServiceRequest.FromString(body) for body in long_run(BATCH + 100)]
    spans = [
        [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]
        for request in requests
    ]
    assert [len(each) for each in spans] == [BATCH, 100]
    flat = [span for each in spans for span in each]
    assert len({span.trace_id for span in flat}) == 1
    [root] = [span for span in flat if not span.parent_span_id]
    assert root in spans[-1]
    assert {span.parent_span_id for span in flat} - {b""} <= {span.span_id for span in flat}


def test_judging_a_long_run_holds_up_no_acknowledgement():
    found = measure(4000)
    assert tuple(found) == PHASES
    assert all(latency.half <= latency.p99 <= latency.longest for latency in found.values())
    assert found["before"].count > 20 < found["judging"].count
    # The gate is 100 ms at p99 on a machine that does nothing else; this one may be busy.
    assert found["judging"].half < 100
    assert found["judging"].p99 < 1000

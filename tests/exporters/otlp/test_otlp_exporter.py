from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from exporters.notices import FINDING, ROOT, SINK, TRACE, changed, evaluation_notice, finding_notice
from exporters.receiving import Answer, GrpcReceiver, HttpReceiver
from spanwarden.exporters.base import RefusedError, RetryableError
from spanwarden.exporters.otlp.exporter import VERSION, OtlpExporter
from spanwarden.exporters.otlp.settings import OtlpSettings
from spanwarden.model.finding import RuleError


@pytest.fixture
def build():
    built = []

    def create(endpoint, **settings):
        settings = {"endpoint": endpoint, "tls": {"insecure": True}, "timeout": "5s"} | settings
        exporter = OtlpExporter("otlp/test", OtlpSettings.model_validate(settings))
        built.append(exporter)
        return exporter

    yield create
    for exporter in built:
        exporter.close()


def fail(code):
    return lambda context: context.abort(code, "no")


BOTH = [finding_notice(), evaluation_notice(), finding_notice(changed(rule="second"))]


def test_findings_arrive_as_records_and_evaluations_as_spans(build):
    with GrpcReceiver() as receiver:
        build(receiver.endpoint).deliver(BOTH)
    first, second = receiver.records()
    assert (first.event_name, first.trace_id.hex(), first.span_id.hex()) == ("gen_ai.evaluation.result", TRACE, SINK)
    assert first.body.string_value == FINDING.title
    assert "second" in {pair.value.string_value for pair in second.attributes}
    (span,) = receiver.spans()
    assert (span.name, span.parent_span_id.hex()) == ("evaluate_policy agent-baseline", ROOT)


def test_both_come_from_the_same_resource(build):
    with GrpcReceiver() as receiver:
        build(receiver.endpoint).deliver(BOTH)
    for group in (receiver.logs[0].resource_logs[0], receiver.traces[0].resource_spans[0]):
        told = {pair.key: pair.value.string_value for pair in group.resource.attributes}
        assert told == {"service.name": "spanwarden", "service.version": VERSION}
    assert receiver.logs[0].resource_logs[0].scope_logs[0].scope.name == "spanwarden"


def test_http_carries_the_same_bytes_as_grpc(build):
    with GrpcReceiver() as one, HttpReceiver() as other:
        build(one.endpoint).deliver(BOTH)
        build(other.url, protocol="http/protobuf", compression="none").deliver(BOTH)
    logs, traces = other.requests
    assert ExportLogsServiceRequest.FromString(logs.body) == one.logs[0]
    assert ExportTraceServiceRequest.FromString(traces.body) == one.traces[0]


@pytest.mark.parametrize(("content", "shown"), [("redacted", False), ("full", True)])
def test_matched_words_leave_only_when_asked_for(build, content, shown):
    with GrpcReceiver() as receiver:
        build(receiver.endpoint, content=content).deliver(BOTH)
    assert ("curl x | sh" in str(receiver.logs)) is shown
    assert ("curl x | sh" in str(receiver.traces)) is shown


def test_a_retry_repeats_the_same_bytes(build):
    with HttpReceiver(Answer(503)) as receiver:
        exporter = build(receiver.url, protocol="http/protobuf")
        with pytest.raises(RetryableError):
            exporter.deliver([finding_notice()])
        exporter.deliver([finding_notice()])
    first, second = receiver.requests
    assert first.body == second.body


def test_a_retry_sends_only_what_is_still_due(build):
    with GrpcReceiver(lambda _: None, fail(grpc.StatusCode.UNAVAILABLE)) as receiver:
        exporter = build(receiver.endpoint)
        with pytest.raises(RetryableError):
            exporter.deliver(BOTH)
        exporter.deliver(BOTH)
        assert (len(receiver.logs), len(receiver.traces)) == (1, 2)
        exporter.deliver(BOTH)
        assert (len(receiver.logs), len(receiver.traces)) == (2, 3)


def test_what_was_refused_is_told_once_the_rest_is_through(build):
    def reject(_):
        return ExportLogsServiceResponse(partial_success={"rejected_log_records": 1, "error_message": "too old"})

    with GrpcReceiver(reject, fail(grpc.StatusCode.UNAVAILABLE)) as receiver:
        exporter = build(receiver.endpoint)
        with pytest.raises(RetryableError):
            exporter.deliver(BOTH)
        with pytest.raises(RefusedError, match="rejected 1 log records: too old"):
            exporter.deliver(BOTH)
    assert (len(receiver.logs), len(receiver.traces)) == (1, 2)


def test_a_refusal_of_one_signal_does_not_keep_the_other_back(build):
    unimplemented = fail(grpc.StatusCode.UNIMPLEMENTED)
    with GrpcReceiver(unimplemented) as receiver, pytest.raises(RefusedError, match="UNIMPLEMENTED"):
        build(receiver.endpoint).deliver(BOTH)
    assert len(receiver.traces) == 1


def test_every_attribute_is_documented(build):
    docs = (Path(__file__).parents[3] / "docs" / "exporters.md").read_text("utf-8")
    everything = changed(code="FLOW")
    with GrpcReceiver() as receiver:
        failed = evaluation_notice(everything, rule_errors=(RuleError("r", "e"),))
        build(receiver.endpoint).deliver([finding_notice(everything), failed])
    sent = [*receiver.records(), *receiver.spans(), *receiver.spans()[0].links, *receiver.spans()[0].events]
    names = {pair.key for item in sent for pair in item.attributes}
    assert len(names) > 30
    assert sorted(name for name in names if f"`{name}`" not in docs) == []


def test_nothing_to_say_makes_no_request(build):
    with GrpcReceiver() as receiver:
        build(receiver.endpoint).deliver([])
    assert not receiver.logs
    assert not receiver.traces


def test_paths_for_signals_need_http(build):
    with pytest.raises(ValueError, match="http/protobuf"):
        build("a:1", logs_endpoint="http://a/logs")

"""OTLP/gRPC, row by row of the specification."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otlp_conformance.conftest import Target
from otlp_conformance.wire import METHODS, REQUESTS, RESPONSES, SIGNALS, CallFailedError, traces


@pytest.mark.parametrize("signal", SIGNALS)
def test_success_has_no_partial_success(target: Target, signal: str) -> None:
    answer = RESPONSES[signal].FromString(target.grpc.export(signal, REQUESTS[signal]().SerializeToString()))
    assert not answer.HasField("partial_success") or not answer.partial_success.ByteSize()  # type: ignore[attr-defined]


@pytest.mark.parametrize("signal", SIGNALS)
def test_an_empty_request_succeeds(target: Target, signal: str) -> None:
    RESPONSES[signal].FromString(target.grpc.export(signal, b""))


def test_empty_envelopes_succeed(target: Target) -> None:
    message = traces(0)
    message.resource_spans.add()
    target.grpc.export("traces", message.SerializeToString())


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_requests(target: Target, compression: grpc.Compression) -> None:
    if compression is grpc.Compression.Deflate and target.kind == "collector":
        with pytest.raises(CallFailedError) as failure:
            target.grpc.export("traces", traces(50).SerializeToString(), compression=compression)
        # grpc-go has no deflate; the specification asks for gzip alone.
        assert failure.value.code is grpc.StatusCode.UNIMPLEMENTED
        return
    target.grpc.export("traces", traces(50).SerializeToString(), compression=compression)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_undecodable_data_is_final(target: Target, signal: str, compression: grpc.Compression) -> None:
    with pytest.raises(CallFailedError) as failure:
        target.grpc.export(signal, b"\x0a\xff\xff\xff\xff\x0f" + b"x" * 99, compression=compression)
    assert failure.value.code in target.allowed.grpc_undecodable
    if target.allowed.details_on_bad_data:
        assert failure.value.status.details[0].Is(BadRequest.DESCRIPTOR)


def test_a_truncated_request_is_final(target: Target) -> None:
    with pytest.raises(CallFailedError) as failure:
        target.grpc.export("traces", traces(3).SerializeToString()[:-2])
    assert failure.value.code in target.allowed.grpc_undecodable


def test_unknown_fields_are_ignored(target: Target) -> None:
    # Field 900, length-delimited, at the top and (by the official message's own unknown fields) in a span.
    unknown = b"\xa2\x38\x03abc"
    span = traces().resource_spans[0].scope_spans[0].spans[0].SerializeToString() + unknown
    scope = b"\x12" + bytes([len(span)]) + span
    resource = b"\x12" + bytes([len(scope)]) + scope
    target.grpc.export("traces", b"\x0a" + bytes([len(resource)]) + resource + unknown)


def test_unknown_enum_numbers_are_accepted(target: Target) -> None:
    message = traces()
    message.resource_spans[0].scope_spans[0].spans[0].kind = 77  # type: ignore[assignment]
    target.grpc.export("traces", message.SerializeToString())


def test_what_is_larger_than_the_limit_is_resource_exhausted_and_final(target: Target) -> None:
    limit = target.allowed.grpc_limit
    target.grpc.export("traces", traces(1, limit - 1024).SerializeToString())
    with pytest.raises(CallFailedError) as failure:
        target.grpc.export("traces", traces(1, limit + 1024).SerializeToString())
    assert failure.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "google.rpc.retryinfo-bin" not in failure.value.trailers
    target.grpc.export("traces", b"")


def test_the_limit_holds_after_decompression(target: Target) -> None:
    limit = target.allowed.decompressed_limit if target.kind == "spanwarden" else target.allowed.grpc_limit
    with pytest.raises(CallFailedError) as failure:
        target.grpc.export("traces", traces(1, limit + 1024).SerializeToString(), compression=grpc.Compression.Gzip)
    assert failure.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    target.grpc.export("traces", traces(1, limit - 4096).SerializeToString(), compression=grpc.Compression.Gzip)


@pytest.mark.parametrize(
    "method", ["/opentelemetry.proto.collector.trace.v1.TraceService/Nothing", "/some.other.Service/Export"]
)
def test_unknown_methods_are_unimplemented(target: Target, method: str) -> None:
    with pytest.raises(CallFailedError) as failure:
        target.grpc.call(method, b"")
    assert failure.value.code is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    ("trace_id", "span_id"), [(b"short", b"s" * 8), (b"t" * 16, b"too long for it"), (b"t" * 17, b"s" * 8)]
)
def test_spans_with_ids_of_the_wrong_length(target: Target, trace_id: bytes, span_id: bytes) -> None:
    message = traces(2)
    message.resource_spans[0].scope_spans[0].spans.add(trace_id=trace_id, span_id=span_id)
    if target.allowed.odd_ids == "malformed":
        with pytest.raises(CallFailedError) as failure:
            target.grpc.export("traces", message.SerializeToString())
        assert failure.value.code in target.allowed.grpc_undecodable
        return
    answer = ExportTraceServiceResponse.FromString(target.grpc.export("traces", message.SerializeToString()))
    assert answer.partial_success.rejected_spans == 1
    assert answer.partial_success.error_message


def test_spans_with_ids_that_are_all_zero(target: Target) -> None:
    message = traces(1)
    message.resource_spans[0].scope_spans[0].spans.add(trace_id=bytes(16), span_id=b"s" * 8)
    answer = ExportTraceServiceResponse.FromString(target.grpc.export("traces", message.SerializeToString()))
    assert answer.partial_success.rejected_spans == (1 if target.allowed.zero_ids == "partial_success" else 0)


def test_log_records_need_no_ids(target: Target) -> None:
    answer = RESPONSES["logs"].FromString(target.grpc.export("logs", REQUESTS["logs"]().SerializeToString()))
    assert not answer.partial_success.rejected_log_records  # type: ignore[attr-defined]


def test_many_requests_at_a_time(target: Target) -> None:
    body = traces(3).SerializeToString()
    calls = [target.grpc.channel.unary_unary(METHODS["traces"]).future(body, timeout=30) for _ in range(200)]
    assert all(call.result() is not None for call in calls)


def test_a_client_that_cancels_harms_nobody(target: Target) -> None:
    body = traces(1, 1 << 20).SerializeToString()
    for _ in range(20):
        target.grpc.channel.unary_unary(METHODS["traces"]).future(body, timeout=30).cancel()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: target.grpc.export("traces", traces().SerializeToString()), range(20)))


@pytest.mark.parametrize("signal", ["traces", "logs"])
def test_overload_is_unavailable_with_a_short_wait(target: Target, signal: str) -> None:
    target.overload(True)
    try:
        with pytest.raises(CallFailedError) as failure:
            target.grpc.export(signal, REQUESTS[signal]().SerializeToString())
    finally:
        target.overload(False)
    assert failure.value.code is grpc.StatusCode.UNAVAILABLE
    retry = RetryInfo()
    assert failure.value.status.details[0].Unpack(retry)
    assert 0 < retry.retry_delay.ToTimedelta().total_seconds() <= 3
    # What Python's exporter reads instead of the status.
    assert RetryInfo.FromString(failure.value.trailers["google.rpc.retryinfo-bin"]) == retry
    target.grpc.export(signal, REQUESTS[signal]().SerializeToString())

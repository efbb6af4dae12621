import subprocess

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from exporters.receiving import GrpcReceiver, dead_port
from spanwarden.exporters.base import RefusedError, RetryableError
from spanwarden.exporters.otlp.grpc_transport import GrpcTransport
from spanwarden.exporters.otlp.settings import OtlpSettings

LOGS = ExportLogsServiceRequest().SerializeToString()


@pytest.fixture
def connect():
    built = []

    def create(endpoint, **settings):
        settings = {"endpoint": endpoint, "tls": {"insecure": True}, "timeout": "5s"} | settings
        transport = GrpcTransport(OtlpSettings.model_validate(settings))
        built.append(transport)
        return transport

    yield create
    for transport in built:
        transport.close()


def failing(code, *details, spelling="grpc-status-details-bin"):
    def behave(context):
        trailers = []
        if spelling == "grpc-status-details-bin" and details:
            status = Status(code=code.value[0])
            for detail in details:
                status.details.add().Pack(detail)
            trailers.append((spelling, status.SerializeToString()))
        elif details:
            trailers.append((spelling, details[0].SerializeToString()))
        context.set_trailing_metadata(trailers)
        context.abort(code, "receiver says \x1b[2J no")

    return behave


RETRY = RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_both_signals_arrive_over_one_channel(connect, compression):
    with GrpcReceiver() as receiver:
        transport = connect(receiver.endpoint, compression=compression, headers={"X-Tenant": "blue"})
        transport.send("logs", LOGS)
        transport.send("traces", ExportTraceServiceRequest().SerializeToString())
    assert (len(receiver.logs), len(receiver.traces)) == (1, 1)
    assert [metadata["x-tenant"] for metadata in receiver.metadata] == ["blue", "blue"]


AGAIN = "CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"
FINAL = "UNKNOWN", "INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED", "UNIMPLEMENTED", "INTERNAL", "UNAUTHENTICATED"


@pytest.mark.parametrize("name", AGAIN)
def test_codes_worth_another_attempt(connect, name):
    with GrpcReceiver(failing(grpc.StatusCode[name])) as receiver, pytest.raises(RetryableError, match=name) as failure:
        connect(receiver.endpoint).send("logs", LOGS)
    assert failure.value.after is None
    assert str(failure.value).isprintable()


@pytest.mark.parametrize("name", FINAL)
def test_codes_that_are_final_even_with_retry_info(connect, name):
    with GrpcReceiver(failing(grpc.StatusCode[name], RETRY)) as receiver, pytest.raises(RefusedError, match=name):
        connect(receiver.endpoint).send("logs", LOGS)


def test_the_requested_wait_is_read_in_both_spellings(connect):
    spellings = ["grpc-status-details-bin", "google.rpc.retryinfo-bin"]
    behaviours = [failing(grpc.StatusCode.UNAVAILABLE, RETRY, spelling=spelling) for spelling in spellings]
    behaviours.append(failing(grpc.StatusCode.UNAVAILABLE, BadRequest(), RETRY))
    with GrpcReceiver(*behaviours) as receiver:
        transport = connect(receiver.endpoint)
        for _ in behaviours:
            with pytest.raises(RetryableError) as failure:
                transport.send("logs", LOGS)
            assert failure.value.after == 2.5


def test_exhausted_resources_are_worth_another_attempt_only_with_a_wait(connect):
    exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
    with GrpcReceiver(failing(exhausted), failing(exhausted, RETRY)) as receiver:
        transport = connect(receiver.endpoint)
        with pytest.raises(RefusedError, match="RESOURCE_EXHAUSTED"):
            transport.send("logs", LOGS)
        with pytest.raises(RetryableError) as failure:
            transport.send("logs", LOGS)
        assert failure.value.after == 2.5


def test_unreadable_details_are_no_wait(connect):
    def garbage(context):
        context.set_trailing_metadata(
            [("grpc-status-details-bin", b"\xff\xff"), ("google.rpc.retryinfo-bin", b"\xff\xff")]
        )
        context.abort(grpc.StatusCode.UNAVAILABLE, "")

    with GrpcReceiver(garbage) as receiver, pytest.raises(RetryableError) as failure:
        connect(receiver.endpoint).send("logs", LOGS)
    assert failure.value.after is None


def test_rejected_records_are_refused_with_the_receivers_reason(connect):
    def logs(_):
        return ExportLogsServiceResponse(partial_success={"rejected_log_records": 2, "error_message": "too\nold"})

    def traces(_):
        return ExportTraceServiceResponse(partial_success={"rejected_spans": 1})

    with GrpcReceiver(logs, traces) as receiver:
        transport = connect(receiver.endpoint)
        with pytest.raises(RefusedError, match="rejected 2 log records: too old"):
            transport.send("logs", LOGS)
        with pytest.raises(RefusedError, match="rejected 1 spans: no reason given"):
            transport.send("traces", LOGS)


def test_a_warning_is_logged_and_counts_as_success(connect, caplog):
    def warn(_):
        return ExportLogsServiceResponse(partial_success={"error_message": "slow \x1b[2J down"})

    with GrpcReceiver(warn) as receiver:
        connect(receiver.endpoint).send("logs", LOGS)
    assert [record.getMessage() for record in caplog.records] == [rf"{receiver.endpoint}: warns: slow \x1b[2J down"]


def test_a_hanging_receiver_is_given_up_on_in_time(connect):
    import threading

    ended = threading.Event()
    with GrpcReceiver(lambda _: ended.wait(30) and None) as receiver:
        try:
            with pytest.raises(RetryableError, match="DEADLINE_EXCEEDED"):
                connect(receiver.endpoint, timeout="100ms").send("logs", LOGS)
        finally:
            ended.set()


def test_it_recovers_when_the_receiver_comes_up(connect):
    port = dead_port()
    transport = connect(f"127.0.0.1:{port}")
    with pytest.raises(RetryableError):
        transport.send("logs", LOGS)
    with GrpcReceiver(port=port) as receiver:
        grpc.channel_ready_future(transport._channel).result(timeout=20)
        transport.send("logs", LOGS)
    assert len(receiver.logs) == 1


@pytest.mark.parametrize(
    ("endpoint", "settings", "says"),
    [
        ("nowhere", {}, "expected host:port"),
        (":4317", {}, "expected host:port"),
        ("a:0", {}, "expected host:port"),
        ("a:99999", {}, "expected host:port"),
        ("https://a:4317", {}, "contradicts"),
        ("a:1", {"headers": {"x-bin": "1"}}, "reserved by gRPC or binary"),
        ("a:1", {"headers": {"grpc-x": "1"}}, "reserved by gRPC or binary"),
        ("a:1", {"tls": {"insecure_skip_verify": True}}, "always verifies"),
        ("a:1", {"tls": {"ca_file": "missing.pem"}}, "tls.ca_file missing.pem"),
        ("a:1", {"tls": {"cert_file": "a.pem"}}, "only one is set"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_start(connect, endpoint, settings, says):
    with pytest.raises(ValueError, match=says):
        connect(endpoint, **settings)


def test_a_plain_http_scheme_means_plain_text(connect):
    with GrpcReceiver() as receiver:
        connect(f"http://{receiver.endpoint}", tls={}).send("logs", LOGS)
    assert len(receiver.logs) == 1


def test_a_dead_port_may_be_tried_again(connect):
    with pytest.raises(RetryableError, match="UNAVAILABLE"):
        connect(f"127.0.0.1:{dead_port()}").send("logs", LOGS)


def test_tls_trusts_the_named_authority(connect, tmp_path):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    try:
        subprocess.run([*command.split(), *names], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs the openssl command")
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())])
    with GrpcReceiver(credentials=credentials) as receiver:
        connect(receiver.endpoint, tls={"ca_file": str(cert)}).send("logs", LOGS)
        with pytest.raises(RetryableError):
            connect(receiver.endpoint, tls={}).send("logs", LOGS)
    assert len(receiver.logs) == 1

import gzip

import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from exporters.receiving import Answer, HttpReceiver
from spanwarden.exporters.base import RefusedError, RetryableError
from spanwarden.exporters.otlp.http_transport import HttpTransport, endpoints
from spanwarden.exporters.otlp.settings import OtlpSettings

NOW = 1_790_000_000.0
PROTOBUF = {"content-type": "application/x-protobuf"}


def settings(endpoint, **more):
    return OtlpSettings.model_validate({"endpoint": endpoint, "protocol": "http/protobuf", "timeout": "5s"} | more)


@pytest.fixture
def connect():
    built = []

    def create(endpoint, **more):
        transport = HttpTransport(settings(endpoint, **more), clock=lambda: NOW)
        built.append(transport)
        return transport

    yield create
    for transport in built:
        transport.close()
        transport.close()


def test_each_signal_has_its_path(connect):
    with HttpReceiver() as receiver:
        transport = connect(receiver.url, compression="none", headers={"Authorization": "Bearer t"})
        transport.send("logs", b"one")
        transport.send("traces", b"two")
    assert [(request.path, request.body) for request in receiver.requests] == [
        ("/v1/logs", b"one"),
        ("/v1/traces", b"two"),
    ]
    assert receiver.requests[0].headers["content-type"] == "application/x-protobuf"
    assert receiver.requests[0].headers["authorization"] == "Bearer t"
    assert "content-encoding" not in receiver.requests[0].headers


def test_gzip_repeats_the_same_bytes(connect):
    with HttpReceiver() as receiver:
        transport = connect(receiver.url, compression="gzip")
        transport.send("logs", b"words " * 100)
        transport.send("logs", b"words " * 100)
    first, second = receiver.requests
    assert first.headers["content-encoding"] == "gzip"
    assert gzip.decompress(first.body) == b"words " * 100
    assert first.body == second.body


def retry_status():
    status = Status(code=14)
    status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=3)))
    return status.SerializeToString()


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        (Answer(503, {"retry-after": "7"}), 7.0),
        (Answer(429, {"retry-after": "Mon, 21 Sep 2026 14:13:50 GMT"}), 30.0),
        (Answer(502), None),
        (Answer(504, PROTOBUF, retry_status()), 3.0),
        (Answer(503, PROTOBUF | {"retry-after": "1"}, retry_status()), 1.0),
        (Answer(503, PROTOBUF, b"\xff\xff"), None),
        (Answer(503, {"content-type": "text/html"}, retry_status()), None),
    ],
)
def test_statuses_worth_another_attempt(connect, answer, after):
    with HttpReceiver(answer) as receiver, pytest.raises(RetryableError, match=str(answer.status)) as failure:
        connect(receiver.url).send("logs", b"x")
    assert failure.value.after == after


@pytest.mark.parametrize("status", [302, 307, 400, 401, 404, 408, 413, 415, 500, 501])
def test_statuses_that_are_final(connect, status):
    answer = Answer(status, {"location": "http://elsewhere.invalid/"}, b"receiver's words")
    with HttpReceiver(answer) as receiver, pytest.raises(RefusedError, match=f"answered {status}") as failure:
        connect(receiver.url).send("logs", b"x")
    assert len(receiver.requests) == 1
    assert "words" not in str(failure.value)


def test_rejected_records_are_refused_with_the_receivers_reason(connect):
    response = ExportLogsServiceResponse(partial_success={"rejected_log_records": 3, "error_message": "too old"})
    answer = Answer(200, PROTOBUF, response.SerializeToString())
    with HttpReceiver(answer) as receiver, pytest.raises(RefusedError, match="rejected 3 log records: too old"):
        connect(receiver.url).send("logs", b"x")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, PROTOBUF, b"\xff\xff\xff"),
        Answer(200, {"content-type": "text/plain"}, b"ok"),
        Answer(202),
        Answer(200, PROTOBUF, endless=True),
    ],
)
def test_a_success_that_cannot_be_read_is_still_one(connect, answer):
    with HttpReceiver(answer) as receiver:
        connect(receiver.url).send("logs", b"x")
    assert len(receiver.requests) == 1
    assert receiver.written < 100_000_000


def test_a_hanging_receiver_is_given_up_on_in_time(connect):
    with HttpReceiver(Answer(hang=True)) as receiver, pytest.raises(RetryableError, match="no answer in time"):
        connect(receiver.url, timeout="100ms").send("logs", b"x")


@pytest.mark.parametrize(
    ("more", "logs", "traces"),
    [
        ({"endpoint": "http://a:4318"}, "http://a:4318/v1/logs", "http://a:4318/v1/traces"),
        ({"endpoint": "https://a/otlp/"}, "https://a/otlp/v1/logs", "https://a/otlp/v1/traces"),
        ({"endpoint": "https://a/in/v1/logs"}, "https://a/in/v1/logs", "https://a/in/v1/traces"),
        ({"endpoint": "https://a/v1/traces/"}, "https://a/v1/logs", "https://a/v1/traces"),
        ({"endpoint": "a:4318"}, "https://a:4318/v1/logs", "https://a:4318/v1/traces"),
        (
            {"endpoint": "a:4318", "tls": {"insecure": True}, "logs_endpoint": "http://b/logs"},
            "http://b/logs",
            "http://a:4318/v1/traces",
        ),
        (
            {"endpoint": "a:1", "logs_endpoint": "https://b/l?k=1", "traces_endpoint": "https://c/t"},
            "https://b/l?k=1",
            "https://c/t",
        ),
    ],
)
def test_where_each_signal_goes(more, logs, traces):
    found = endpoints(settings(**more))
    assert (found["logs"], found["traces"]) == (logs, traces)


@pytest.mark.parametrize(
    ("more", "metrics"),
    [
        ({"endpoint": "https://a/otlp/"}, "https://a/otlp/v1/metrics"),
        ({"endpoint": "https://a/in/v1/metrics"}, "https://a/in/v1/metrics"),
        ({"endpoint": "https://a", "metrics_endpoint": "https://m/x?k=1"}, "https://m/x?k=1"),
    ],
)
def test_where_metrics_go(more, metrics):
    assert endpoints(settings(**more))["metrics"] == metrics


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"endpoint": "ftp://a/"}, "endpoint: expected an http"),
        ({"endpoint": "https://a/?key=1"}, "has a query"),
        ({"endpoint": "https://me:pw@a/"}, "credentials"),
        ({"endpoint": "https://a/", "tls": {"insecure": True}}, "contradicts"),
        ({"endpoint": "a:1", "traces_endpoint": "/v1/traces"}, "traces_endpoint: expected"),
        ({"endpoint": "a:1", "headers": {"Content-Type": "x"}}, "set by the exporter"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_start(connect, more, says):
    with pytest.raises(ValueError, match=says):
        connect(**more)

from __future__ import annotations

import asyncio
import pathlib
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from service.forwarding.upstreams import Upstream, eventually, spans
from spanwarden.service.app import Endpoints, Service, StartError
from spanwarden.service.clock import SystemClock
from spanwarden.service.loading import SettingsError, check
from spanwarden.service.metrics import METRICS, Telemetry
from spanwarden.service.metrics_push import as_otlp

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOCAL: dict[str, Any] = {
    "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "localhost:0"}, "http": {"endpoint": "localhost:0"}}}},
    "processors": {"policy": {"policies": []}},
    "exporters": {},
    "extensions": {"health_check": {"endpoint": "localhost:0"}, "storage": {"directory": None}},
    "service": {"telemetry": {"metrics": {"endpoint": "localhost:0"}}},
}


def merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in more.items():
        result[key] = merged(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
    return result


def serve(more: dict[str, Any], use: Callable[[Service, Endpoints], None]) -> Service:
    """Run a service around `use`, which is called in a thread."""

    async def scenario() -> Service:
        service = Service(check(merged(LOCAL, more)))
        endpoints = await service.start()
        try:
            await asyncio.to_thread(use, service, endpoints)
        finally:
            await service.stop()
        return service

    return asyncio.run(scenario())


def post(port: int | None, body: bytes, **headers: str) -> int:
    request = urllib.request.Request(
        f"http://localhost:{port}/v1/traces", body, {"content-type": "application/x-protobuf", **headers}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            status: int = response.status
            return status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_telemetry_goes_on_unchanged_from_both_protocols() -> None:
    body = spans(3)
    with Upstream() as upstream:
        exporter = {"otlp/up": {"endpoint": f"127.0.0.1:{upstream.port}", "tls": {"insecure": True}}}

        def use(_: Service, endpoints: Endpoints) -> None:
            with grpc.insecure_channel(f"localhost:{endpoints.grpc}") as channel:
                channel.unary_unary(TRACES, None, None)(body, timeout=10)
            assert post(endpoints.http, body) == 200
            eventually(lambda: len(upstream.taken) == 2)

        more = {"exporters": exporter, "service": {"pipelines": {"traces": {"exporters": ["otlp/up"]}}}}
        service = serve(more, use)
    assert upstream.taken == [("traces", body)] * 2
    assert service.telemetry.value("otelcol_exporter_sent_spans", exporter="otlp/up") == 6


def test_what_was_acknowledged_is_forwarded_before_the_service_ends() -> None:
    with Upstream() as upstream:
        exporter = {"otlp/up": {"endpoint": f"127.0.0.1:{upstream.port}", "tls": {"insecure": True}}}

        def use(_: Service, endpoints: Endpoints) -> None:
            with grpc.insecure_channel(f"localhost:{endpoints.grpc}") as channel:
                call = channel.unary_unary(TRACES, None, None)
                for number in range(50):
                    call(spans(2, start=1 + 2 * number), timeout=10)

        serve({"exporters": exporter, "service": {"pipelines": {"traces": {"exporters": ["otlp/up"]}}}}, use)
    assert len(upstream.taken) == 50


def test_a_token_is_asked_for_where_the_settings_say_so(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("s3cret\n")
    more = {
        "receivers": {"otlp": {"protocols": {"http": {"auth": {"authenticator": "bearertokenauth"}}}}},
        "extensions": {"bearertokenauth": {"filename": str(file)}},
    }

    def use(_: Service, endpoints: Endpoints) -> None:
        assert post(endpoints.http, spans()) == 401
        assert post(endpoints.http, spans(), authorization="Bearer wrong") == 401
        assert post(endpoints.http, spans(), authorization="Bearer s3cret") == 200

    service = serve(more, use)
    assert service.telemetry.value("otelcol_receiver_accepted_spans", receiver="otlp", transport="http") == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"receivers": {"otlp": {"protocols": {"http": {"auth": {"authenticator": "basicauth"}}}}}},
            "protocols.http.auth.authenticator: there is no extension 'basicauth'",
        ),
        (
            {
                "receivers": {"otlp": {"protocols": {"http": {"auth": {"authenticator": "bearertokenauth"}}}}},
                "extensions": {"bearertokenauth": {"filename": "/nowhere/tokens"}},
            },
            "extensions.bearertokenauth",
        ),
        (
            {"service": {"telemetry": {"metrics": {"push": {"exporter": "otlp/none"}}}}},
            "'otlp/none' is no exporter that can send metrics",
        ),
    ],
)
def test_what_cannot_work_is_said_before_the_start(more: dict[str, Any], message: str) -> None:
    with pytest.raises(StartError, match=message):
        Service(check(merged(LOCAL, more)))


def test_one_exporter_does_not_carry_both_telemetry_and_findings() -> None:
    pipelines = {"traces": {"exporters": ["otlp"]}, "findings": {"exporters": ["otlp"]}}
    with pytest.raises(SettingsError, match="give findings an exporter of their own"):
        check(merged(LOCAL, {"exporters": {"otlp": {}}, "service": {"pipelines": pipelines}}))


def test_own_metrics_are_pushed() -> None:
    with Upstream() as upstream:
        more = {
            "exporters": {"otlp/self": {"endpoint": f"127.0.0.1:{upstream.port}", "tls": {"insecure": True}}},
            "service": {"telemetry": {"metrics": {"push": {"exporter": "otlp/self", "interval": "1h"}}}},
        }

        def use(_: Service, endpoints: Endpoints) -> None:
            assert post(endpoints.http, spans(4)) == 200

        serve(more, use)
    [(signal, body)] = upstream.taken
    assert signal == "metrics"
    [scope] = ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics
    by_name = {metric.name: metric for metric in scope.metrics}
    points = by_name["otelcol_receiver_accepted_spans"].sum.data_points
    assert {p.as_double for p in points if any(a.value.string_value == "http" for a in p.attributes)} == {4.0}


def test_histograms_are_told_as_otlp_counts_them() -> None:
    telemetry = Telemetry()
    for value in (0.002, 0.2, 100.0):
        telemetry.observe("spanwarden_evaluation_seconds", value)
    metrics = as_otlp(telemetry, 1, 2).resource_metrics[0].scope_metrics[0].metrics
    [point] = next(m for m in metrics if m.name == "spanwarden_evaluation_seconds").histogram.data_points
    assert sum(point.bucket_counts) == point.count == 3
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    assert point.bucket_counts[-1] == 1
    assert point.sum == pytest.approx(100.202)


def test_known_label_values_are_exposed_at_zero_from_the_start() -> None:
    text = Service(check(LOCAL), SystemClock()).telemetry.exposition().decode()
    assert 'otelcol_receiver_accepted_spans_total{receiver="otlp",transport="grpc"} 0.0' in text
    assert 'spanwarden_reloads_total{result="refused"} 0.0' in text
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_readiness_follows_the_life_of_the_service() -> None:
    def use(service: Service, endpoints: Endpoints) -> None:
        def health(path: str) -> int:
            try:
                with urllib.request.urlopen(f"http://localhost:{endpoints.health}{path}", timeout=10) as response:
                    status: int = response.status
                    return status
            except urllib.error.HTTPError as error:
                error.close()
                return error.code

        assert (health("/"), health("/livez"), health("/readyz"), health("/x")) == (200, 200, 200, 404)
        service._ready = False
        assert (health("/livez"), health("/readyz")) == (200, 503)

    serve({}, use)

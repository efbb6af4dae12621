"""Keys that a Collector's configuration has and the OpenTelemetry Operator writes."""

import asyncio
import http.client

import pytest

from spanwarden.service.health import health_server
from spanwarden.service.loading import SettingsError, load


def metrics(text):
    return load([f"yaml:service: {{telemetry: {{metrics: {text}}}}}"]).service.telemetry.metrics.endpoint


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("{}", "localhost:8888"),
        ("{address: '0.0.0.0:8889'}", "0.0.0.0:8889"),
        ("{level: detailed}", "localhost:8888"),
        ("{level: none}", None),
        ("{level: basic, readers: [{pull: {exporter: {prometheus: {host: 0.0.0.0, port: 9090}}}}]}", "0.0.0.0:9090"),
        ("{readers: [{periodic: {}}, {pull: {exporter: {prometheus: {without_units: false}}}}]}", "localhost:8888"),
        # The Operator adds a reader where it finds neither address nor readers; what was written here holds.
        ("{endpoint: '127.0.0.1:1', readers: [{pull: {exporter: {prometheus: {port: 2}}}}]}", "127.0.0.1:1"),
        ("{endpoint: null, address: '0.0.0.0:1'}", None),
    ],
)
def test_where_metrics_are_served(text, endpoint):
    assert metrics(text) == endpoint


@pytest.mark.parametrize("readers", ["[{periodic: {exporter: {otlp: {}}}}]", "[7]", "{pull: {}}", "yes"])
def test_readers_that_nobody_pulls_from_are_refused(readers):
    with pytest.raises(SettingsError, match=r"service.telemetry.metrics: readers: only pull.exporter.prometheus"):
        metrics(f"{{readers: {readers}}}")


def test_an_unknown_key_beside_them_is_still_refused():
    with pytest.raises(SettingsError, match="unknown key 'adress'"):
        metrics("{adress: '0.0.0.0:8888'}")


def test_an_extension_that_is_not_in_use_is_off():
    assert load([]).health_check is not None
    assert load(["yaml:service: {extensions: [storage, health_check]}"]).health_check is not None
    assert load(["yaml:service: {extensions: [storage]}"]).health_check is None


def test_an_unknown_extension_is_refused():
    with pytest.raises(SettingsError, match="no extension 'health-check', did you mean 'health_check'"):
        load(["yaml:service: {extensions: [health-check]}"])


def test_health_is_answered_at_the_path_that_the_settings_name():
    async def statuses(*paths):
        server = health_server(lambda: True, "/health/status")
        port = await server.start("127.0.0.1", 0)

        def ask(path):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", path)
            status = connection.getresponse().status
            connection.close()
            return status

        found = [await asyncio.to_thread(ask, path) for path in paths]
        await server.stop(0.5)
        return found

    assert asyncio.run(statuses("/health/status", "/readyz", "/livez", "/")) == [200, 200, 200, 404]

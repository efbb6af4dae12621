"""What the settings of forwarding accept and refuse."""

from __future__ import annotations

import pytest

from service.forwarding.upstreams import forwarding, settings
from spanwarden.service.clock import SystemClock
from spanwarden.service.forwarding import build_forwarding
from spanwarden.service.loading import SettingsError, check
from spanwarden.service.metrics import Telemetry
from spanwarden.service.settings import Settings


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"forward": {"content": "redacted"}}, r"otlp/upstream\.forward\.content"),
        ({"forward": {"content_keys": ["a*b"]}}, "is no attribute name"),
        ({"forward": {"content_keys": ["*"]}}, "is no attribute name"),
        ({"queue": {"num_consumers": 0}}, r"sending_queue\.num_consumers"),
        ({"queue": {"queue_bytes": 0}}, r"sending_queue\.queue_bytes"),
        ({"queue": {"spill": {}}}, r"sending_queue\.spill\.directory"),
        ({"queue": {"spill": {"directory": " "}}}, "expected a directory"),
        ({"queue": {"spill": {"directory": "d", "max_sise": 1}}}, "did you mean 'max_size'"),
    ],
)
def test_bad_settings_are_refused_in_one_line(more: dict, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as failure:
        settings("127.0.0.1:1", **more)
    assert "\n" not in str(failure.value)


def test_an_exporter_that_cannot_forward_is_refused() -> None:
    chosen = check({"exporters": {"console": {}}, "service": {"pipelines": {"logs": {"exporters": ["console"]}}}})
    with pytest.raises(ValueError, match=r"exporters\.console: exporters of type console cannot forward telemetry"):
        build_forwarding(chosen, chosen.service.pipelines, Telemetry(), SystemClock())


@pytest.mark.parametrize(
    "endpoint",
    ["localhost:4317", "127.0.0.1:4317", "[::1]:4317", "http://localhost:4318", "http://LOCALHOST:4318/v1/logs"],
)
def test_an_upstream_that_is_ourselves_is_refused(endpoint: str) -> None:
    protocol = "http/protobuf" if "4318" in endpoint else "grpc"
    with pytest.raises(ValueError, match="round in circles"):
        forwarding(endpoint, protocol=protocol)


@pytest.mark.parametrize("endpoint", ["localhost:14317", "collector:4317", "http://gateway:4318"])
def test_others_are_not(endpoint: str) -> None:
    forwarding(endpoint, protocol="http/protobuf" if "4318" in endpoint else "grpc").close(0.1)


def test_without_pipelines_nothing_is_forwarded() -> None:
    defaults = Settings()
    sender = build_forwarding(defaults, defaults.service.pipelines, Telemetry(), SystemClock())
    sender.start()
    sender.offer("traces", b"anything")
    assert sender.names == []
    assert sender.idle()
    sender.close(1)

"""The OpenTelemetryCollector resources: what the Operator makes of them starts our image.

No Operator runs here. `as_started` does what its source does to a configuration (release of August 2026: webhook
defaults, sidecar/pod.go, collector/container.go), so that a key that we do not take shows up.
"""

import copy
import subprocess

import pytest
import yaml

from deploy.documents import DEPLOY, document, documents, memory, size
from integration.processes import spanwarden
from spanwarden.service.loading import load

RESOURCES = {resource["spec"]["mode"]: resource for resource in documents("operator/opentelemetrycollector.yaml")}
SERVICE_KEYS = {"extensions", "telemetry", "pipelines"}
"""What the Operator's own type of `service` has; other keys are lost on the way."""


def defaulted(config):
    """Return a configuration as the Operator's webhook leaves it."""
    config = copy.deepcopy(config)
    service = config["service"]
    metrics = service.setdefault("telemetry", {}).setdefault("metrics", {})
    if not metrics.get("address") and not metrics.get("readers"):
        flags = {"without_type_suffix": False, "without_units": False, "without_scope_info": False}
        metrics["readers"] = [{"pull": {"exporter": {"prometheus": {"host": "0.0.0.0", "port": 8888, **flags}}}}]
    for name, usual in (("grpc", 4317), ("http", 4318)):
        protocols = config["receivers"]["otlp"]["protocols"]
        if name in protocols:
            protocols[name] = {"endpoint": f"0.0.0.0:{usual}", **(protocols[name] or {})}
    if "health_check" in service.get("extensions", []):
        health = config["extensions"]["health_check"] or {}
        config["extensions"]["health_check"] = {"endpoint": "0.0.0.0:13133", "path": "/", **health}
    config["service"] = {key: value for key, value in service.items() if key in SERVICE_KEYS}
    for pipeline in config["service"]["pipelines"].values():
        pipeline.setdefault("receivers", [])
    return config


def as_started(resource, tmp_path):
    """Return (arguments, environment) with which the Operator starts the image of a resource."""
    spec = resource["spec"]
    text = yaml.safe_dump(defaulted(spec["config"]))
    arguments = sorted(f"--{key}={value}" for key, value in spec.get("args", {}).items() if key != "config")
    if spec["mode"] == "sidecar":
        return [*arguments, "--config=env:OTEL_CONFIG"], {"OTEL_CONFIG": text}
    path = tmp_path / "collector.yaml"
    path.write_text(text, encoding="utf-8")
    return [f"--config={path}", *arguments], {}


def settings(mode, tmp_path):
    arguments, environ = as_started(RESOURCES[mode], tmp_path)
    sources = [a.removeprefix("--config=") for a in arguments if a.startswith("--config=")]
    overrides = [a.removeprefix("--set=") for a in arguments if a.startswith("--set=")]
    assert len(sources) + len(overrides) == len(arguments)
    return load(sources, overrides, environ=environ)


@pytest.mark.parametrize("mode", ["sidecar", "statefulset"])
def test_what_the_operator_starts_is_valid(mode, tmp_path):
    arguments, environ = as_started(RESOURCES[mode], tmp_path)
    done = subprocess.run(
        [*spanwarden(), "validate", *arguments], capture_output=True, text=True, check=False, timeout=60, env=environ
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("mode", ["sidecar", "statefulset"])
def test_it_serves_where_the_operator_looks(mode, tmp_path):
    found = settings(mode, tmp_path)
    assert found.health_check.endpoint == "0.0.0.0:13133"
    assert found.health_check.path == "/"
    assert found.service.telemetry.metrics.endpoint == "0.0.0.0:8888"
    host = "localhost" if mode == "sidecar" else "0.0.0.0"
    assert found.receivers.otlp.protocols.grpc.endpoint == f"{host}:4317"
    assert found.receivers.otlp.protocols.http.endpoint == f"{host}:4318"


def test_a_configuration_that_leaves_things_to_the_operator_is_valid_too(tmp_path):
    resource = copy.deepcopy(RESOURCES["sidecar"])
    config = resource["spec"]["config"]
    del config["service"]["telemetry"]
    config["receivers"]["otlp"]["protocols"] = {"grpc": None, "http": {}}
    config["extensions"]["health_check"] = None
    arguments, environ = as_started(resource, tmp_path)
    found = load([arguments[-1].removeprefix("--config=")], environ=environ)
    assert found.service.telemetry.metrics.endpoint == "0.0.0.0:8888"
    assert found.receivers.otlp.protocols.grpc.endpoint == "0.0.0.0:4317"


@pytest.mark.parametrize("mode", ["sidecar", "statefulset"])
def test_nothing_is_written_where_the_operator_drops_it(mode):
    config = RESOURCES[mode]["spec"]["config"]
    assert set(config) <= {"receivers", "processors", "exporters", "extensions", "connectors", "service"}
    assert set(config["service"]) <= SERVICE_KEYS
    for pipeline in config["service"]["pipelines"].values():
        assert {"receivers", "exporters"} <= set(pipeline), "the Operator's schema asks for both"


@pytest.mark.parametrize("mode", ["sidecar", "statefulset"])
def test_pipelines_name_what_is_configured(mode):
    config = RESOURCES[mode]["spec"]["config"]
    for pipeline in config["service"]["pipelines"].values():
        for kind, names in pipeline.items():
            assert set(names) <= set(config[kind])
    assert set(config["service"]["extensions"]) == set(config["extensions"])


def test_it_is_the_same_service_as_the_kustomizations(tmp_path):
    for mode, files in (
        ("sidecar", ["base/spanwarden.yaml", "components/sidecar/sidecar.yaml"]),
        ("statefulset", ["base/spanwarden.yaml", "overlays/gateway/gateway.yaml"]),
    ):
        ours = settings(mode, tmp_path).model_dump()
        theirs = load([str(DEPLOY / "kustomize" / file) for file in files]).model_dump()
        for service in (ours["service"], theirs["service"]):
            del service["pipelines"], service["extensions"]  # spelt out for the Operator, left out by the others
        assert ours == theirs, mode


@pytest.mark.parametrize("mode", ["sidecar", "statefulset"])
def test_the_operators_pod_is_as_restricted_as_ours(mode, tmp_path):
    spec = RESOURCES[mode]["spec"]
    security = {**spec.get("podSecurityContext", {}), **spec["securityContext"]}
    assert security["runAsNonRoot"] is True
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    claims = {claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])}
    assert {m["name"] for m in spec["volumeMounts"]} == {v["name"] for v in spec["volumes"]} | claims
    assert size(spec["resources"]["limits"]["memory"]) >= memory(settings(mode, tmp_path))


def test_the_workload_asks_for_the_sidecar_by_name():
    workload = document("operator/workload.yaml")
    annotations = workload["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {"sidecar.opentelemetry.io/inject": RESOURCES["sidecar"]["metadata"]["name"]}
    assert workload["metadata"]["namespace"] == RESOURCES["sidecar"]["metadata"]["namespace"]


@pytest.mark.integration
def test_the_workload_is_valid(kubernetes_validate):
    code, said = kubernetes_validate("-k", "1.29", "--strict", DEPLOY / "operator" / "workload.yaml")
    assert code == 0, said

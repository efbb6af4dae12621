"""The kustomizations: what they name is there, the settings in them hold, and what they build is what we promise."""

import re
import urllib.parse

import pytest

from deploy.documents import DEPLOY, disk, document, documents, memory, parse, seconds, settings_of, size
from spanwarden.service.loading import load

ROOTS = ["base", "components/sidecar", "overlays/sidecar", "overlays/gateway"]
BASE = "kustomize/base/spanwarden.yaml"
GATEWAY = settings_of(BASE, "kustomize/overlays/gateway/gateway.yaml")
SIDECAR = settings_of(BASE, "kustomize/components/sidecar/sidecar.yaml")
FORMS = {
    "gateway": (GATEWAY, "kustomize/overlays/gateway/statefulset.yaml", "containers"),
    "sidecar": (SIDECAR, "kustomize/components/sidecar/patch.yaml", "initContainers"),
}


def container(form):
    settings, name, kind = FORMS[form]
    (found,) = document(name)["spec"]["template"]["spec"][kind]
    return settings, found, document(name)["spec"]["template"]["spec"]


def port(endpoint):
    return int(endpoint.rpartition(":")[2])


@pytest.mark.parametrize("root", ROOTS)
def test_everything_that_a_kustomization_names_exists(root):
    folder = DEPLOY / "kustomize" / root
    kustomization = document(f"kustomize/{root}/kustomization.yaml")
    named = [*kustomization.get("resources", []), *kustomization.get("components", [])]
    named += [patch["path"] for patch in kustomization.get("patches", [])]
    named += [file for generator in kustomization.get("configMapGenerator", []) for file in generator["files"]]
    assert named
    for name in named:
        assert (folder / name).exists(), name
    unnamed = {path.name for path in folder.iterdir()} - {*named, "kustomization.yaml"}
    assert unnamed == set(), "a file that no kustomization uses"


@pytest.mark.parametrize("form", FORMS)
def test_its_arguments_are_the_files_of_its_config_map(form):
    _, found, pod = container(form)
    mounted = [m["mountPath"] for m in found["volumeMounts"] if m["name"].endswith("config")]
    files = [argument.removeprefix("--config=").removeprefix(mounted[0] + "/") for argument in found["args"]]
    assert files == ["spanwarden.yaml", f"{form}.yaml"]
    (volume,) = [v for v in pod["volumes"] if "configMap" in v]
    assert volume["configMap"]["name"] == document("kustomize/base/kustomization.yaml")["configMapGenerator"][0]["name"]


@pytest.mark.parametrize("form", FORMS)
def test_its_ports_are_those_of_its_settings(form):
    settings, found, _ = container(form)
    ports = {p["name"].removeprefix("spw-"): p["containerPort"] for p in found["ports"]}
    assert ports["health"] == port(settings.health_check.endpoint)
    assert ports["metrics"] == port(settings.service.telemetry.metrics.endpoint)
    if form == "gateway":
        assert ports["otlp-grpc"] == port(settings.receivers.otlp.protocols.grpc.endpoint)
        assert ports["otlp-http"] == port(settings.receivers.otlp.protocols.http.endpoint)
    assert {probe["httpGet"]["path"] for name, probe in found.items() if name.endswith("Probe")} == {
        "/livez",
        "/readyz",
    }
    for name in ("startupProbe", "livenessProbe"):
        assert found[name]["httpGet"]["port"].endswith("health")


def test_the_sidecar_is_a_native_one_and_is_reached_from_its_pod_alone():
    settings, found, _ = container("sidecar")
    assert found["restartPolicy"] == "Always"
    assert "readinessProbe" not in found, "telemetry must not take an agent out of service"
    for protocol in (settings.receivers.otlp.protocols.grpc, settings.receivers.otlp.protocols.http):
        assert protocol.endpoint.startswith("localhost:")


@pytest.mark.parametrize("form", FORMS)
def test_it_holds_to_the_restricted_standard(form):
    _, found, pod = container(form)
    security = {**pod.get("securityContext", {}), **found["securityContext"]}
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 1000
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    writable = {m["mountPath"] for m in found["volumeMounts"] if not m.get("readOnly")}
    assert writable == {"/var/lib/spanwarden", "/tmp"}


def test_the_volumes_have_room_for_what_is_kept():
    settings, _, pod = container("sidecar")
    (room,) = [volume["emptyDir"]["sizeLimit"] for volume in pod["volumes"] if volume["name"].endswith("data")]
    assert size(room) >= disk(settings)
    settings, _, _ = container("gateway")
    (claim,) = document("kustomize/overlays/gateway/statefulset.yaml")["spec"]["volumeClaimTemplates"]
    assert size(claim["spec"]["resources"]["requests"]["storage"]) >= disk(settings)


@pytest.mark.parametrize("form", FORMS)
def test_its_memory_limit_has_room_for_what_it_may_hold(form):
    settings, found, _ = container(form)
    assert size(found["resources"]["limits"]["memory"]) >= memory(settings)
    assert "cpu" not in found["resources"]["limits"]


def test_the_gateway_may_take_the_time_that_it_needs_to_stop():
    settings, found, pod = container("gateway")
    wait = int(re.search(r"sleep\((\d+)\)", found["lifecycle"]["preStop"]["exec"]["command"][-1])[1])
    assert pod["terminationGracePeriodSeconds"] >= wait + settings.service.shutdown_timeout + 5


def test_the_sidecar_leaves_the_agent_most_of_the_pods_usual_thirty_seconds():
    assert SIDECAR.service.shutdown_timeout <= 10


def test_the_gateway_has_no_token():
    assert document("kustomize/overlays/gateway/serviceaccount.yaml")["automountServiceAccountToken"] is False
    pod = container("gateway")[2]
    assert pod["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == document("kustomize/overlays/gateway/serviceaccount.yaml")["metadata"]["name"]


def test_services_disruption_budget_and_network_policy_mean_the_gateways_pods():
    stateful = document("kustomize/overlays/gateway/statefulset.yaml")
    labels = stateful["spec"]["selector"]["matchLabels"]
    assert labels.items() <= stateful["spec"]["template"]["metadata"]["labels"].items()
    cluster, headless = documents("kustomize/overlays/gateway/services.yaml")
    budget = document("kustomize/overlays/gateway/poddisruptionbudget.yaml")["spec"]
    policy = document("kustomize/overlays/gateway/networkpolicy.yaml")["spec"]
    assert cluster["spec"]["selector"] == headless["spec"]["selector"] == labels
    assert budget == {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
    assert policy["podSelector"]["matchLabels"] == labels
    assert headless["spec"]["clusterIP"] == "None"
    assert stateful["spec"]["serviceName"] == headless["metadata"]["name"]
    ports = {p["name"] for p in container("gateway")[1]["ports"]}
    named = {p["targetPort"] for service in (cluster, headless) for p in service["spec"]["ports"]}
    named |= {p["port"] for rule in policy["ingress"] for p in rule["ports"]}
    assert named <= ports
    mounted = {m["name"] for m in container("gateway")[1]["volumeMounts"]}
    volumes = {v["name"] for v in container("gateway")[2]["volumes"]}
    claims = {claim["metadata"]["name"] for claim in stateful["spec"]["volumeClaimTemplates"]}
    assert mounted == volumes | claims


def test_nobody_enters_or_leaves_the_gateway_unless_a_rule_says_so():
    policy = document("kustomize/overlays/gateway/networkpolicy.yaml")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    for rule in (*policy["ingress"], *policy["egress"]):
        assert rule["ports"]
        assert all(peer.get("namespaceSelector", {}).get("matchLabels") for peer in rule.get("from") or rule["to"])


def test_every_output_of_the_gateway_has_its_way_out():
    policy = document("kustomize/overlays/gateway/networkpolicy.yaml")["spec"]
    ways = set()
    for rule in policy["egress"]:
        for peer in rule["to"]:
            namespace = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
            ways |= {(namespace, p["port"]) for p in rule["ports"]}
    assert {("kube-system", 53)} < ways
    outputs = set()
    for exporter in GATEWAY.exporters.values():
        address = getattr(exporter, "endpoint", None) or getattr(exporter, "url", None)
        if address:
            url = urllib.parse.urlsplit(address if "//" in address else f"//{address}")
            outputs.add((url.hostname.split(".")[1], url.port))
    assert outputs == ways - {("kube-system", 53)}


def test_a_key_given_twice_is_noticed():
    with pytest.raises(Exception, match="'a' is given twice"):
        parse("{a: 1, a: 2}")


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.yaml")), ids=lambda path: str(path.relative_to(DEPLOY)))
def test_every_yaml_file_reads(path):
    assert documents(path.relative_to(DEPLOY))


def build(kubectl, folder):
    code, said = kubectl("kustomize", folder)
    assert code == 0, said
    return said, {(d["kind"], d["metadata"]["name"].partition("-")[0]): d for d in parse(said)}


@pytest.mark.integration
@pytest.mark.parametrize("overlay", ["sidecar", "gateway"])
def test_kubectl_builds_what_the_schemas_accept(kubectl, kubernetes_validate, tmp_path, overlay):
    built, objects = build(kubectl, DEPLOY / "kustomize" / "overlays" / overlay)
    path = tmp_path / "built.yaml"
    path.write_text(built, encoding="utf-8")
    code, said = kubernetes_validate("-k", "1.29", "--strict", path)
    assert code == 0, said
    texts = objects["ConfigMap", "spanwarden"]["data"]
    assert list(texts) == sorted(["spanwarden.yaml", f"{overlay}.yaml"])
    assert load([f"yaml:{texts['spanwarden.yaml']}", f"yaml:{texts[f'{overlay}.yaml']}"]) == FORMS[overlay][0]


@pytest.mark.integration
def test_the_schemas_refuse_a_misspelt_key(kubernetes_validate, tmp_path):
    text = (DEPLOY / "kustomize/overlays/gateway/statefulset.yaml").read_text(encoding="utf-8")
    path = tmp_path / "statefulset.yaml"
    path.write_text(text.replace("terminationGracePeriodSeconds", "terminationGracePeriod"), encoding="utf-8")
    assert kubernetes_validate("-k", "1.29", "--strict", path)[0] != 0


@pytest.mark.integration
def test_an_upgrade_changes_nothing_that_a_stateful_set_cannot_change(kubectl):
    _, objects = build(kubectl, DEPLOY / "kustomize" / "overlays" / "gateway")
    spec = objects["StatefulSet", "spanwarden"]["spec"]
    for part in (spec["selector"]["matchLabels"], *[c["metadata"] for c in spec["volumeClaimTemplates"]]):
        assert "version" not in str(part)
    assert spec["template"]["spec"]["volumes"][0]["configMap"]["name"].startswith("spanwarden-"), "a change rolls out"


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Job"])
def test_the_component_puts_the_sidecar_into_ones_own_workload(kubectl, kubernetes_validate, tmp_path, kind):
    mine = tmp_path / "mine"
    mine.mkdir()
    version = "batch/v1" if kind == "Job" else "apps/v1"
    selector = "" if kind == "Job" else "selector: {matchLabels: {app: mine}}, "
    headless = "serviceName: mine, " if kind == "StatefulSet" else ""
    restart = "restartPolicy: Never, " if kind == "Job" else ""
    mine.joinpath("workload.yaml").write_text(
        f"apiVersion: {version}\nkind: {kind}\n"
        "metadata: {name: mine, labels: {spanwarden/sidecar: enabled}}\n"
        f"spec: {{{selector}{headless}template: {{metadata: {{labels: {{app: mine}}}}, spec: {{{restart}"
        "initContainers: [{name: migrate, image: mine}], containers: [{name: mine, image: mine}]}}}\n"
        f"---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: other}}\n"
        f"spec: {{{selector}{headless}template: {{metadata: {{labels: {{app: mine}}}}, spec: {{{restart}"
        "containers: [{name: other, image: mine}]}}}\n",
        encoding="utf-8",
    )
    mine.joinpath("kustomization.yaml").write_text(
        f"resources: [{up(mine)}/kustomize/base, workload.yaml]\n"
        f"components: [{up(mine)}/kustomize/components/sidecar]\n",
        encoding="utf-8",
    )
    built, objects = build(kubectl, mine)
    path = tmp_path / "built.yaml"
    path.write_text(built, encoding="utf-8")
    code, said = kubernetes_validate("-k", "1.29", "--strict", path)
    assert code == 0, said
    names = [c["name"] for c in objects[kind, "mine"]["spec"]["template"]["spec"]["initContainers"]]
    assert names == ["spanwarden", "migrate"], "it is there before whatever else starts"
    assert "initContainers" not in objects[kind, "other"]["spec"]["template"]["spec"]


def up(folder):
    """Return deploy/ as a relative path from a folder; kustomize takes no absolute ones."""
    return "../" * len(folder.resolve().parts[1:]) + str(DEPLOY.resolve()).lstrip("/")


def test_durations_are_read_as_everybody_writes_them():
    assert [seconds(text) for text in ("30s", "5min", "2m")] == [30, 300, 120]

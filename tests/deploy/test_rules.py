"""Alerting rules: they name what exists, say what to do, fire when they should and are silent when they should."""

import pathlib
import re

import pytest
import yaml

from deploy.documents import DEPLOY, ROOT, document, settings_of
from deploy.expressions import complaints, read, samples

RULES = document("prometheus/rules.yaml")
CUSTOM = DEPLOY / "prometheus" / "prometheusrule.yaml"
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
HEADER = "# Written from rules.yaml by tests/deploy/test_rules.py --update; change that file.\n"


def custom_resource():
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "spanwarden",
            "namespace": "spanwarden",
            "labels": {"app.kubernetes.io/name": "spanwarden", "app.kubernetes.io/part-of": "spanwarden"},
        },
        "spec": {"groups": RULES["groups"]},
    }


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_names_metrics_and_labels_that_exist(rule):
    assert complaints(rule["expr"]) == []


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_is_whole(rule):
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_has_a_runbook(rule):
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^### (\w+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in {heading.lower() for heading in headings}
    assert rule["alert"].lower() == anchor


def test_the_page_has_no_runbook_without_an_alert():
    text = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### (Spanwarden\w+)$", text, re.MULTILINE)) == {rule["alert"] for rule in ALERTS}


def test_labels_in_the_words_of_an_alert_are_those_of_its_expression():
    for rule in ALERTS:
        named = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
        kept = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", rule["expr"])))) or {
            *("job", "instance"),
            *(label for selector in read(rule["expr"]).selectors for label in samples().get(selector.metric, ())),
        }
        assert named <= kept, rule["alert"]


def test_metrics_that_collectors_have_too_are_asked_of_our_job_alone():
    for rule in ALERTS:
        for shared in re.findall(r"otelcol_\w+(?:\{[^}]*\})?", rule["expr"]):
            assert 'job="spanwarden"' in shared, rule["alert"]


def test_limits_in_the_rules_are_those_of_the_gateway():
    settings = settings_of("kustomize/base/spanwarden.yaml", "kustomize/overlays/gateway/gateway.yaml")
    limits = {
        "spanwarden_journal_bytes": settings.extensions.storage.max_size,
        "spanwarden_pending_bytes": settings.service.max_pending,
    }
    seen = {}
    for rule in ALERTS:
        match = re.fullmatch(r"(\w+) > 0\.8 \* (\d+) \* 1024 \* 1024", rule["expr"])
        if match:
            seen[match[1]] = int(match[2]) << 20
    assert seen == limits


def test_the_custom_resource_holds_the_same_rules(update):
    if update:
        text = yaml.safe_dump(custom_resource(), sort_keys=False, width=10_000, allow_unicode=True)
        CUSTOM.write_text(HEADER + text, encoding="utf-8")
        pytest.fail("prometheusrule.yaml was written anew; look at the diff")
    assert document("prometheus/prometheusrule.yaml") == custom_resource()


def test_every_alert_has_a_case_that_fires_and_one_that_is_silent():
    fires, silent = set(), set()
    for case in document("prometheus/rules_test.yaml")["tests"]:
        for check in case["alert_rule_test"]:
            (fires if check.get("exp_alerts") else silent).add(check["alertname"])
    names = {rule["alert"] for rule in ALERTS}
    assert fires == names
    assert silent == names


@pytest.mark.integration
def test_promtool_accepts_the_rules(promtool):
    code, said = promtool("check", "rules", "--lint=all", "--lint-fatal", DEPLOY / "prometheus" / "rules.yaml")
    assert code == 0, said


@pytest.mark.integration
def test_the_rules_behave(promtool):
    code, said = promtool("test", "rules", DEPLOY / "prometheus" / "rules_test.yaml")
    assert code == 0, said


@pytest.mark.integration
def test_a_rule_that_does_not_behave_is_noticed(promtool, tmp_path):
    rules = (DEPLOY / "prometheus" / "rules.yaml").read_text(encoding="utf-8")
    pathlib.Path(tmp_path, "rules.yaml").write_text(rules.replace("> 0.8", "> 0.999"), encoding="utf-8")
    cases = (DEPLOY / "prometheus" / "rules_test.yaml").read_text(encoding="utf-8")
    pathlib.Path(tmp_path, "rules_test.yaml").write_text(cases, encoding="utf-8")
    code, said = promtool("test", "rules", tmp_path / "rules_test.yaml")
    assert code != 0
    assert "SpanwardenExporterQueueNearlyFull" in said

"""The samples in config/ are what they say: the defaults, and a policy that loads."""

import importlib
import pathlib
import re
import sys

import pytest
import yaml

from spanwarden.policy.loading import KNOWN, pack_names
from spanwarden.policy.loading import load as load_policy
from spanwarden.policy.rule_list import SHARED_KEYS
from spanwarden.policy.rules.families import BODIES
from spanwarden.policy.tracegate_keys import LIMITS, RULE_IDS
from spanwarden.service.loading import load
from spanwarden.service.settings import Settings

ROOT = pathlib.Path(__file__).resolve().parents[2]
POLICY_PAGE = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
SAMPLE = ROOT / "config" / "spanwarden.yaml"
sys.path.insert(0, str(ROOT / "scripts"))
generate_docs = importlib.import_module("generate_docs")
sys.path.pop(0)


def test_the_sample_settings_are_the_defaults():
    assert load([str(SAMPLE)]) == load([])


def uncommented():
    """Return the sample with what is commented out taken in: comments that are YAML."""
    text = SAMPLE.read_text(encoding="utf-8")
    return re.sub(r"^( *)# (?= *[\w/]+:( [\[{\w]| *#|$))", r"\1", text, flags=re.MULTILINE)


def test_the_sample_settings_show_every_setting():
    sample = yaml.safe_load(uncommented())
    # The page on settings is the place for what a protocol can be told beside its address.
    left_out = (
        "receivers.otlp.protocols.",
        "service.pipelines.findings.",
        "service.pipelines.metrics.processors",
        "extensions.bearertokenauth.",
        "extensions.basicauth.",
    )
    for key, _, _ in generate_docs.settings_keys(Settings):
        value = sample
        for part in key.split("."):
            assert part in value or key.startswith(left_out), key
            value = value.get(part, {})


def test_what_is_commented_out_is_valid(monkeypatch):
    monkeypatch.setenv("SPANWARDEN_WEBHOOK_SECRET", "rosebud")
    settings = load([f"yaml:{uncommented()}"])
    assert set(settings.exporters) == {"console", "webhook/ops", "otlp/findings", "otlp/upstream"}
    assert "rosebud" not in repr(settings)


def test_the_sample_policy_loads():
    policy = load_policy(str(ROOT / "config" / "policy.yaml"))
    assert policy.name == "policy"


@pytest.mark.parametrize("key", sorted({*KNOWN, *LIMITS, *SHARED_KEYS, *BODIES}))
def test_the_policy_page_knows_every_key(key):
    assert f"| `{key}` |" in POLICY_PAGE


def test_the_policy_page_knows_every_rule_of_tracegates_keys():
    assert [rule for rule in sorted(RULE_IDS) if not re.search(rf"[| `]{rule}[| `]", POLICY_PAGE)] == []


def test_every_pack_is_documented():
    assert pack_names()
    assert [name for name in pack_names() if f"`pack:{name}`" not in POLICY_PAGE] == []

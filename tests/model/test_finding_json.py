import json

import msgspec

from spanwarden.model.finding import Evidence, Finding, identified
from spanwarden.model.finding_json import as_json

FINDING = identified(
    Finding(
        rule="max-cost-exceeded",
        severity="high",
        title="Too expensive",
        message="The run cost 2 USD, 1 is allowed.",
        policy="budget",
        evidence=(Evidence(event=3, role="sink", span_id="00f067aa0ba902b7", field="cost_usd"),),
        turn=4,
        policy_version="v1",
    ),
    "run-1",
)


def test_keys_are_those_of_the_contract_and_in_its_order():
    value = as_json(FINDING)
    assert list(value) == ["finding_id", "rule", "severity", "title", "message", "policy", "turn", "evidence"]
    assert value["finding_id"] == FINDING.finding_id
    assert value["evidence"] == [
        {"event": 3, "role": "sink", "span_id": "00f067aa0ba902b7", "field": "cost_usd", "text": None}
    ]
    assert json.loads(json.dumps(value)) == value


def test_tags_and_code_appear_only_where_set():
    tagged = msgspec.structs.replace(FINDING, tags=("owasp:llm06",), code="MAX_COST_EXCEEDED")
    value = as_json(tagged)
    assert value["tags"] == ["owasp:llm06"]
    assert value["code"] == "MAX_COST_EXCEEDED"

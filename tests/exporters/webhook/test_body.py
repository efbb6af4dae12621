import json

import pytest

from exporters.notices import FINDING, OBSERVED, TRACE, changed, finding_notice
from spanwarden.exporters.webhook.body import encode, rfc3339
from spanwarden.model.finding_json import as_json


def test_the_body_is_the_contract():
    notice = finding_notice(revision=5, finding_revision=2, status="updated")
    body = json.loads(encode(notice, FINDING))
    assert body == {
        "type": "spanwarden.finding",
        "timestamp": "2026-09-21T14:14:04.500Z",
        "delivery_id": FINDING.delivery_id,
        "revision": 2,
        "status": "updated",
        "policy_version": "v1-abc",
        "risk_score": 25,
        "run": {
            "id": "run-7",
            "conversation": "conv-1",
            "agent": "billing-agent",
            "service": "billing",
            "trace_ids": [TRACE],
            "completeness": "root_ended",
            "cost_usd": 0.25,
            "cost_source": None,
            "runtime_seconds": 42.5,
            "start": "2026-09-21T14:13:20.000Z",
            "end": "2026-09-21T14:14:02.500Z",
            "event_count": 6,
            "dialects": ["genai"],
        },
        "finding": as_json(FINDING),
    }


def test_the_same_notice_gives_the_same_bytes():
    assert encode(finding_notice(), FINDING) == encode(finding_notice(), FINDING)


def test_half_surrogate_pairs_are_replaced():
    assert json.loads(encode(finding_notice(), changed(message="a\ud800b")))["finding"]["message"] == "a?b"


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (OBSERVED, "2026-09-21T14:14:04.500Z"),
        (1, "1970-01-01T00:00:00.000Z"),
        (0, None),
        (-5, None),
        (2**64 - 1, "2554-07-21T23:34:33.709Z"),
        (10**30, None),
    ],
)
def test_times_are_rfc_3339_or_absent(time, text):
    assert rfc3339(time) == text

"""What conditions read of an event: what was sent goes first, then one's own table, then what is derived."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwarden.effects.classify import effects_of
from spanwarden.model.event import Content, Effect, Event
from spanwarden.model.run import Run
from spanwarden.policy.metadata import metadata_of
from spanwarden.policy.metadata_table import DEFAULT, MetadataTable
from spanwarden.policy.rules.base import RunView
from spanwarden.transcripts.entries import HeldContents

Pair = tuple[Event, Content]
SECRET = "AKIA" + "Q3EGRIBSLZTM5WXY"
CARD = "4111 1111 1111 1111"


def call(tool: str, arguments: Any = None, result: Any = None, **facts: Any) -> Pair:
    event = Event("tool_call", tool=tool, effects=effects_of(tool, arguments), **{"status": "ok", **facts})
    return event, Content(arguments, result)


def said(role: str, text: str) -> Pair:
    return Event("message", role=role), Content(text=text)


def told(*pairs: Pair, table: MetadataTable = DEFAULT, **run: Any) -> dict[str, Any]:
    """Return the metadata of the last event."""
    view = RunView(Run("r", tuple(e for e, _ in pairs), **run), HeldContents(c for _, c in pairs), table=table)
    return metadata_of(view, len(pairs) - 1)


@pytest.mark.parametrize(
    ("tool", "arguments", "category"),
    [
        ("send_money", {"recipient": "DE89", "amount": 5}, "financial"),
        ("refund_order", {"order": 1}, "financial"),
        ("get_refund_history", {}, None),
        ("send_email", {"to": "a@b.example", "body": "x"}, "communication"),
        ("read_file", {"path": "a"}, "file"),
        ("bash", {"command": "ls"}, "shell"),
        ("python", {"code": "print(1)"}, "code"),
        ("query_database", {"query": "SELECT 1"}, "database"),
        ("browser_click", {"ref": "e1"}, "browser"),
        ("browser_fill_form", {"fields": [{"name": "Card number", "value": "x"}]}, "payment"),
        ("browser_type", {"text": CARD}, "payment"),
        ("browser_type", {"text": "hello"}, "browser"),
        ("http_request", {"url": "https://a.example"}, "network"),
        ("create_pull_request", {"owner": "a", "repo": "b"}, "vcs"),
        ("transform_rows", {"rows": []}, "data_transform"),
        ("frobnicate", {}, None),
    ],
)
def test_category(tool: str, arguments: Any, category: str | None) -> None:
    assert told(call(tool, arguments)).get("category") == category


@pytest.mark.parametrize(
    ("tool", "arguments", "level"),
    [
        ("bash", {"command": "sudo rm -rf /var/log"}, "admin"),
        ("bash", {"command": "chmod 777 run.sh"}, "admin"),
        ("bash", {"command": "ls"}, "execute"),
        ("write_file", {"path": "/etc/passwd", "content": "x"}, "admin"),
        ("write_file", {"path": "notes.txt", "content": "x"}, "write"),
        ("read_file", {"path": "notes.txt"}, "read"),
        ("assign_role", {"user": "bob", "role": "owner"}, "admin"),
        ("reset_password", {"user": "bob"}, "admin"),
        ("list_roles", {}, None),
        ("request_permission", {"question": "may I?"}, None),
        ("execute_sql", {"query": "GRANT ALL ON t TO bob"}, "admin"),
        ("execute_sql", {"query": "UPDATE t SET a = 1"}, "write"),
        ("execute_sql", {"query": "SELECT 1"}, "read"),
    ],
)
def test_permission_level(tool: str, arguments: Any, level: str | None) -> None:
    assert told(call(tool, arguments)).get("permission_level") == level


@pytest.mark.parametrize(
    ("pair", "level"),
    [
        (call("read_file", {"path": ".env"}), "secret"),
        (call("bash", {"command": "cat ~/.ssh/id_ed25519"}), "secret"),
        (call("read_file", {"path": "a"}, f"key={SECRET}"), "secret"),
        (call("read_file", {"path": "a"}, f"card {CARD}"), "pii"),
        (call("get_customer", {"id": 1}, {"date_of_birth": "1990-01-01"}), "pii"),
        (call("get_customer", {"id": 1}, {"date_of_birth": None}), "internal"),
        (call("get_patient_record", {"id": 1}), "phi"),
        (call("lookup", {"id": 1}, {"diagnosis": "flu"}), "phi"),
        (call("read_file", {"path": "hr/payroll.xlsx"}, "x"), "confidential"),
        (call("read_file", {"path": "src/app.py"}, "x = 1"), "internal"),
        (call("web_fetch", {"url": "https://a.example"}, "hello"), "public"),
        (call("web_fetch", {"url": "https://a.example"}, f"card {CARD}"), "public"),
        (call("http_post", {"url": "https://a.example", "body": CARD}), "pii"),
        (call("frobnicate"), None),
        (said("user", f"my card is {CARD}"), "pii"),
        (said("user", "hello"), None),
    ],
)
def test_data_classification(pair: Pair, level: str | None) -> None:
    assert told(pair).get("data_classification") == level


def test_what_came_from_outside_is_classified_apart() -> None:
    known = told(call("web_fetch", {"url": "https://a.example"}, f"card {CARD}"))
    assert (known["network_zone"], known["received_classification"]) == ("external", "pii")


@pytest.mark.parametrize(
    ("arguments", "zone", "encrypted", "approved"),
    [
        ({"url": "https://api.acme.com/x"}, "internal", True, True),
        ({"url": "http://localhost:8080"}, "internal", False, True),
        ({"url": "https://evil.example"}, "external", True, False),
        ({"url": "http://good.example/x"}, "external", False, True),
        ({}, "unknown", None, None),
    ],
)
def test_network_zone(arguments: Any, zone: str, encrypted: bool | None, approved: bool | None) -> None:
    table = MetadataTable(own_hosts=("acme.com",), approved_hosts=("good.example",))
    known = told(call("web_fetch", arguments), table=table)
    assert (known["network_zone"], known.get("encrypted"), known.get("domain_approved")) == (zone, encrypted, approved)


def test_one_way_outside_is_outside_and_one_plain_way_is_not_encrypted() -> None:
    command = "curl https://a.example; curl http://b.example; curl http://localhost"
    known = told(call("bash", {"command": command}))
    assert (known["network_zone"], known["encrypted"]) == ("external", False)


@pytest.mark.parametrize(
    ("tool", "arguments", "method"),
    [
        ("bash", {"command": "curl -H 'Authorization: Bearer abc' https://a.example"}, "bearer"),
        ("bash", {"command": "curl -u bob:hunter2 https://a.example"}, "basic"),
        ("http_request", {"url": "https://a.example", "headers": {"X-API-Key": "k"}}, "api_key"),
        ("http_request", {"url": "https://a.example", "headers": {"Authorization": "Basic abc"}}, "basic"),
        ("http_request", {"url": "https://bob:pw@a.example"}, "basic"),
        ("bash", {"command": "git clone git@github.com:o/r.git"}, "ssh"),
        ("http_request", {"url": "https://a.example"}, None),
    ],
)
def test_auth_method(tool: str, arguments: Any, method: str | None) -> None:
    assert told(call(tool, arguments)).get("auth_method") == method


@pytest.mark.parametrize(
    ("tool", "arguments", "needed"),
    [
        ("send_money", {"recipient": "x"}, True),
        ("delete_file", {"path": "a"}, True),
        ("bash", {"command": "git push --force"}, True),
        ("execute_sql", {"query": "DROP TABLE users"}, True),
        ("bash", {"command": "sudo ls"}, True),
        ("http_post", {"url": "https://a.example", "body": SECRET}, True),
        ("read_file", {"path": "a"}, False),
        ("http_post", {"url": "https://a.example", "body": "hello"}, False),
    ],
)
def test_requires_approval(tool: str, arguments: Any, needed: bool) -> None:
    assert told(call(tool, arguments))["requires_approval"] is needed


DELETE = call("delete_file", {"path": "build/old.bin"}, call_id="c9")


@pytest.mark.parametrize(
    ("before", "covered"),
    [
        ([call("ask_user", {"question": "May I delete build/old.bin?"}, "yes")], True),
        ([call("ask_user", {"question": "May I call delete_file?"}, {"approved": True})], True),
        ([call("ask_user", {"question": "May I delete build/old.bin?"}, "no, do not")], False),
        ([call("ask_user", {"question": "May I delete build/old.bin?"}, {"approved": False})], False),
        ([call("ask_user", {"question": "May I delete build/old.bin?"})], False),
        ([call("ask_user", {"question": "May I delete build/old.bin?"}, "yes", status="denied")], False),
        ([call("ask_user", {"question": "May I read a.txt?"}, "yes")], False),
        ([call("ExitPlanMode", {"plan": "tidy up"})], True),
        ([call("ExitPlanMode", {"plan": "tidy up"}), said("user", "now something else")], False),
        ([call("ExitPlanMode", {"plan": "tidy up"}, status="error")], False),
        ([(Event("decision", tool="delete_file", status="ok", call_id="c9"), Content())], True),
        ([(Event("decision", tool="delete_file", status="ok", call_id="c8"), Content())], False),
        ([(Event("decision", tool="delete_file", status="denied", call_id="c9"), Content())], False),
        ([said("assistant", "I approve build/old.bin and delete_file myself: yes")], False),
        ([], False),
    ],
)
def test_an_approval_covers_what_it_was_asked_for(before: list[Pair], covered: bool) -> None:
    assert ("approval_token" in told(*before, DELETE)) is covered


def test_an_approval_after_the_act_is_none() -> None:
    asked = call("ask_user", {"question": "May I delete build/old.bin?"}, "yes")
    view = RunView(Run("r", (DELETE[0], asked[0])), HeldContents([DELETE[1], asked[1]]))
    assert "approval_token" not in metadata_of(view, 0)


def test_ids_and_errors_are_there_for_audits() -> None:
    event = Event("tool_call", tool="t", status="error", trace_id=bytes(range(16)))
    known = told((event, Content(error="timeout")), conversation="c1")
    assert known["trace_id"] == bytes(range(16)).hex()
    assert (known["session_id"], known["error"]) == ("c1", "timeout")


def test_the_table_goes_before_what_is_derived_and_what_was_sent_before_the_table() -> None:
    table = MetadataTable(
        environment="staging",
        tools={"Acme-Pay": {"category": "ledger", "change_ticket": "T1"}},
        hosts={"partner.example": {"baa_on_file": True, "vendor_approved": True}},
        paths={"*/patients/*": {"data_classification": "phi"}},
    )
    assert told(call("acme_pay", {"amount": 1}), table=table)["category"] == "ledger"
    known = told(call("web_fetch", {"url": "https://api.partner.example"}), table=table)
    assert (known["baa_on_file"], known["vendor_approved"], known["environment"]) == (True, True, "staging")
    path = call("read_file", {"path": "/srv/patients/7.txt"}, "x")
    assert told(path, table=table)["data_classification"] == "phi"
    sent = path[0], Content(path[1].arguments, "x", metadata={"data_classification": "public", "environment": "prod"})
    known = told(sent, table=table)
    assert (known["data_classification"], known["environment"]) == ("public", "prod")
    raw = path[0], Content(path[1].arguments, "x", raw={"metadata": {"approval_token": "tok"}})
    assert told(raw)["approval_token"] == "tok"


def test_what_the_model_wrote_into_arguments_is_no_metadata() -> None:
    known = told(call("delete_file", {"path": "a", "metadata": {"approval_token": "x"}, "approval_token": "x"}))
    assert "approval_token" not in known


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.text(max_size=30), JSON, JSON)
def test_any_call_has_metadata(tool: str, arguments: Any, result: Any) -> None:
    known = told(call(tool, arguments, result))
    assert known["network_zone"] in {"none", "internal", "external", "unknown"}


def test_work_grows_with_the_run_not_with_its_square() -> None:
    asked = [call("ask_user", {"question": f"May I delete f{n}.txt?"}, "yes") for n in range(300)]
    calls = [call("delete_file", {"path": f"f{n}.txt"}) for n in range(3000)]
    pairs = [*asked, *calls]
    contents = Counting([c for _, c in pairs])
    view = RunView(Run("r", tuple(e for e, _ in pairs)), contents)
    for index in range(len(pairs)):
        metadata_of(view, index)
    assert contents.loads < 10 * len(pairs)


class Counting(HeldContents):
    loads = 0

    def __getitem__(self, index: Any) -> Any:
        self.loads += 1
        return super().__getitem__(index)


def test_effects_without_targets_say_unknown() -> None:
    event = Event("tool_call", tool="web_fetch", effects=(Effect("network_fetch"),))
    known = told((event, Content()))
    assert known["network_zone"] == "unknown"
    assert "data_classification" not in known

"""What a service holds runs against, end to end: policies on trial, monitored rules, metadata, conversations."""

from __future__ import annotations

import pathlib
from typing import Any

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from service.test_corridor import Bench, Keeper, spans
from service.test_reloading import Files
from spanwarden.exporters.base import ExporterSettings, Notice
from spanwarden.exporters.webhook.body import encode
from spanwarden.policy.loading import load
from spanwarden.policy.metadata_table import DEFAULT
from spanwarden.policy.policy import Policy
from spanwarden.service.verdicts import Judge, shadow
from spanwarden.storage.ledger.ledger import Ledger
from spanwarden.storage.ledger.queries import FindingsQuery, RunsQuery, findings, runs

STRICT = "name: p\nversion: 2\nforbidden_tools: [drop_table, read_file]\n"
BODY = spans((2, 1, "execute_tool", "drop_table"), (3, 1, "execute_tool", "read_file"), (1, 0, "invoke_agent", ""))


def policy(folder: pathlib.Path, text: str) -> Policy:
    file = folder / "other.yaml"
    file.write_text(text)
    return load(str(file))


def stored(ledger: Ledger) -> list[dict[str, Any]]:
    with ledger.reading() as connection:
        return list(findings(connection, FindingsQuery()))


def in_conversation(conversation: str, body: bytes) -> bytes:
    message = ExportTraceServiceRequest.FromString(body)
    for span in message.resource_spans[0].scope_spans[0].spans:
        span.attributes.add(key="gen_ai.conversation.id").value.string_value = conversation
    return message.SerializeToString()


@pytest.fixture
def tried(tmp_path: pathlib.Path) -> Bench:
    bench = Bench(tmp_path)
    bench.judge.replace([load(str(tmp_path / "p.yaml"))], [shadow(policy(tmp_path, STRICT))], DEFAULT)
    return bench


def test_what_a_policy_on_trial_finds_is_kept_marked_and_not_told(tried: Bench) -> None:
    tried.receive(BODY)
    told = tried.at(3)
    assert [(notice.kind, notice.policy) for notice in told] == [("finding", "p"), ("evaluation", "p")]
    assert {(row["finding"]["policy"], row["finding"].get("mode")) for row in stored(tried.ledger)} == {
        ("p", None),
        ("shadow/p", "shadow"),
    }
    assert len({row["finding"]["finding_id"] for row in stored(tried.ledger)}) == 3
    label = {"policy": "p", "rule": "tool-forbidden", "severity": "high"}
    assert tried.telemetry.value("spanwarden_shadow_findings", **label) == 2
    assert tried.telemetry.value("spanwarden_findings", **label) == 1
    with tried.ledger.reading() as connection:
        (run,) = runs(connection, RunsQuery())
    assert {each["policy"]: each["version"] for each in run["evaluations"]}.keys() == {"p", "shadow/p"}


def test_a_policy_on_trial_adds_nothing_to_the_risk(tmp_path: pathlib.Path) -> None:
    bench = Bench(tmp_path, "name: p\n")
    bench.judge.replace([load(str(tmp_path / "p.yaml"))], [shadow(policy(tmp_path, STRICT))], DEFAULT)
    bench.receive(BODY)
    bench.at(3)
    with bench.ledger.reading() as connection:
        (run,) = runs(connection, RunsQuery())
    assert run["risk_score"] == 0
    assert {each["policy"]: each["risk_score"] for each in run["evaluations"]} == {"p": 0, "shadow/p": 40}


def test_an_exporter_may_ask_for_what_is_on_trial(tried: Bench) -> None:
    tried.judge._outlets.add("curious", Keeper(), ExporterSettings(shadow=True))
    tried.receive(BODY)
    tried.clock.now = 3
    tried.corridor.step()
    with tried.ledger.reading() as connection:
        rows = connection.execute("SELECT notice FROM outbox WHERE exporter = 'curious'").fetchall()
    notices = [msgspec.msgpack.decode(row[0], type=Notice) for row in rows]
    marked = [notice for notice in notices if notice.shadow]
    assert [(notice.kind, len(notice.findings)) for notice in marked] == [
        ("finding", 1),
        ("finding", 1),
        ("evaluation", 2),
    ]
    body = msgspec.json.decode(encode(marked[0], marked[0].findings[0]))
    assert body["finding"]["mode"] == "shadow"


def test_a_policy_on_trial_counts_for_itself(tmp_path: pathlib.Path) -> None:
    rule = "name: p\nrules: [{id: b, aggregate: {op: count, of: {tool: drop_table}, over: 24h, gt: %d}}]\n"
    bench = Bench(tmp_path, rule % 2)
    bench.judge.replace([load(str(tmp_path / "p.yaml"))], [shadow(policy(tmp_path, rule % 1))], DEFAULT)
    for number in (1, 2, 3):
        root = number * 10
        call = (root + 1, root, "execute_tool", "drop_table")
        bench.receive(spans(call, (root, 0, "invoke_agent", ""), trace=bytes([number]) * 16))
        bench.at(number * 5)
    assert sorted(row["finding"]["policy"] for row in stored(bench.ledger)) == ["p", "shadow/p", "shadow/p"]


def test_policies_on_trial_come_with_a_reload(files: Files, tmp_path: pathlib.Path) -> None:
    files.write(tmp_path / "q.yaml", STRICT)
    files.write(files.config, "processors: {policy: {policies: [p.yaml], shadow: [q.yaml], history: {max_age: 1d}}}\n")
    assert files.service.reloader.reload()
    assert [each.name for each in files.service.shadows] == ["shadow/p"]
    assert files.service._housekeeping.history.max_age == 86400
    files.write(tmp_path / "q.yaml", "forbidden: 1\n")
    assert files.service.reloader.changed()
    assert not files.service.reloader.reload()
    assert [each.name for each in files.service.shadows] == ["shadow/p"]


@pytest.fixture
def files(tmp_path: pathlib.Path) -> Files:
    return Files(tmp_path)


def test_what_is_only_monitored_is_marked_everywhere_and_sent_where_wanted(tmp_path: pathlib.Path) -> None:
    bench = Bench(tmp_path, "name: p\nmode: monitor\nforbidden_tools: [drop_table]\n")
    bench.judge._outlets.add("quiet", Keeper(), ExporterSettings(monitored=False))
    bench.receive(BODY)
    bench.clock.now = 3
    bench.corridor.step()
    with bench.ledger.reading() as connection:
        kinds = connection.execute("SELECT exporter, kind FROM outbox ORDER BY exporter, kind").fetchall()
    assert kinds == [("keeper", "evaluation"), ("keeper", "finding"), ("quiet", "evaluation")]
    finding = next(notice for notice in bench.told() if notice.kind == "finding")
    assert msgspec.json.decode(encode(finding, finding.findings[0]))["finding"]["mode"] == "monitor"
    assert [row["finding"]["mode"] for row in stored(bench.ledger)] == ["monitor"]


def test_a_rule_that_tells_once_tells_each_exporter_once_within_the_time(tmp_path: pathlib.Path) -> None:
    bench = Bench(
        tmp_path, "name: p\nrules: [{id: r, when: \"tool == 'drop_table'\", dedup: {by: [agent], for: 1m}}]\n"
    )
    found = []
    for number, now in ((1, 3), (2, 6), (3, 99)):
        root = number * 10
        bench.receive(
            spans(
                (root + 1, root, "execute_tool", "drop_table"),
                (root + 2, root, "execute_tool", "drop_table"),
                (root, 0, "invoke_agent", ""),
                trace=bytes([number]) * 16,
            )
        )
        bench.clock.now = now
        bench.corridor.step()
        with bench.ledger.reading() as connection:
            found = connection.execute("SELECT state FROM outbox WHERE kind = 'finding' ORDER BY id").fetchall()
    assert found == [("pending",), ("suppressed",), ("pending",)]
    assert len(stored(bench.ledger)) == 3, "the ledger has one of each run"


METADATA = "rules: [{id: money, when: \"metadata.category == 'financial'\"}]\n"


def test_the_service_knows_the_users_own_metadata_and_takes_changes_in(files: Files) -> None:
    files.write(files.policy, METADATA)
    settings = "processors: {policy: {policies: [p.yaml]}, metadata: {tools: {acme: {category: %s}}}}\n"
    files.write(files.config, settings % "financial" + "extensions: {storage: {directory: null}}\n")
    assert files.service.reloader.reload()
    judge: Judge = files.service._judge
    bench = Bench(files.policy.parent, METADATA, files.service.ledger)
    assert bench.judge._table is DEFAULT
    bench.judge.replace(files.service.policies, (), files.service.tables.metadata)
    assert judge._table == files.service.tables.metadata
    bench.receive(spans((2, 1, "execute_tool", "acme"), (1, 0, "invoke_agent", "")))
    assert bench.findings(3) == ["money"]
    files.write(files.config, settings % "other" + "extensions: {storage: {directory: null}}\n")
    assert files.service.reloader.reload()
    bench.judge.replace(files.service.policies, (), judge._table)
    bench.receive(spans((12, 11, "execute_tool", "acme"), (11, 0, "invoke_agent", ""), trace=b"u" * 16))
    assert bench.findings(9) == []


def test_rules_over_a_conversation_see_the_runs_before(tmp_path: pathlib.Path) -> None:
    bench = Bench(
        tmp_path,
        "name: p\nrules: [{id: thrice, aggregate: {op: count, of: {tool: pay}, over: conversation, gt: 2}}]\n",
    )

    def run(number: int, conversation: str) -> list[str]:
        root = number * 10
        calls = [(root + n, root, "execute_tool", "pay") for n in (1, 2)]
        body = spans((root, 0, "invoke_agent", ""), *calls, trace=bytes([number]) * 16)
        bench.receive(in_conversation(conversation, body))
        return bench.findings(bench.clock.now + 3)

    assert run(1, "a") == []
    assert run(2, "b") == []
    assert run(3, "a") == ["thrice"]
    assert run(4, "b") == ["thrice"]

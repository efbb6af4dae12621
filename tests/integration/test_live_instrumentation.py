"""Real agents under the official instrumentation, a running spanwarden, and receivers that share no code with it.

agent --OTLP/gRPC--> spanwarden serve --OTLP/gRPC--> rotel --> official services
                                      --OTLP/gRPC--> official services
                                      --HTTP-------> webhook
"""

import importlib.util
import json
import pathlib
import sys
from datetime import datetime

import pytest

from integration.processes import Child, free_port
from integration.receivers import OtlpReceiver
from integration.scripted_model import COMMAND

AGENTS = pathlib.Path(__file__).parent / "agents"
ENVIRONMENT = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "OTEL_METRICS_EXPORTER": "none",
    "LANGSMITH_TRACING": "false",
}
POLICY = """
version: 1
forbidden_tools: [run_shell]
"""
SEVERITY_NUMBERS = {"info": 9, "low": 9, "medium": 13, "high": 17, "critical": 21}


@pytest.fixture
def direct():
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture
def sent():
    """What the agent sent, straight from the agent."""
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture
def endpoint(tmp_path, serve, rotel, direct, webhook):
    """A running spanwarden that tells rotel, the direct receiver and the webhook; returns its OTLP/gRPC URL."""
    grpc_port, http_port, health_port, metrics_port = (free_port() for _ in range(4))
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    retry = {"initial_interval": "100ms"}
    settings = {
        "receivers": {
            "otlp": {
                "protocols": {
                    "grpc": {"endpoint": f"127.0.0.1:{grpc_port}"},
                    "http": {"endpoint": f"127.0.0.1:{http_port}"},
                }
            }
        },
        "processors": {
            "runs": {"settle": "300ms", "idle_timeout": "8s"},
            "policy": {"policies": ["pack:agent-baseline", str(policy)]},
        },
        "exporters": {
            "console": {},
            "webhook/ops": {"url": f"{webhook.url}/hook", "retry_on_failure": retry},
            "otlp/rotel": {"endpoint": f"127.0.0.1:{rotel}", "tls": {"insecure": True}, "retry_on_failure": retry},
            "otlp/direct": {"endpoint": f"127.0.0.1:{direct.port}", "tls": {"insecure": True}},
        },
        "extensions": {"health_check": {"endpoint": f"127.0.0.1:{health_port}"}},
        "service": {"telemetry": {"metrics": {"endpoint": f"127.0.0.1:{metrics_port}"}}},
    }
    serve(json.dumps(settings), [grpc_port])  # JSON is YAML
    return f"http://127.0.0.1:{grpc_port}"


@pytest.fixture
def run_agent(tmp_path, model, sent, endpoint):
    """Run one of the agents to its end; returns the spans that it sent."""

    def run(script, needs, **environment):
        for module in needs:
            if importlib.util.find_spec(module) is None:
                pytest.skip(f"{module} is not installed (pip install -e '.[integration]')")
        command = [sys.executable, str(AGENTS / script), model.model_url, model.page_url]
        command.append(f"http://127.0.0.1:{sent.port}")
        environment = {**ENVIRONMENT, **environment, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        with Child(command, tmp_path, environment) as agent:
            assert agent.wait() == 0, agent.output()
            assert "Revenue grew" in agent.output()
        assert [m["content"] for m in model.requests[-1]["messages"] if m["role"] == "tool"][1].startswith("harvested")
        return [span for _, span in sent.spans.items]

    return run


def attributes(record):
    """Return string, number and string-list attributes of a record as plain values."""
    values = {}
    for pair in record.attributes:
        which = pair.value.WhichOneof("value")
        value = getattr(pair.value, which) if which else None
        values[pair.key] = [item.string_value for item in value.values] if which == "array_value" else value
    return values


def posts_of(webhook, rule_part):
    wanted = webhook.posts.wait(lambda post: rule_part in post[1]["finding"]["rule"], f"a finding of {rule_part}")
    return wanted[0]


def record_of(receiver, finding_id):
    """Return the log record that tells of a finding."""

    def tells(record):
        return attributes(record).get("spanwarden.finding.id") == finding_id

    return receiver.logs.wait(tells, f"the log record of {finding_id}")[0]


def check_webhook(headers, body, trace_id):
    """What contracts.md says of a webhook."""
    assert headers["content-type"].startswith("application/json")
    assert set(body) >= {"type", "timestamp", "delivery_id", "revision", "run", "finding"}
    assert body["type"] == "spanwarden.finding"
    assert datetime.fromisoformat(body["timestamp"]).tzinfo is not None
    assert headers["webhook-id"] == body["delivery_id"]
    assert body["revision"] >= 1
    run, finding = body["run"], body["finding"]
    assert set(run) >= {"id", "conversation", "agent", "service", "trace_ids", "completeness", "cost_usd"}
    assert run["trace_ids"] == [trace_id]
    assert run["completeness"] in {"root_ended", "idle"}
    assert set(finding) >= {"finding_id", "rule", "severity", "title", "message", "policy", "turn", "evidence"}
    assert finding["evidence"]
    for item in finding["evidence"]:
        assert set(item) >= {"event", "role", "span_id", "field", "text"}
        assert COMMAND not in str(item["text"])  # content leaves redacted unless asked for


def check_records(receivers, body, trace_id):
    """The finding's log record at every receiver: correlated to the offending span, the published attributes."""
    finding = body["finding"]
    evidence = finding["evidence"]
    offending = {e["span_id"] for e in evidence if e["role"] == "sink"} or {e["span_id"] for e in evidence}
    for receiver in receivers:
        record = record_of(receiver, finding["finding_id"])
        assert record.trace_id.hex() == trace_id
        assert record.span_id.hex() in offending
        assert record.severity_number == SEVERITY_NUMBERS[finding["severity"]]
        assert record.body.string_value == finding["title"]
        told = attributes(record)
        assert told["gen_ai.evaluation.name"] == finding["rule"]
        assert told["gen_ai.evaluation.score.label"] == "fail"
        assert told["spanwarden.finding.severity"] == finding["severity"]
        assert told["spanwarden.run.id"] == body["run"]["id"]


LANGCHAIN = ["langchain", "langchain_openai", "opentelemetry.instrumentation.genai.langchain"]


def test_langchain_agent_taken_in_by_a_page(run_agent, endpoint, otlp_receiver, direct, webhook):
    spans = run_agent("langchain_agent.py", LANGCHAIN)
    by_name = {span.name: span for span in spans}
    root = by_name["invoke_agent researcher"]
    fetch, shell = by_name["execute_tool web_fetch"], by_name["execute_tool run_shell"]
    trace_id = root.trace_id.hex()

    headers, body = posts_of(webhook, "injected-instruction")
    check_webhook(headers, body, trace_id)
    assert body["run"]["agent"] == "researcher"
    assert body["run"]["service"] == "research-desk"
    assert body["run"]["completeness"] == "root_ended"
    evidence = {item["span_id"]: item["role"] for item in body["finding"]["evidence"]}
    assert evidence[fetch.span_id.hex()] == "source"
    assert evidence[shell.span_id.hex()] == "sink"
    check_records([direct, otlp_receiver], body, trace_id)
    record = record_of(direct, body["finding"]["finding_id"])
    assert record.span_id == shell.span_id
    assert record.event_name == "gen_ai.evaluation.result"
    assert record.time_unix_nano == shell.end_time_unix_nano

    _, steered = posts_of(webhook, "external-content-to-shell")
    assert steered["finding"]["severity"] == "critical"
    check_records([direct, otlp_receiver], steered, trace_id)

    _, forbidden = posts_of(webhook, "tool-forbidden")
    assert [item["span_id"] for item in forbidden["finding"]["evidence"]] == [shell.span_id.hex()]
    check_records([direct, otlp_receiver], forbidden, trace_id)

    def evaluates_this_run(item):
        return any(link.span_id == shell.span_id for link in item[1].links)

    _, evaluation = direct.spans.wait(evaluates_this_run, "the span of the evaluation")[0]
    assert evaluation.kind == evaluation.SPAN_KIND_INTERNAL
    assert {link.trace_id for link in evaluation.links} == {root.trace_id}
    otlp_receiver.spans.wait(evaluates_this_run, "the span of the evaluation at rotel")


def test_an_agent_that_sends_no_content_is_not_passed(run_agent, endpoint, direct, webhook):
    capture = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "NO_CONTENT"}
    spans = run_agent("langchain_agent.py", LANGCHAIN, **capture)
    shell = next(span for span in spans if span.name == "execute_tool run_shell")

    def judged_by_the_pack(item):
        return item[1].name == "evaluate_policy agent-baseline"

    _, evaluation = direct.spans.wait(judged_by_the_pack, "the span of the evaluation")[0]
    told = attributes(evaluation)
    assert told["gen_ai.evaluation.score.label"] == "not_evaluable"
    assert "injected-instruction-obeyed" in told["spanwarden.policy.not_evaluable"]
    _, forbidden = posts_of(webhook, "tool-forbidden")
    assert [item["span_id"] for item in forbidden["finding"]["evidence"]] == [shell.span_id.hex()]


def test_bare_client_in_a_loop_written_by_hand(run_agent, endpoint, otlp_receiver, direct, webhook):
    spans = run_agent("openai_client.py", ["openai", "opentelemetry.instrumentation.genai.openai"])
    trace_id = spans[0].trace_id.hex()
    chats = {span.span_id.hex() for span in spans if span.name.startswith("chat ")}
    assert len(chats) == 3

    headers, body = posts_of(webhook, "injected-instruction")
    check_webhook(headers, body, trace_id)
    assert body["run"]["service"] == "bare-client"
    assert {item["span_id"] for item in body["finding"]["evidence"]} <= chats
    check_records([direct, otlp_receiver], body, trace_id)

    # One real call is one event, however many of the later requests repeat it in their history.
    posts_of(webhook, "tool-forbidden")
    direct.spans.wait(lambda item: "evaluate_policy" in item[1].name, "the span of the evaluation")
    told = [b for _, b in webhook.posts.items if b["finding"]["rule"] == "tool-forbidden"]
    assert len({b["finding"]["finding_id"] for b in told}) == 1

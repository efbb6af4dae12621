from pathlib import Path

import msgspec
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from exporters.notices import FINDING, OBSERVED, ROOT, RUN, SINK, SOURCE, TRACE, changed, evaluation_notice
from spanwarden.exporters.otlp.spans import MAX_EVENTS, MAX_LINKS, evaluation_span
from spanwarden.exporters.redaction import presentable
from spanwarden.model.finding import Evidence, RuleError
from spanwarden.otlp.json_codec import decode

GOLDEN = Path(__file__).with_name("golden") / "span.json"


def values(span):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}


def test_the_span_is_as_recorded():
    assert evaluation_span(presentable(evaluation_notice(), "redacted")) == decode(GOLDEN.read_bytes(), Span())


def test_it_stands_beside_the_runs_own_spans():
    span = evaluation_span(evaluation_notice())
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, ROOT)
    assert (span.name, span.kind) == ("evaluate_policy agent-baseline", Span.SPAN_KIND_INTERNAL)
    assert span.start_time_unix_nano == span.end_time_unix_nano == OBSERVED
    assert [(link.span_id.hex(), link.attributes[0].value.string_value) for link in span.links] == [
        (SOURCE, "source"),
        (SINK, "sink"),
    ]


def test_ids_repeat_for_a_replay_and_change_with_revision_policy_and_run():
    notice = evaluation_notice()
    changes = [{}, {}, {"revision": 2}, {"policy_version": "v2"}, {"policy": "other"}]
    changes.append({"run": msgspec.structs.replace(RUN, id="run-8")})
    ids = [evaluation_span(msgspec.structs.replace(notice, **change)).span_id for change in changes]
    assert ids[0] == ids[1]
    assert len(set(ids)) == len(ids) - 1
    assert all(len(item) == 8 and any(item) for item in ids)


def test_a_run_without_a_trace_gets_one_of_its_own():
    run = msgspec.structs.replace(RUN, trace_ids=(), root_trace_id="", root_span_id="")
    first = evaluation_span(evaluation_notice(run=run))
    second = evaluation_span(evaluation_notice(run=run, revision=2))
    assert first.trace_id == second.trace_id
    assert first.trace_id.hex() != TRACE
    assert (len(first.trace_id), first.parent_span_id) == (16, b"")
    assert first.span_id != second.span_id
    assert [link.trace_id.hex() for link in first.links] == [TRACE, TRACE]


def test_a_run_over_several_traces_is_not_put_into_one_of_them():
    run = msgspec.structs.replace(RUN, trace_ids=(TRACE, "1" * 32), root_trace_id="", root_span_id="")
    assert evaluation_span(evaluation_notice(run=run)).trace_id.hex() not in run.trace_ids
    one = msgspec.structs.replace(run, trace_ids=(TRACE,))
    assert evaluation_span(evaluation_notice(run=one)).trace_id.hex() == TRACE


def test_counts_and_label_follow_the_findings():
    span = evaluation_span(evaluation_notice(FINDING, changed(severity="low"), FINDING))
    told = values(span)
    assert (told["spanwarden.findings.total"], told["spanwarden.findings.high"]) == (3, 2)
    assert (told["spanwarden.findings.low"], told["spanwarden.findings.critical"]) == (1, 0)
    assert told["gen_ai.evaluation.score.label"] == "fail"
    assert span.status.code == Status.STATUS_CODE_UNSET
    assert len(span.events) == 3


def test_nothing_found_is_a_pass_only_if_every_rule_could_be_judged():
    clean = evaluation_notice(findings=(), not_evaluable=())
    assert values(evaluation_span(clean))["gen_ai.evaluation.score.label"] == "pass"
    blind = evaluation_span(evaluation_notice(findings=()))
    assert values(blind)["gen_ai.evaluation.score.label"] == "not_evaluable"
    assert [v.string_value for v in values(blind)["spanwarden.policy.not_evaluable"].values] == ["max-cost-exceeded"]


def test_only_a_rule_that_failed_is_an_error():
    span = evaluation_span(evaluation_notice(rule_errors=(RuleError("r1", "too deep"),)))
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert span.status.message == "1 rule could not be evaluated"
    assert values(span)["error.type"] == "rule_error"


def test_floods_are_bounded_and_the_worst_findings_stay():
    def flood(number):
        evidence = (Evidence(event=number, trace_id=TRACE, span_id=f"{number + 1:016x}"),)
        return changed(severity="critical" if number == 999 else "low", evidence=evidence, rule=f"r{number}")

    span = evaluation_span(evaluation_notice(*map(flood, range(1000))))
    assert (len(span.events), span.dropped_events_count) == (MAX_EVENTS, 1000 - MAX_EVENTS)
    assert (len(span.links), span.dropped_links_count) == (MAX_LINKS, 1000 - MAX_LINKS)
    assert span.events[0].attributes[0].value.string_value == "r999"
    assert span.links[0].span_id.hex() == f"{1000:016x}"

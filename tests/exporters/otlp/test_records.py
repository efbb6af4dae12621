from pathlib import Path

import msgspec
import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from exporters.notices import END, FINDING, OBSERVED, ROOT, RUN, SINK, SOURCE, START, TRACE, changed, finding_notice
from spanwarden.exporters.otlp.records import log_record
from spanwarden.exporters.redaction import presentable
from spanwarden.model.finding import Evidence, identified
from spanwarden.otlp.json_codec import decode

GOLDEN = Path(__file__).with_name("golden") / "log_record.json"


def attributes(record):
    return {pair.key: pair.value for pair in record.attributes}


def test_the_record_is_as_recorded():
    shown = presentable(finding_notice(), "redacted")
    assert log_record(shown, shown.findings[0]) == decode(GOLDEN.read_bytes(), LogRecord())


@pytest.mark.parametrize(
    ("severity", "number", "text"),
    [("info", 9, "INFO"), ("low", 9, "INFO"), ("medium", 13, "WARN"), ("high", 17, "ERROR"), ("critical", 21, "FATAL")],
)
def test_severities_map_to_the_log_data_model(severity, number, text):
    finding = changed(severity=severity)
    record = log_record(finding_notice(finding), finding)
    assert (record.severity_number, record.severity_text) == (number, text)
    assert attributes(record)["spanwarden.finding.severity"].string_value == severity


def context(finding, **notice):
    record = log_record(finding_notice(finding, **notice), finding)
    return record.trace_id.hex(), record.span_id.hex(), record.time_unix_nano


def test_the_sink_gives_context_and_time():
    assert context(FINDING) == (TRACE, SINK, START + 5 * 10**9)


def test_without_a_sink_the_first_evidence_does():
    causes = changed(evidence=(FINDING.evidence[0], Evidence(event=4)))
    assert context(causes) == (TRACE, SOURCE, START + 10**9)


def test_evidence_without_ids_is_looked_up_among_the_subjects():
    bare = changed(evidence=(Evidence(event=5, role="sink"),))
    assert context(bare) == (TRACE, SINK, START + 5 * 10**9)


def test_without_a_span_the_root_does_at_the_end_of_the_run():
    assert context(changed(evidence=())) == (TRACE, ROOT, END)
    assert context(changed(evidence=(Evidence(event=99),))) == (TRACE, ROOT, END)


def test_a_root_in_another_trace_is_not_mistaken_for_the_context():
    other = "11111111111111111111111111111111"
    alone = changed(evidence=(Evidence(event=99, trace_id=other),))
    assert context(alone)[:2] == (other, "")


def test_a_run_of_logs_only_has_no_context():
    run = msgspec.structs.replace(RUN, trace_ids=(), root_trace_id="", root_span_id="", end=0)
    assert context(changed(evidence=()), run=run, subjects=()) == ("", "", OBSERVED)


@pytest.mark.parametrize("bad", ["", "0" * 16, "xyz", "00f067aa0ba902b", "00f067aa0ba902b7aa"])
def test_invalid_ids_never_reach_the_wire(bad):
    finding = changed(evidence=(Evidence(event=99, role="sink", span_id=bad, trace_id=TRACE),))
    assert context(finding)[:2] == (TRACE, ROOT)


def test_hostile_text_is_cut_cleaned_and_kept_off_the_title():
    nasty = "\x1b[2J\n\ud800" + "x" * 100_000
    finding = identified(
        changed(title=nasty, message=nasty, evidence=tuple(Evidence(event=n, text=nasty) for n in range(1000))), "r"
    )
    record = log_record(finding_notice(finding), finding)
    assert record.body.string_value.startswith(r"\x1b[2J \ud800xxx")
    assert len(record.body.string_value) <= 300
    assert len(attributes(record)["gen_ai.evaluation.explanation"].string_value) == 4096
    assert len(attributes(record)["spanwarden.finding.evidence.items"].array_value.values) == 128


def test_absent_facts_leave_no_attribute():
    run = msgspec.structs.replace(RUN, agent=None, conversation=None, cost_usd=None, service=None)
    record = log_record(finding_notice(changed(turn=None, tags=()), run=run, subjects=()), changed(turn=None, tags=()))
    absent = {"gen_ai.agent.name", "gen_ai.conversation.id", "spanwarden.run.cost_usd", "spanwarden.finding.turn"}
    absent |= {"spanwarden.subject.service.name", "gen_ai.tool.name", "spanwarden.finding.tags"}
    assert not absent & set(attributes(record))
    assert attributes(record)["gen_ai.evaluation.score.value"].double_value == 0.0


def test_times_beyond_the_field_are_clamped():
    run = msgspec.structs.replace(RUN, end=10**30)
    assert context(changed(evidence=()), run=run)[2] == 2**64 - 1

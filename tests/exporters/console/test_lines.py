from exporters.notices import FINDING, RUN, changed, evaluation_notice, finding_notice
from spanwarden.exporters.console.lines import finding_line, run_line
from spanwarden.exporters.redaction import presentable
from spanwarden.model.finding import Evidence, RuleError


def test_a_finding_is_one_line_with_everything_that_matters():
    notice = presentable(finding_notice(), "redacted")
    assert finding_line(notice, FINDING).plain == (
        "HIGH     flow-forbidden  billing-agent/run-7  "
        "Words of fetch_page (event 2) came back as a shell command in run_shell (event 5).  "
        "[source event 2 result span 00f067aa0ba902b7: please run it; "
        "sink event 5 arguments.command span 53995c3f42cd8ad8: curl x | sh]"
    )


def test_revisions_and_long_evidence_say_so():
    many = changed(evidence=tuple(Evidence(event=number) for number in range(10)))
    line = finding_line(finding_notice(many, status="updated"), many).plain
    assert " (updated)  [cause event 0; cause event 1; cause event 2; 7 more]" in line


def test_without_evidence_or_agent_the_line_still_reads():
    import msgspec

    bare = changed(evidence=(), message="")
    notice = finding_notice(bare, run=msgspec.structs.replace(RUN, agent=None, service=None))
    assert finding_line(notice, bare).plain == "HIGH     flow-forbidden  agent/run-7  A web page led to a shell command"


def test_hostile_text_cannot_steer_the_terminal():
    import msgspec

    nasty = "\x1b[2J\r\nCRITICAL forged\u202e"
    evil = changed(rule=nasty, message=nasty, evidence=(Evidence(event=0, field=nasty, text=nasty, span_id=nasty),))
    notice = finding_notice(evil, run=msgspec.structs.replace(RUN, agent=nasty, id=nasty), policy=nasty)
    for line in (finding_line(notice, evil), run_line(evaluation_notice(evil, run=notice.run, policy=nasty))):
        assert line.plain.isprintable()


def test_an_evaluated_run_tells_its_outcome():
    critical = changed(severity="critical")
    assert run_line(evaluation_notice(FINDING, critical, FINDING)).plain == (
        "RUN      billing-agent/run-7  6 events, root_ended, policy agent-baseline: 1 critical, 2 high, risk score 25; "
        "not evaluable: max-cost-exceeded"
    )
    clean = evaluation_notice(findings=(), not_evaluable=(), rule_errors=(RuleError("r1", "x"),))
    assert run_line(clean).plain.endswith("policy agent-baseline: no findings; failed rules: r1")

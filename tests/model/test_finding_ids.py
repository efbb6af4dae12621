"""The two ids of a finding: what changes them and what does not."""

from spanwarden.model.finding import Evidence, Finding, identified


def finding(*evidence: Evidence, subject: str = "") -> Finding:
    return identified(Finding("rule", "high", "Title", "Message", "policy", evidence, subject=subject), "run")


def test_a_sink_names_the_finding_and_what_it_came_from_revises_it():
    one = finding(Evidence(1, "source", "aa"), Evidence(3, "sink", "cc"))
    two = finding(Evidence(2, "source", "bb"), Evidence(3, "sink", "cc"))
    assert one.finding_id == two.finding_id
    assert one.delivery_id != two.delivery_id
    assert one.finding_id != finding(Evidence(1, "source", "aa"), Evidence(4, "sink", "dd")).finding_id


def test_where_nothing_was_done_each_source_is_a_finding_of_its_own():
    assert finding(Evidence(1, "source", "aa")).finding_id != finding(Evidence(2, "source", "bb")).finding_id


def test_a_count_stays_one_finding_while_it_grows():
    one = finding(Evidence(1, "cause", "aa"))
    two = finding(Evidence(1, "cause", "aa"), Evidence(2, "cause", "bb"))
    assert one.finding_id == two.finding_id
    assert one.delivery_id != two.delivery_id


def test_subjects_tell_findings_on_one_event_apart():
    assert finding(Evidence(1, "sink"), subject="a").finding_id != finding(Evidence(1, "sink"), subject="b").finding_id

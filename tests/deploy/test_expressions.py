"""The reader of PromQL names that the tests of rules and dashboard rest on."""

import pytest

from deploy.expressions import Selector, complaints, read, samples


def test_every_kind_of_metric_has_its_samples():
    known = samples()
    assert known["spanwarden_findings_total"] == {"policy", "rule", "severity"}
    assert known["otelcol_exporter_queue_size"] == {"exporter"}
    assert known["spanwarden_decision_seconds_bucket"] == {"le"}
    assert {"spanwarden_decision_seconds_sum", "spanwarden_decision_seconds_count"} <= set(known)
    assert not {"spanwarden_findings", "spanwarden_decision_seconds", "otelcol_exporter_queue_size_total"} & set(known)


def test_names_are_told_from_functions_labels_and_words():
    text = (
        'sum by (rule, le) (rate(a_total{x="sum(b)", y=~"c\\"d"}[5m])) > on (job) group_left () 0.9 * e offset 1h or f'
    )
    expression = read(text)
    assert expression.selectors == (Selector("a_total", ("x", "y")), Selector("e", ()), Selector("f", ()))
    assert expression.grouped == {"rule", "le", "job"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rate(spanwarden_findings[5m])", "no metric spanwarden_findings"),
        ('spanwarden_windows_open{rule="x"}', "spanwarden_windows_open has no label rule"),
        ("sum by (exporter) (spanwarden_windows_open)", "nothing here has the label exporter"),
        ("histogram_quantile(0.5, sum by (le) (up))", "nothing here has the label le"),
    ],
)
def test_wrong_names_are_noticed(text, complaint):
    assert complaints(text) == [complaint]


@pytest.mark.parametrize(
    "text", ["rate(up[5m]", "up)", "(up]", "rat(up[5m])", "sum up", "up & up", 'up{job="x}', "sum by (job"]
)
def test_what_is_no_promql_is_refused(text):
    with pytest.raises(ValueError, match=r"unbalanced|unclosed|unknown function|aggregates nothing|not PromQL"):
        read(text)


def test_labels_that_prometheus_adds_are_known():
    assert complaints('sum by (job, instance) (rate(spanwarden_findings_total{job="x", severity="high"}[5m]))') == []

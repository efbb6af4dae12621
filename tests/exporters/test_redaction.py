from exporters.notices import FINDING, evaluation_notice, finding_notice
from spanwarden.exporters.redaction import presentable, redacted


def test_words_become_their_length_and_a_digest():
    texts = [item.text for item in redacted(FINDING).evidence]
    assert [text.split(",")[0] for text in texts] == ["[13 characters", "[11 characters"]
    assert "curl" not in repr(redacted(FINDING))


def test_equal_words_have_equal_digests_and_ids_stay():
    once, again = redacted(FINDING), redacted(FINDING)
    assert once == again
    assert (once.finding_id, once.delivery_id) == (FINDING.finding_id, FINDING.delivery_id)


def test_presentable_redacts_every_finding_unless_the_setting_says_full():
    notice = evaluation_notice(FINDING, FINDING)
    assert presentable(notice, "full") is notice
    shown = presentable(notice, "redacted")
    assert all(finding == redacted(FINDING) for finding in shown.findings)
    assert presentable(finding_notice(), "redacted").run == notice.run


def test_what_was_redacted_before_is_not_redacted_again():
    notice = finding_notice(redacted(FINDING), redacted=True)
    assert presentable(notice, "redacted") is notice


def test_half_surrogate_pairs_do_not_raise():
    import msgspec

    broken = msgspec.structs.replace(FINDING.evidence[0], text="\ud800")
    assert redacted(msgspec.structs.replace(FINDING, evidence=(broken,))).evidence[0].text.startswith("[1 characters")

import base64
import hashlib
import hmac
import json

import pytest

from exporters.notices import FINDING, finding_notice
from exporters.receiving import Answer, HttpReceiver
from spanwarden.exporters.base import RefusedError, RetryableError
from spanwarden.exporters.webhook.exporter import WebhookExporter
from spanwarden.exporters.webhook.settings import WebhookSettings

NOW = 1_790_000_000.75  # Mon, 21 Sep 2026 14:13:20 GMT


@pytest.fixture
def build():
    built = []

    def create(url, **settings):
        exporter = WebhookExporter(
            "webhook/test", WebhookSettings.model_validate({"url": url} | settings), clock=lambda: NOW
        )
        built.append(exporter)
        return exporter

    yield create
    for exporter in built:
        exporter.close()


def test_one_finding_arrives_as_one_post(build):
    with HttpReceiver(Answer(204)) as receiver:
        exporter = build(f"{receiver.url}/hook?team=a", headers={"X-Team": "blue"})
        assert (exporter.wants, exporter.max_batch) == (frozenset({"finding"}), 1)
        exporter.deliver([finding_notice()])
    (request,) = receiver.requests
    assert request.path == "/hook?team=a"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-team"] == "blue"
    assert request.headers["webhook-id"] == FINDING.delivery_id
    assert "webhook-signature" not in request.headers
    body = json.loads(request.body)
    assert body["delivery_id"] == FINDING.delivery_id
    assert body["finding"]["rule"] == "flow-forbidden"


@pytest.mark.parametrize(("content", "shown"), [("redacted", False), ("full", True)])
def test_matched_words_leave_only_when_asked_for(build, content, shown):
    with HttpReceiver() as receiver:
        build(receiver.url, content=content).deliver([finding_notice()])
    assert (b"curl x | sh" in receiver.requests[0].body) is shown


def test_the_signature_can_be_checked_by_the_receiver(build):
    raw = b"0123456789abcdef01234567"
    secret = "whsec_" + base64.b64encode(raw).decode()
    with HttpReceiver() as receiver:
        build(receiver.url, secret=f"{secret} second").deliver([finding_notice()])
    headers, body = receiver.requests[0].headers, receiver.requests[0].body
    assert headers["webhook-timestamp"] == "1790000000"
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    expected = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in (raw, b"second")]
    assert headers["webhook-signature"] == f"v1,{expected[0]} v1,{expected[1]}"


@pytest.mark.parametrize(
    ("status", "headers", "after"),
    [
        (503, {"retry-after": "7"}, 7.0),
        (429, {"retry-after": "Mon, 21 Sep 2026 14:13:50 GMT"}, 29.25),
        (408, {}, None),
        (425, {}, None),
        (500, {}, None),
        (502, {"retry-after": "nonsense"}, None),
        (504, {"retry-after": "99999999"}, 3600.0),
    ],
)
def test_statuses_worth_another_attempt(build, status, headers, after):
    answer = Answer(status, headers, b"receiver's words")
    with HttpReceiver(answer) as receiver, pytest.raises(RetryableError, match=f"answered {status}") as failure:
        build(f"{receiver.url}/token").deliver([finding_notice()])
    assert failure.value.after == after
    assert "words" not in str(failure.value)
    assert "token" not in str(failure.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 410, 413, 422])
def test_statuses_that_are_final(build, status):
    with HttpReceiver() as elsewhere:
        answer = Answer(status, {"location": elsewhere.url}, b"receiver's words")
        with HttpReceiver(answer) as receiver, pytest.raises(RefusedError, match=f"answered {status}") as failure:
            build(receiver.url).deliver([finding_notice()])
    assert elsewhere.requests == []
    assert "words" not in str(failure.value)


def test_a_retry_repeats_id_and_body(build):
    with HttpReceiver(Answer(503), Answer(200)) as receiver:
        exporter = build(receiver.url)
        with pytest.raises(RetryableError):
            exporter.deliver([finding_notice()])
        exporter.deliver([finding_notice()])
    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_a_receiver_that_hangs_is_given_up_on_in_time(build):
    with HttpReceiver(Answer(hang=True)) as receiver, pytest.raises(RetryableError, match="no answer in time"):
        build(receiver.url, timeout="100ms").deliver([finding_notice()])


def test_an_endless_answer_does_not_hold_up(build):
    with HttpReceiver(Answer(endless=True)) as receiver:
        build(receiver.url).deliver([finding_notice()])
    assert receiver.written < 50_000_000


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"url": "http://169.254.169.254/latest"}, "allow_link_local"),
        ({"url": "http://[fe80::1]:8080/"}, "allow_link_local"),
        ({"url": "https://a.example/", "tls": {"insecure": True}}, "contradicts an https URL"),
        ({"url": "http://a.example/", "headers": {"Webhook-Id": "x"}}, "set by the exporter"),
        ({"url": "http://a.example/", "secret": "whsec_***"}, "secret: number 1"),
        ({"url": "http://a.example/", "tls": {"ca_file": "missing.pem"}}, "ca_file missing.pem"),
        ({"url": "javascript:alert(1)"}, "http:// or https://"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_start(build, settings, says):
    with pytest.raises(ValueError, match=says):
        build(**settings)


def test_a_link_local_address_is_fine_when_allowed(build):
    assert "169.254.10.1" in repr(build("http://169.254.10.1/hook", allow_link_local=True))

import ssl
import subprocess

import pytest

from exporters.receiving import Answer, HttpReceiver, dead_port
from spanwarden.configuration.section import Client
from spanwarden.exporters.base import RefusedError, RetryableError
from spanwarden.exporters.http_post import HttpPoster, checked_url, host, is_link_local, place


@pytest.fixture
def post():
    opened = []

    def send(url, *, keep=0, tls=None, timeout=5.0, headers=None, **options):
        poster = HttpPoster(tls or Client(), timeout, **options)
        opened.append(poster)
        return poster.post(url, b"hello", headers or {}, keep=keep)

    yield send
    for poster in opened:
        poster.close()


def test_an_answer_comes_back_as_far_as_asked(post):
    answer = Answer(202, {"X-Kind": "a"}, b"1234567890")
    with HttpReceiver(answer, answer) as receiver:
        whole = post(receiver.url, keep=10)
        assert (whole.status, whole.headers["x-kind"], whole.body) == (202, "a", b"1234567890")
        assert post(receiver.url, keep=9).body is None
    assert [request.body for request in receiver.requests] == [b"hello", b"hello"]


def test_one_connection_is_kept_for_several_requests():
    poster = HttpPoster(Client(), 5.0)
    with HttpReceiver() as receiver:
        for _ in range(3):
            assert poster.post(f"{receiver.url}/a", b"", {}).status == 200
        assert receiver.connections == 1
        poster.close()


def test_redirects_are_answers_like_any_other(post):
    with HttpReceiver() as other, HttpReceiver(Answer(307, {"location": other.url})) as receiver:
        assert post(receiver.url).status == 307
    assert other.requests == []


def test_an_endless_body_is_cut_off(post):
    with HttpReceiver(Answer(endless=True)) as receiver:
        reply = post(receiver.url, keep=100)
        assert (reply.status, reply.body) == (200, None)
    assert receiver.written < 50_000_000


def test_a_body_that_comes_too_slowly_is_left(post):
    moments = iter([0.0, 1.0, 6.0])
    with HttpReceiver(Answer(endless=True)) as receiver:
        reply = post(receiver.url, keep=10**9, timeout=5.0, monotonic=lambda: next(moments))
        assert (reply.status, reply.body) == (200, None)
    assert next(moments, "asked three times") == "asked three times"


def test_no_answer_in_time_may_be_tried_again(post):
    with HttpReceiver(Answer(hang=True)) as receiver, pytest.raises(RetryableError, match="no answer in time"):
        post(f"{receiver.url}/token-in-path", timeout=0.1)


def test_a_refused_connection_may_be_tried_again_and_the_path_stays_unsaid(post):
    with pytest.raises(RetryableError, match="cannot connect") as failure:
        post(f"http://127.0.0.1:{dead_port()}/token-in-path?key=token")
    assert "token" not in str(failure.value)


def test_a_name_that_does_not_resolve_may_be_tried_again(post):
    with pytest.raises(RetryableError, match=r"cannot connect|no answer in time"):
        post("http://receiver.invalid/")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("169.254.169.254", True),
        ("[fe80::1%25eth0]", True),
        ("fe80::1%eth0", True),
        ("::ffff:169.254.169.254", True),
        ("fd00:ec2::254", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("2001:db8::1", False),
        ("metadata.example", False),
    ],
)
def test_link_local_addresses_are_known(address, expected):
    assert is_link_local(address) is expected


def test_the_address_behind_a_name_is_checked_on_the_open_connection(post, monkeypatch):
    # Loopback stands in for the metadata service, which no test machine has.
    monkeypatch.setattr("spanwarden.exporters.http_post.is_link_local", lambda address: address == "127.0.0.1")
    with HttpReceiver() as receiver:
        with pytest.raises(RefusedError, match="localhost is a link-local address"):
            post(f"http://localhost:{receiver.port}/", link_local=False)
        assert receiver.requests == []
        assert post(f"http://localhost:{receiver.port}/", link_local=True).status == 200


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://a/b", "expected an http:// or https:// URL"),
        ("file:///etc/passwd", "expected an http:// or https:// URL"),
        ("/relative", "expected an http:// or https:// URL"),
        ("http://", "expected an http:// or https:// URL"),
        ("http://me:pass@a/b", "put credentials into headers"),
        ("http://a/b c", "no blanks"),
        ("http://a/\r\nx: y", "no blanks"),
        ("http://a:99999999/", "not a URL"),
    ],
)
def test_urls_that_cannot_work_are_refused_at_start(url, says):
    with pytest.raises(ValueError, match=says) as failure:
        checked_url("url", url)
    assert "pass" not in str(failure.value).replace("passwd", "")


def test_messages_name_scheme_host_and_port_only():
    assert place("https://a.example:8443/hook/token?key=1") == "https://a.example:8443"
    assert host("http://[fe80::1]:80/") == "[fe80::1]"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    try:
        subprocess.run([*command.split(), *names], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs the openssl command")
    return cert, key


def server_context(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def test_tls_trusts_the_named_authority_only(post, certificate):
    with HttpReceiver(ssl_context=server_context(certificate)) as receiver:
        assert post(receiver.url, tls=Client(ca_file=str(certificate[0]))).status == 200
        with pytest.raises(RetryableError, match="TLS failed"):
            post(receiver.url)
        assert post(receiver.url, tls=Client(insecure_skip_verify=True)).status == 200


def test_mutual_tls_presents_the_certificate(post, certificate):
    context = server_context(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate[0])
    cert, key = map(str, certificate)
    with HttpReceiver(ssl_context=context) as receiver:
        assert post(receiver.url, tls=Client(ca_file=cert, cert_file=cert, key_file=key)).status == 200
        with pytest.raises(RetryableError):
            post(receiver.url, tls=Client(ca_file=cert))

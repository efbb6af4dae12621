import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwarden.detectors.encodings import spelled_in, spellings
from spanwarden.detectors.masking import masked
from spanwarden.detectors.secrets import entropy, find_secrets, secret_by_name

# Put together at run time, so that no scanner takes this file for a leak.
LETTERS = "Zq8Lw3Xv7Rt2Nb5Mk9Pj4Hd6Fs1Gc0AyEuTo"
SAMPLES = {
    "aws-access-key": "AKIA" + "Q7ZLWXVRTNBMKPJH",
    "google-api-key": "AIza" + LETTERS[:35],
    "github-token": "ghp_" + LETTERS,
    "gitlab-token": "glpat-" + LETTERS[:20],
    "slack-token": "xoxb-" + "123456789012-" + LETTERS[:24],
    "stripe-key": "sk_live_" + LETTERS[:24],
    "anthropic-key": "sk-ant-" + "api03-" + LETTERS,
    "openai-key": "sk-proj-" + LETTERS,
    "huggingface-token": "hf_" + LETTERS[:34],
    "npm-token": "npm_" + LETTERS,
    "json-web-token": "eyJ" + LETTERS[:16] + ".eyJ" + LETTERS[:20] + "." + LETTERS[:30],
    "telegram-token": "123456789:AA" + LETTERS[:33],
}


@pytest.mark.parametrize("kind", SAMPLES)
def test_each_issuers_shape(kind: str) -> None:
    text = f"the value is {SAMPLES[kind]} and that is all"
    (secret,) = find_secrets(text)
    assert secret.kind == kind
    assert text[secret.start : secret.end] == secret.value == SAMPLES[kind]
    assert secret.certain


def test_private_keys() -> None:
    key = "-----BEGIN RSA " + "PRIVATE KEY-----\n" + "MIIEow" * 20 + "\n-----END"
    assert find_secrets(key)[0].kind == "private-key"
    assert not find_secrets("-----BEGIN PUBLIC KEY-----\n" + "MIIEow" * 20)


def test_connection_strings_give_the_password() -> None:
    (secret,) = find_secrets("DSN postgres://app:h7Gq2-zz@db.internal:5432/main")
    assert (secret.kind, secret.value) == ("connection-string", "h7Gq2-zz")
    assert not find_secrets("see https://example.com:8080/a@b")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("DB_PASSWORD=tr0ub4dor-and-3", "tr0ub4dor-and-3"),
        ("export STRIPE_SECRET='9f8a7b6c5d4e'", "9f8a7b6c5d4e"),
        ('{"api_key": "k93jd82hs72"}', "k93jd82hs72"),
        ("your password is: wHale-42-tea", "wHale-42-tea"),
    ],
)
def test_values_that_are_called_secrets(line: str, value: str) -> None:
    (secret,) = find_secrets(line)
    assert secret.value == value
    assert not secret.certain


@pytest.mark.parametrize(
    "line",
    [
        "PASSWORD=changeme",
        "API_KEY=${API_KEY}",
        "TOKEN=<your-token-1>",
        "password: required",
        "The password is important to everyone",
        "token: https://example.com/x1",
        "SECRET_PATH=/run/secrets/db1",
        "secret=xxxxxxxx1",
        "max_tokens=4096",
    ],
)
def test_placeholders_and_words_are_no_secrets(line: str) -> None:
    assert find_secrets(line) == []


def test_overlapping_matches_are_told_once_and_the_certain_one_wins() -> None:
    (secret,) = find_secrets("GITHUB_TOKEN=" + SAMPLES["github-token"])
    assert secret.kind == "github-token"


def test_by_name() -> None:
    assert secret_by_name("smtpPassword", "b7-kk-92x") is not None
    assert secret_by_name("city", "b7-kk-92x") is None
    assert secret_by_name("password", "hidden by admin 1") is None


def test_masks_show_little() -> None:
    for value in SAMPLES.values():
        shown = masked(value)
        assert value not in shown
        assert sum(part in shown for part in (value[:5], value[-3:])) == 0
    assert masked("abc") == "a… (3 characters)"


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
@pytest.mark.parametrize("after", ["", "z", "zz"])
def test_base64_is_recognised_at_every_alignment(before: str, after: str) -> None:
    value = SAMPLES["stripe-key"]
    assert spelled_in(value, base64.b64encode(f"{before}{value}{after}".encode()).decode()) == "base64"


def test_other_spellings() -> None:
    value = "p/ss w0rd+"
    assert spelled_in(value, f"x={value}") == "plain"
    assert spelled_in(value, value.encode().hex()) == "hex"
    assert spelled_in(value, "p%2Fss%20w0rd%2B") == "url"
    assert spelled_in(value, value[::-1]) == "reversed"
    assert spelled_in(value, "nothing here") is None


def test_entropy() -> None:
    assert entropy("aaaa") == 0
    assert entropy("abcd") == 2
    assert entropy("") == 0


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=500), st.sampled_from([*SAMPLES.values(), "password: ", "DB_TOKEN="]), st.text(max_size=100))
def test_any_text_is_survived(before: str, middle: str, after: str) -> None:
    text = before + middle + after
    end = 0
    for secret in find_secrets(text):
        assert end <= secret.start < secret.end <= len(text)
        assert text[secret.start : secret.end] == secret.value
        end = secret.end
        assert spellings(secret.value)[0] == ("plain", secret.value)

"""Hosts: one's own or outside, also where somebody tries to make them look otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwarden.model.event import Effect, EffectKind, Event
from spanwarden.policy.destinations import destinations, host_of, zone_of

OWN = ("acme.com", "*.acme.io", "203.0.113.0/24", "198.51.100.7")


@pytest.mark.parametrize(
    ("host", "zone"),
    [
        ("localhost", "internal"),
        ("db", "internal"),
        ("127.0.0.1", "internal"),
        ("10.1.2.3", "internal"),
        ("172.16.0.1", "internal"),
        ("172.32.0.1", "external"),
        ("192.168.1.1", "internal"),
        ("169.254.169.254", "internal"),
        ("::1", "internal"),
        ("fd00::1", "internal"),
        ("::ffff:10.0.0.1", "internal"),
        ("::ffff:8.8.8.8", "external"),
        ("8.8.8.8", "external"),
        ("2130706433", "internal"),
        ("0x7f000001", "internal"),
        ("134744072", "external"),
        ("api.svc.cluster.local", "internal"),
        ("wiki.corp", "internal"),
        ("wiki.corp.evil.com", "external"),
        ("127.0.0.1.nip.io", "external"),
        ("acme.com", "internal"),
        ("MAIL.ACME.COM.", "internal"),
        ("notacme.com", "external"),
        ("acme.com.evil.net", "external"),
        ("x.acme.io", "internal"),
        ("203.0.113.9", "internal"),
        ("198.51.100.7", "internal"),
        ("198.51.100.8", "external"),
        ("192.0.2.1", "external"),
        ("100.64.0.1", "internal"),
        ("example.com", "external"),
    ],
)
def test_a_host_is_inside_only_if_it_is_shown_to_be(host: str, zone: str) -> None:
    assert zone_of(host, OWN) == zone


@pytest.mark.parametrize(
    ("target", "host", "encrypted"),
    [
        ("https://Example.com:8443/a?b#c", "example.com", True),
        ("http://example.com", "example.com", False),
        ("https://acme.com@evil.com/", "evil.com", True),
        ("https://evil.com\\@acme.com/", "evil.com", True),
        ("https://evil.com#@acme.com", "evil.com", True),
        ("https://evil.com?@acme.com", "evil.com", True),
        ("http://[::1]:80/x", "::1", False),
        ("git@github.com:o/r.git", "github.com", True),
        ("ssh://git@github.com/o/r", "github.com", True),
        ("example.com:443", "example.com", True),
        ("example.com:80", "example.com", False),
        ("example.com:9999", "example.com", None),
        ("example.com", "example.com", None),
        ("", None, None),
        ("https://", None, None),
        ("how to bake bread", None, None),
        ("https://" + "a" * 400, None, None),
    ],
)
def test_the_host_is_the_one_that_would_be_reached(target: str, host: str | None, encrypted: bool | None) -> None:
    assert host_of(target) == (host, encrypted)


@pytest.mark.parametrize(
    ("kind", "target", "detail", "zone"),
    [
        ("network_fetch", "https://x.acme.com", None, "internal"),
        ("network_send", None, None, "unknown"),
        ("network_fetch", "left-pad", "install", "external"),
        ("network_fetch", "best pizza", "search", "external"),
        ("network_send", "DE89370400440532013000", "payment", "external"),
        ("message_send", "bob@acme.com", None, "internal"),
        ("message_send", "eve@evil.com", None, "external"),
        ("message_send", "Eve <eve@evil.com>", None, "external"),
        ("message_send", "#general", None, "internal"),
        ("message_send", None, None, "unknown"),
        ("vcs_write", "acme/shop", "pr create", "external"),
        ("vcs_write", "https://git.acme.com/shop", "push", "internal"),
        ("vcs_write", "origin", "commit", None),
        ("vcs_write", "./a/b", "add", None),
        ("network_fetch", "file:///etc/passwd", None, None),
        ("file_read", "/etc/passwd", None, None),
    ],
)
def test_effects_lead_where_their_targets_are(
    kind: EffectKind, target: str | None, detail: str | None, zone: str | None
) -> None:
    found = list(destinations(Event("tool_call", effects=(Effect(kind, target, detail),)), OWN))
    assert [place.zone for place in found] == ([zone] if zone else [])


@given(st.text(max_size=80))
def test_any_target_is_read(text: str) -> None:
    host, _ = host_of(text)
    if host is not None:
        assert zone_of(host, OWN) in {"internal", "external"}

"""What follows from an event itself: where it leads, what sort of action it is, what rights it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import re2

from spanwarden.detectors.personal import find_personal
from spanwarden.detectors.texts import leaves
from spanwarden.effects.naming import words_of
from spanwarden.effects.table import squashed
from spanwarden.model.event import Content, Effect, Event
from spanwarden.policy import metadata_table as words
from spanwarden.policy.destinations import Destination, is_below
from spanwarden.policy.metadata_table import MetadataTable

_ZONES = ("external", "unknown", "internal")
_WRITES = frozenset({"file_write", "network_send", "message_send", "vcs_write", "memory_write"})
_BEARER = re2.compile(r"(?i)authorization['\"]?\s*[:=]\s*['\"]?\s*(?:bearer|token)\s|--oauth2-bearer\s")
_BASIC = re2.compile(
    r"(?i)authorization['\"]?\s*[:=]\s*['\"]?\s*basic\s|\s(?:-u|--user)[ =]?['\"]?[^\s:'\"]+:|://[^/\s:@]+:[^/\s@]+@"
)
_API_KEY = re2.compile(r"(?i)x-api-key['\"]?\s*[:=]|[?&]api_?key=")
_METHODS = (
    ("bearer", ("authorization", "--oauth2-bearer"), _BEARER),
    ("basic", ("authorization", "-u", "://"), _BASIC),
    ("api_key", ("api",), _API_KEY),
)
"""Each with texts of which it holds one: far cheaper to look for than the pattern."""
_AUTH_KEYS = {
    "apikey": "api_key",
    "xapikey": "api_key",
    "accesstoken": "bearer",
    "bearertoken": "bearer",
    "oauthtoken": "bearer",
}
_MAX_LOOKED_AT = 16_384


def where(reached: Iterable[Destination], table: MetadataTable) -> dict[str, Any]:
    """Return the facts about the places that a call reaches."""
    places = list(reached)
    if not places:
        return {"network_zone": "none"}
    zones = {place.zone for place in places}
    known: dict[str, Any] = {"network_zone": next(zone for zone in _ZONES if zone in zones)}
    told = [place.encrypted for place in places if place.zone != "internal" or len(zones) == 1]
    if told and None not in told:
        known["encrypted"] = all(told)
    outside = [place.host for place in places if place.zone == "external"]
    if outside:
        approved = all(host is not None and is_below(host, table.approved_hosts) for host in outside)
        known["domain_approved"] = known["vendor_approved"] = approved
    elif "unknown" not in zones:
        known["domain_approved"] = True
    return known


def category(event: Event, content: Content) -> str | None:
    """Return what sort of action a call is; of several sorts the one that matters most."""
    return next(_categories(event, set(words_of(event.tool or "")), content), None)


def _categories(event: Event, name: set[str], content: Content) -> Iterator[str]:
    """Yield what sorts of action a call is, the one that matters most first."""
    if any(e.detail == "payment" for e in event.effects) or (name & words.MONEY and not name & words.READING):
        yield "financial"
    browsing = bool(name & words.BROWSING)
    if browsing and name & words.FORMS and _fills_in_a_card(content):
        yield "payment"
    if any(e.kind == "message_send" for e in event.effects):
        yield "communication"
    if browsing:
        yield "browser"
    for effect in event.effects:
        yield "code" if effect.detail == "code" else words.CATEGORIES[effect.kind]
    if name & words.TRANSFORMING:
        yield "data_transform"


def _fills_in_a_card(content: Content) -> bool:
    """Tell whether a form is filled in with a card: by the names of the fields, or by a number that is one."""
    for leaf in leaves(content.arguments, "arguments")[:64]:
        named = squashed(leaf.field.rpartition(".")[2])
        if named in words.CARD_FIELDS or squashed(leaf.text[:64]) in words.CARD_FIELDS:
            return True
        if any(found.kind == "card-number" for found in find_personal(leaf.text[:_MAX_LOOKED_AT])):
            return True
    return False


def permission_level(event: Event) -> str | None:
    """Return the right that a call takes: admin, execute, write or read; None where nothing tells."""
    kinds = {effect.kind for effect in event.effects}
    if "approval" in kinds:
        return None
    name = set(words_of(event.tool or ""))
    changes_accounts = bool(name & words.ACCOUNTS and name & words.CHANGING)
    if (name & words.ADMIN and not name & words.READING) or changes_accounts or any(map(_is_admin, event.effects)):
        return "admin"
    if "shell" in kinds:
        return "execute"
    if kinds & _WRITES or any(e.kind == "db_query" and _changes(e.target) for e in event.effects):
        return "write"
    return "read" if kinds else None


def _is_admin(effect: Effect) -> bool:
    if effect.detail in {"privilege", "permissions"}:
        return True
    if effect.kind == "file_write" and effect.target:
        return (
            effect.target.replace("\\", "/").lower().startswith(words.SYSTEM_FOLDERS) and effect.target != "/dev/null"
        )
    return effect.kind == "db_query" and bool(
        {"grant", "revoke"}.intersection((effect.target or "").lower().split()[:1])
    )


def _changes(query: str | None) -> bool:
    return bool(query) and (query or "").lstrip()[:8].lower().startswith(
        ("insert", "update", "delete", "drop", "alter", "create", "truncate", "merge", "replace")
    )


def alters(event: Event) -> bool:
    """Tell whether a call deletes, forces, or changes what a database holds; more widely than `destroys` does."""
    for effect in event.effects:
        if effect.detail in {"delete", "force"} and effect.kind != "memory_write":
            return True
        if effect.kind == "db_query" and words.DESTRUCTIVE_SQL.intersection((effect.target or "").lower().split()[:1]):
            return True
    return False


def auth_method(event: Event, content: Content) -> str | None:
    """Return how a call says who it is: bearer, basic, api_key or ssh; None where nothing tells."""
    given = content.arguments
    texts = [effect.target for effect in event.effects if effect.target]
    if isinstance(given, Mapping):
        for key, value in list(given.items())[:64]:
            method = _AUTH_KEYS.get(squashed(str(key)[:64]))
            if method and value:
                return method
            if isinstance(value, Mapping):
                texts += [f"{name}: {item} " for name, item in list(value.items())[:64] if isinstance(item, str)]
    looked_at = " ".join(texts)[:_MAX_LOOKED_AT].encode("ascii", "replace").decode()
    low = looked_at.lower()
    for method, hints, pattern in _METHODS:
        if any(hint in low for hint in hints) and pattern.search(looked_at):
            return method
    return "ssh" if any(text.startswith(("ssh://", "sftp://", "git@")) for text in texts) else None

"""Facts about an event that conditions read: where it leads, how sensitive its data is, what sort of action it is.

What the sender wrote goes first, then what the user's table says of the tool, host or path, then what is derived from
effects, destinations and content. docs/metadata.md says what each value means.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any

import re2

from spanwarden.detectors.personal import find_personal
from spanwarden.detectors.texts import leaves
from spanwarden.effects.naming import words_of
from spanwarden.effects.table import squashed
from spanwarden.model.event import Content, Effect, Event
from spanwarden.policy import metadata_table as words
from spanwarden.policy.approvals import approval_for
from spanwarden.policy.classification import first, levels
from spanwarden.policy.destinations import Destination, destinations, is_below
from spanwarden.policy.destruction import destroys
from spanwarden.policy.metadata_table import MetadataTable
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.touched import touched_paths

_ACTIONS = frozenset({"tool_call", "retrieval", "handoff"})
_ZONES = ("external", "unknown", "internal")
_WRITES = frozenset({"file_write", "network_send", "message_send", "vcs_write", "memory_write"})
_BEARER = re2.compile(r"(?i)authorization['\"]?\s*[:=]\s*['\"]?\s*(?:bearer|token)\s|--oauth2-bearer\s")
_BASIC = re2.compile(
    r"(?i)authorization['\"]?\s*[:=]\s*['\"]?\s*basic\s|\s(?:-u|--user)[ =]?['\"]?[^\s:'\"]+:|://[^/\s:@]+:[^/\s@]+@"
)
_API_KEY = re2.compile(r"(?i)x-api-key['\"]?\s*[:=]|[?&]api_?key=")
_AUTH_KEYS = {
    "apikey": "api_key",
    "xapikey": "api_key",
    "accesstoken": "bearer",
    "bearertoken": "bearer",
    "oauthtoken": "bearer",
}
_MAX_LOOKED_AT = 16_384


def metadata_of(view: RunView, index: int) -> dict[str, Any]:
    """Return what is known of one event of a run. A key is absent where nothing tells; worked out once an event."""
    return view.once(("metadata", index), lambda: _metadata(view, index, view.table))


def _metadata(view: RunView, index: int, table: MetadataTable) -> dict[str, Any]:
    event, content = view.events[index], view.content(index)
    known: dict[str, Any] = {}
    if table.environment:
        known["environment"] = table.environment
    known.update(_identity(view, event))
    if event.kind in _ACTIONS:
        reached = list(destinations(event, table.own_hosts))
        known.update(_where(reached, table))
        known.update(_what(event, content))
        known.update(_sensitivity(view, index, known.get("network_zone")))
        known.update(_trust(view, index, known))
        known.update(_listed(event, reached, table))
    else:
        held = first(levels(view, index, ()))
        if held:
            known["data_classification"] = held
    if event.status == "error" or content.error:
        known["error"] = content.error or "error"
    known.update(_sent(content))
    return known


def _identity(view: RunView, event: Event) -> dict[str, Any]:
    known = {"trace_id": event.trace_id.hex(), "session_id": view.run.conversation}
    return {name: value for name, value in known.items() if value}


def _where(reached: Iterable[Destination], table: MetadataTable) -> dict[str, Any]:
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


def _what(event: Event, content: Content) -> dict[str, Any]:
    name = set(words_of(event.tool or ""))
    found = list(_categories(event, name, content))
    category = next((c for c in words.FIRST if c in found), found[0] if found else None)
    known: dict[str, Any] = {"category": category} if category else {}
    level = _permission_level(event, name)
    if level:
        known["permission_level"] = level
    method = _auth_method(event, content)
    if method:
        known["auth_method"] = method
    return known


def _categories(event: Event, name: set[str], content: Content) -> Iterable[str]:
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


def _permission_level(event: Event, name: set[str]) -> str | None:
    kinds = {effect.kind for effect in event.effects}
    if "approval" in kinds:
        return None
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


def _destroys(event: Event) -> bool:
    for effect in event.effects:
        if effect.detail in {"delete", "force"} and effect.kind != "memory_write":
            return True
        if effect.kind == "db_query" and words.DESTRUCTIVE_SQL.intersection((effect.target or "").lower().split()[:1]):
            return True
    return False


def _auth_method(event: Event, content: Content) -> str | None:
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
    for method, pattern in (("bearer", _BEARER), ("basic", _BASIC), ("api_key", _API_KEY)):
        if pattern.search(looked_at):
            return method
    return "ssh" if any(text.startswith(("ssh://", "sftp://", "git@")) for text in texts) else None


def _sensitivity(view: RunView, index: int, zone: Any) -> dict[str, Any]:
    """Return the classification: of what leaves for an event that goes outside, else of everything it touched."""
    content = view.content(index)
    outside = zone == "external"
    known: dict[str, Any] = {}
    held = first(levels(view, index, ("arguments",) if outside else ("arguments", "result")))
    if held is None and (content.arguments is not None or content.result is not None):
        held = "public" if outside else "internal"
    if held:
        known["data_classification"] = held
    received = first(levels(view, index, ("result",))) if outside else None
    if received:
        known["received_classification"] = received
    return known


def _trust(view: RunView, index: int, known: Mapping[str, Any]) -> dict[str, Any]:
    event = view.events[index]
    leaks = known.get("network_zone") == "external" and known.get("data_classification") in {"secret", "phi", "pii"}
    grave = known.get("category") in {"financial", "payment"} or known.get("permission_level") == "admin"
    destructive = destroys(event)
    facts: dict[str, Any] = {"requires_approval": bool(leaks or grave or destructive or _destroys(event))}
    facts["destructive"] = destructive
    token = approval_for(view, index)
    if token:
        facts["approval_token"] = token
    return facts


def _listed(event: Event, reached: Iterable[Destination], table: MetadataTable) -> dict[str, Any]:
    """Return what the user's table says of the event's paths, hosts and tool; the tool has the last word."""
    known: dict[str, Any] = {}
    for _, path in zip(range(64), touched_paths(event) if table.paths else (), strict=False):
        for pattern, facts in table.paths.items():
            if _glob(pattern).match(path[-4096:]):
                known.update(facts)
    hosts = [place.host for place in reached if place.host] if table.hosts else []
    for host in hosts[:64]:
        for listed, facts in table.hosts.items():
            if is_below(host, (listed,)):
                known.update(facts)
    if event.tool and table.tools:
        named = squashed(event.tool)
        for tool, facts in table.tools.items():
            if squashed(tool) == named:
                known.update(facts)
    return known


@functools.lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    # fnmatch.translate writes atomic groups: no pattern backtracks, whatever the path.
    return re.compile(fnmatch.translate(pattern))


def _sent(content: Content) -> Mapping[str, Any]:
    """Return what the sender wrote beside the event: attributes, or a transcript event's own `metadata`."""
    raw = content.raw
    own = raw.get("metadata") if isinstance(raw, Mapping) else None
    return {**(own if isinstance(own, Mapping) else {}), **(content.metadata or {})}

"""Facts that a sender writes beside its records under the names that policies know, whatever the dialect."""

from __future__ import annotations

from typing import Any

from spanwarden.dialects.base import Attributes
from spanwarden.otlp import values

_WORDS = """
    access_type approval_token audit_ref auth_method baa_on_file category change_ticket consent_token
    data_classification dest_region domain_approved encrypted environment fields_scoped has_citation hipaa_authorized
    incident_id input_validated legal_basis log_level network_zone output_validated permission_level proxy_approved
    requires_approval requires_citation retention_days retention_exceeded reviewed source_region tenant tenant_id
    tool_schema_hash transfer_approved user user_id vendor_approved
    """
NAMES = frozenset(_WORDS.split())
"""Metadata that policies in use read."""

_KNOWN_AS = {
    "user.id": "user",
    "enduser.id": "user",
    "enduser.pseudo.id": "user",
    "langfuse.user.id": "user",
    "ai.telemetry.metadata.userId": "user",
    "tenant.id": "tenant",
}
"""Attributes that the conventions and dialects have for some of them."""

_PREFIXES = ("metadata", "association.properties", "troy", "policy")
_ENVIRONMENT = ("deployment.environment.name", "deployment.environment")
_MAX_TEXT = 512


def sent_metadata(attributes: Attributes, resource: Attributes) -> dict[str, Any]:
    """Return what a record's own attributes say under `NAMES`.

    A name stands alone, after a prefix (`metadata.category`, `langfuse.observation.metadata.category`), or in the
    object that an attribute called `metadata` holds; in this order they win. Values are scalars; long texts are cut.
    Attributes of the conventions that mean the same come next. The environment and the tenant are taken from the
    resource where the record has none.
    """
    found: dict[str, tuple[int, Any]] = {}
    for key, encoded in attributes.items():
        prefix, dot, name = key.rpartition(".")
        if name in NAMES and (not dot or prefix.endswith(_PREFIXES)):
            _keep(found, name, values.decode(encoded), 1 if dot else 0)
        elif name == "metadata":
            held = values.structure(encoded)
            for inner in NAMES.intersection(held) if isinstance(held, dict) else ():
                _keep(found, inner, held[inner], 2)
        elif key in _KNOWN_AS:
            _keep(found, _KNOWN_AS[key], values.decode(encoded), 3)
    told = {name: value for name, (_, value) in found.items()}
    if "environment" not in told:
        stage = next((text for key in _ENVIRONMENT if (text := values.text(resource.get(key))) is not None), None)
        if stage:
            told["environment"] = stage[:_MAX_TEXT]
    if "tenant" not in told and (tenant := values.text(resource.get("tenant.id"))):
        told["tenant"] = tenant[:_MAX_TEXT]
    return told


def _keep(found: dict[str, tuple[int, Any]], name: str, value: Any, rank: int) -> None:
    if isinstance(value, str | int | float | bool) and (name not in found or rank < found[name][0]):
        found[name] = rank, value[:_MAX_TEXT] if isinstance(value, str) else value

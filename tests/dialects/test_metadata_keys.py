"""Facts that a sender writes beside its records."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanwarden.dialects.metadata_keys import sent_metadata


def encoded(**values: Any) -> dict[str, bytes]:
    made = {}
    for key, value in values.items():
        told = AnyValue(bool_value=value) if isinstance(value, bool) else AnyValue(string_value=value)
        made[key.replace("__", ".")] = told.SerializeToString()
    return made


@pytest.mark.parametrize(
    "key",
    ["approval_token", "metadata.approval_token", "langfuse.observation.metadata.approval_token",
     "traceloop.association.properties.approval_token", "troy.approval_token"],
)  # fmt: skip
def test_a_name_stands_alone_or_after_a_prefix(key: str) -> None:
    assert sent_metadata(encoded(**{key: "t1"}), {}) == {"approval_token": "t1"}


def test_an_object_called_metadata_is_opened_and_the_plainest_spelling_wins() -> None:
    held = encoded(metadata='{"category": "financial", "encrypted": true, "other": 1, "network_zone": {"a": 1}}')
    assert sent_metadata(held, {}) == {"category": "financial", "encrypted": True}
    assert sent_metadata({**held, **encoded(metadata__category="b")}, {})["category"] == "b"
    assert sent_metadata({**encoded(category="a"), **encoded(metadata__category="b")}, {})["category"] == "a"


@pytest.mark.parametrize("key", ["error.category", "gen_ai.tool.call.arguments.approval_token", "metadata.unheard_of"])
def test_other_keys_say_nothing(key: str) -> None:
    assert sent_metadata(encoded(**{key: "x"}), {}) == {}


def test_the_environment_is_the_resources_where_the_record_has_none() -> None:
    resource = encoded(deployment__environment__name="production")
    assert sent_metadata({}, resource) == {"environment": "production"}
    assert sent_metadata(encoded(environment="test"), resource) == {"environment": "test"}


@pytest.mark.parametrize("key", ["user.id", "enduser.id", "langfuse.user.id", "ai.telemetry.metadata.userId"])
def test_the_conventions_names_of_the_user_are_understood(key: str) -> None:
    assert sent_metadata(encoded(**{key: "u1"}), {}) == {"user": "u1"}
    assert sent_metadata(encoded(**{key: "u1", "metadata.user": "u2"}), {}) == {"user": "u2"}


def test_the_tenant_is_the_resources_where_the_record_has_none() -> None:
    resource = encoded(tenant__id="acme")
    assert sent_metadata({}, resource) == {"tenant": "acme"}
    assert sent_metadata(encoded(tenant__id="other"), resource) == {"tenant": "other"}


def test_long_texts_are_cut_and_broken_values_left_out() -> None:
    assert len(sent_metadata(encoded(category="x" * 10_000), {})["category"]) == 512
    assert sent_metadata({"category": b"\xff\xff", "metadata": b"\x0a\x02{{"}, {}) == {}

"""Who is held to the suite, and what each may legitimately do differently.

`OTLP_TARGET_GRPC` and `OTLP_TARGET_HTTP` (host:port, plain text) name a receiver that runs already, and
`OTLP_TARGET_KIND` which row of TARGETS it is; without them a spanwarden receiver is started in this process with its
default settings. The receiver must take traces, logs and metrics.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Literal

from grpc import StatusCode

MIB = 1 << 20


@dataclass(frozen=True)
class Allowed:
    """What a target may answer. Where it differs from spanwarden, `reasons` says why that is no fault."""

    http_body_limit: int
    """Largest body as sent that is taken."""
    decompressed_limit: int
    """Largest body after decompression that is taken over HTTP."""
    grpc_limit: int
    """Largest message as sent that is taken."""
    too_large: frozenset[int] = frozenset({413})
    unknown_encoding: frozenset[int] = frozenset({415})
    grpc_undecodable: frozenset[StatusCode] = frozenset({StatusCode.INVALID_ARGUMENT})
    details_on_bad_data: bool = True
    """Whether bad data is answered with google.rpc.BadRequest in the details."""
    not_utf8: frozenset[int] = frozenset({400})
    """What a JSON request with bytes that are no UTF-8 is answered with."""
    status_body_on: frozenset[int] = frozenset({400, 404, 405, 413, 415})
    """Which statuses carry a google.rpc.Status."""
    odd_ids: Literal["partial_success", "malformed"] = "partial_success"
    """What becomes of a request with good spans and one whose id has the wrong length."""
    zero_ids: Literal["partial_success", "accepted"] = "partial_success"
    enum_names: frozenset[int] = frozenset({400})
    """What JSON with an enum spelt by name is answered with."""
    reads_snake_case: bool = False
    can_be_overloaded: bool = True
    """Whether the suite can bring the target into overload."""
    reasons: dict[str, str] = field(default_factory=dict)


TARGETS = {
    "spanwarden": Allowed(http_body_limit=16 * MIB, decompressed_limit=64 * MIB, grpc_limit=16 * MIB),
    "collector": Allowed(
        http_body_limit=20 * MIB,
        decompressed_limit=20 * MIB,
        grpc_limit=4 * MIB,
        too_large=frozenset({400, 413}),
        unknown_encoding=frozenset({400, 415}),
        grpc_undecodable=frozenset({StatusCode.INTERNAL, StatusCode.INVALID_ARGUMENT}),
        details_on_bad_data=False,
        not_utf8=frozenset({400, 500}),
        status_body_on=frozenset({400}),
        odd_ids="malformed",
        zero_ids="accepted",
        enum_names=frozenset({200, 400}),
        reads_snake_case=True,
        can_be_overloaded=False,
        reasons={
            "http_body_limit": "confighttp's default is 20 MiB, and it also bounds what is decompressed",
            "grpc_limit": "grpc-go's default is 4 MiB",
            "too_large": "its body reader ends in an error that is answered as bad data",
            "unknown_encoding": "confighttp answers an unknown encoding as bad data",
            "grpc_undecodable": "grpc-go decodes before the service is asked and answers INTERNAL",
            "details_on_bad_data": "the specification says SHOULD",
            "not_utf8": "it repeats the bytes in its message, which then cannot be written as protobuf text",
            "status_body_on": "paths, methods and media types are refused by Go's own HTTP code in plain text",
            "odd_ids": "pdata refuses to decode an id of the wrong length, and with it the request",
            "zero_ids": "pdata does not look whether an id is all zero",
            "enum_names": "pdata reads names as well; the specification binds senders to integers",
            "reads_snake_case": "pdata takes both spellings; the specification has lowerCamelCase only",
            "can_be_overloaded": "it needs a memory_limiter that is made to trip from outside",
        },
    ),
}


def external() -> tuple[str, str, str] | None:
    """Return the gRPC address, the HTTP address and the kind of a target given by the environment."""
    grpc, http = os.environ.get("OTLP_TARGET_GRPC"), os.environ.get("OTLP_TARGET_HTTP")
    if bool(grpc) != bool(http):
        raise RuntimeError("OTLP_TARGET_GRPC and OTLP_TARGET_HTTP go together")
    if not grpc or not http:
        return None
    kind = os.environ.get("OTLP_TARGET_KIND", "collector")
    if kind not in TARGETS:
        raise RuntimeError(f"OTLP_TARGET_KIND is one of {', '.join(TARGETS)}, not {kind!r}")
    return grpc, http, kind

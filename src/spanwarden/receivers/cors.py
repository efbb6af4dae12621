"""Cross-origin requests: which web pages may send telemetry."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from pydantic import Field, field_validator, model_validator

from spanwarden.configuration.section import Duration, Section
from spanwarden.receivers.http_messages import Head, Response

_ALWAYS = ("accept", "content-type", "content-encoding", "x-requested-with", "traceparent", "tracestate")
_MAX_ORIGIN = 1024


class CorsSettings(Section):
    """CORS; off unless origins are allowed."""

    allowed_origins: tuple[str, ...] = Field(
        (), description='Origins whose pages may send, such as "https://*.example.com" (one * each) or "*" for all.'
    )
    allowed_headers: tuple[str, ...] = Field(
        (), description="Request headers that pages may set beside the usual ones of OTLP exporters."
    )
    exposed_headers: tuple[str, ...] = Field((), description="Response headers that pages may read.")
    max_age: Duration = Field(0.0, description="How long browsers may remember the answer to a preflight request.")
    allow_credentials: bool = Field(
        False, description="Let pages send cookies and client certificates; never together with the origin *."
    )

    @field_validator("allowed_origins")
    @classmethod
    def _one_wildcard(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if origin.count("*") > 1:
                raise ValueError(f"an origin may hold one *, not {origin!r}")
            if origin != "*" and "://" not in origin:
                raise ValueError(f"an origin begins with its scheme, as in https://{origin}")
        return origins

    @field_validator("allowed_headers", "exposed_headers")
    @classmethod
    def _tokens(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"not the name of a header: {name!r}")
        return names

    @model_validator(mode="after")
    def _no_credentials_for_all(self) -> CorsSettings:
        if self.allow_credentials and any(o == "*" or o.endswith("://*") for o in self.allowed_origins):
            raise ValueError("allow_credentials needs origins that are named, not *")
        return self


class Cors:
    """Answers preflight requests and marks responses for the origins that are allowed."""

    def __init__(self, settings: CorsSettings) -> None:
        self._settings = settings
        self._patterns = [tuple(origin.lower().partition("*")) for origin in settings.allowed_origins]
        self._headers = frozenset(_ALWAYS) | {name.lower() for name in settings.allowed_headers}
        self._any = "*" in settings.allowed_origins

    def allows(self, origin: str) -> bool:
        """Tell whether pages of an origin may send."""
        origin = origin.lower()
        if len(origin) > _MAX_ORIGIN:
            return False
        for before, star, after in self._patterns:
            if star:
                long_enough = len(origin) >= len(before) + len(after)
                if long_enough and origin.startswith(before) and origin.endswith(after):
                    return True
            elif origin == before:
                return True
        return False

    def preflight(self, head: Head) -> Response | None:
        """Return the answer to a preflight request, None if the request is none."""
        headers = head.headers
        if head.method != "OPTIONS" or "origin" not in headers or "access-control-request-method" not in headers:
            return None
        names = [n.strip().lower() for n in headers.get("access-control-request-headers", "").split(",")]
        allowed = sorted({name for name in names if name in self._headers})
        answer = [("vary", "origin, access-control-request-method, access-control-request-headers")]
        if self.allows(headers["origin"]):
            answer += self._origin(headers["origin"])
            answer.append(("access-control-allow-methods", "POST"))
            if allowed:
                answer.append(("access-control-allow-headers", ", ".join(allowed)))
            if self._settings.max_age:
                answer.append(("access-control-max-age", str(int(self._settings.max_age))))
        return Response(HTTPStatus.NO_CONTENT, headers=tuple(answer))

    def mark(self, headers: Mapping[str, str], response: Response) -> Response:
        """Return a response that the page behind a request may read, if its origin is allowed."""
        origin = headers.get("origin")
        if origin is None or not self.allows(origin):
            return response
        extra = [("vary", "origin"), *self._origin(origin)]
        if self._settings.exposed_headers:
            extra.append(("access-control-expose-headers", ", ".join(self._settings.exposed_headers)))
        return response._replace(headers=(*response.headers, *extra))

    def _origin(self, origin: str) -> list[tuple[str, str]]:
        named = [("access-control-allow-origin", "*" if self._any else origin)]
        if self._settings.allow_credentials:
            named.append(("access-control-allow-credentials", "true"))
        return named
